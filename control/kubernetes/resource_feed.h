#pragma once
// ResourceFeed: drives one Reflector: asks the API server what it wants asked, tells it what came,
// waits when it wants to wait; says once when the server stops answering and once when it does
// again. Owner: KubernetesSource, which passes on that the server is back, so that not every feed
// has to find out by itself at the end of its own delay. Thread: its loop's.

#include <memory>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/reflector.h"

namespace weft::control::kube {

class ResourceFeed final : public http::CallHolder, public KubeWatch::Holder, public TimerSink {
 public:
  class Owner {
   public:
    virtual void on_heard_again() = 0;

   protected:
    ~Owner() = default;
  };

  ResourceFeed(Turn& turn, KubeClient& client, Owner& owner, const Resource& resource,
               Reflector::Store& store, Random& random, const Reflector::Options& options);
  ResourceFeed(const ResourceFeed&) = delete;
  ResourceFeed& operator=(const ResourceFeed&) = delete;
  ~ResourceFeed();

  void start() { go(); }
  void stop();
  // The server has answered somebody else after a time in which it did not.
  void hurry();

  [[nodiscard]] const Reflector& reflector() const { return reflector_; }
  // How long ago the server last answered; zero before it first did.
  [[nodiscard]] Duration silent_for() const;

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;
  void on_watch_open() override;
  void on_watch_line(std::string_view line, bool too_long) override;
  void on_watch_refused(const http::ResponseHead& head, std::string_view body) override;
  void on_watch_end(const std::string& why) override;
  void on_timer(Timer& timer) override;

 private:
  void go();
  void say_how_it_is();
  void note_contact() { contact_ = turn_.now(); }

  Turn& turn_;
  KubeClient& client_;
  Owner& owner_;
  Reflector reflector_;
  Timer pause_;
  std::unique_ptr<http::Call> call_;
  std::unique_ptr<KubeWatch> watch_;
  TimePoint watching_since_{};
  TimePoint contact_{};
  bool complained_ = false;
  bool stopped_ = false;
};

}  // namespace weft::control::kube
