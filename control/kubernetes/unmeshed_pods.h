#pragma once
// UnmeshedPods: looks for pods that are to be meshed, by their label or their namespace's, and have
// no sidecar, and says why in an event of each: what cannot be injected (host network, another
// mesh, a port or user that is taken), or that it was made while nobody injected.
//
// The webhook cannot say it: a pod under review has no name yet. A pod is read whole once, when it
// is first found, and judged by the injector's own rules; few at a time. Only while this replica
// leads. Owner: ClusterWriter. Thread: its loop's.

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "control/injection/injection_context.h"
#include "control/kubernetes/event_recorder.h"
#include "control/kubernetes/translation.h"

namespace weft::control::kube {

using NamespaceLabels = std::map<std::string, Labels>;

class UnmeshedPods final : public http::CallHolder, public TimerSink {
 public:
  static constexpr Duration kLookEvery = std::chrono::seconds(10);
  static constexpr Duration kBetween = std::chrono::milliseconds(200);  // two that are read
  static constexpr std::size_t kWaitingMax = 256;  // the rest is found the next time
  static constexpr std::size_t kJudgedMax = 20'000;

  class Source {
   public:
    [[nodiscard]] virtual const Translation::Pods& pods() const = 0;
    [[nodiscard]] virtual const NamespaceLabels& namespaces() const = 0;

   protected:
    ~Source() = default;
  };

  // `context`: of the injector; the namespace is each pod's.
  UnmeshedPods(Turn& turn, KubeClient& client, const Source& source, EventRecorder& events,
               injection::InjectionContext context);
  UnmeshedPods(const UnmeshedPods&) = delete;
  UnmeshedPods& operator=(const UnmeshedPods&) = delete;
  ~UnmeshedPods();

  void start();
  void stop();
  // Pods that ask for a sidecar and have none, when it was looked last.
  [[nodiscard]] const Gauge& found() const { return found_; }

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void look();
  void read_next();
  void judge(const ObjectName& name, std::string_view body);

  KubeClient& client_;
  const Source& source_;
  EventRecorder& events_;
  const injection::InjectionContext context_;
  Timer look_;
  Timer read_;
  std::unique_ptr<http::Call> call_;
  ObjectName asked_;  // by call_
  std::deque<ObjectName> waiting_;
  // When the pod of that name was made that has been judged: another one may follow under its name.
  std::map<ObjectName, std::string> judged_;
  Gauge found_;
};

// Whether somebody asks for a sidecar in such a pod, as far as labels tell.
[[nodiscard]] bool asks_for_sidecar(const Labels& pod, const Labels& name_space,
                                    const std::string& revision);

// The event about a pod as the API server has it; nothing where there is nothing to say.
[[nodiscard]] std::optional<KubeEvent> event_of_pod(std::string_view pod,
                                                    const injection::InjectionContext& context);

}  // namespace weft::control::kube
