#pragma once
// ClusterReader: asks the API server everything that `weft check` wants to know, and changes
// nothing: reads, and access reviews, which are questions as well.
//
// The version first: if that is not answered, nothing is asked. Then everything else, a few at a
// time, and the pods last, in pages, since what is to be said of them depends on their namespaces.
// A question that is not answered leaves its problem in the facts. Owner: the command; it outlives
// the calls and lies before its KubeClient's end. Thread: its loop's.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/check/cluster_facts.h"
#include "control/kubernetes/kube_client.h"

namespace weft::control::check {

class ClusterReader final : public http::CallHolder {
 public:
  static constexpr std::size_t kCallsMax = 8;  // at once
  static constexpr std::size_t kPodsPage = 500;
  static constexpr std::size_t kPagesMax = 1000;

  class Owner {
   public:
    // Everything has been asked; the last event.
    virtual void on_read() = 0;

   protected:
    ~Owner() = default;
  };
  struct Options {
    bool before_install = false;
    std::string server;    // for people
    std::string revision;  // empty: the only one
    std::vector<std::string> definitions;
    std::vector<Permission> permissions;
  };

  ClusterReader(kube::KubeClient& client, Owner& owner, Options options);
  ClusterReader(const ClusterReader&) = delete;
  ClusterReader& operator=(const ClusterReader&) = delete;

  void start();
  [[nodiscard]] const ClusterFacts& facts() const { return facts_; }
  // Why nothing was asked; empty: it was.
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;

 private:
  enum class Stage : std::uint8_t { kVersion, kQuestions, kPods, kDone };
  struct Heard {
    std::uint16_t status = 0;
    std::string body;
    std::string failure;  // no answer
  };
  using Take = std::function<void(Heard&&)>;
  struct Question {
    kube::KubeRequest request;
    bool list = false;
    Take take;
  };
  struct Running {
    std::unique_ptr<http::Call> call;
    Take take;
  };

  void ask(kube::KubeRequest request, bool list, Take take);
  void ask_object(const std::string& target, Answer& into, bool list = false);
  void ask_permission(const Permission& permission);
  void ask_pods(const std::string& from);
  void ask_everything();
  void on_heard(http::Call& call, Heard&& heard);
  void advance();

  kube::KubeClient& client_;
  Owner& owner_;
  const Options options_;
  ClusterFacts facts_;
  std::string problem_;
  Stage stage_ = Stage::kVersion;
  std::size_t pages_ = 0;
  std::deque<Question> waiting_;
  std::map<const http::Call*, Running> running_;
};

}  // namespace weft::control::check
