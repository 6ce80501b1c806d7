#pragma once
// RootSecret: the CA's root in a Secret, so that every replica signs with the same one.
//
// look() reads it; create() makes it where it is not there, and whoever was first has made it for
// all. A Secret that is there is never changed. Both go on asking until the API server has
// answered. Owner: Control. Thread: its loop's.

#include <memory>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "sidecar/core/backoff.h"

namespace weft::control::kube {

class RootSecret final : public http::CallHolder, public TimerSink {
 public:
  static constexpr const char* kName = "weft-root";
  static constexpr const char* kEntry = "root.pem";  // key and certificate

  class Owner {
   public:
    virtual void on_root(const std::string& pem) = 0;
    virtual void on_no_root() = 0;  // after look() alone

   protected:
    ~Owner() = default;
  };

  RootSecret(Turn& turn, KubeClient& client, Random& random, Owner& owner);
  RootSecret(const RootSecret&) = delete;
  RootSecret& operator=(const RootSecret&) = delete;
  ~RootSecret();

  void look();
  void create(std::string pem);
  // Why there is no root yet; empty before anything went wrong.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void ask();
  void try_later(std::string why, Duration at_least = Duration::zero());
  void on_secret(const std::string& body);

  KubeClient& client_;
  Random& random_;
  Owner& owner_;
  Timer pause_;
  Backoff backoff_{std::chrono::milliseconds(500), std::chrono::seconds(30)};
  std::unique_ptr<http::Call> call_;
  std::string pem_;  // to be created; wiped when it has been
  std::string problem_;
  bool creating_ = false;
};

}  // namespace weft::control::kube
