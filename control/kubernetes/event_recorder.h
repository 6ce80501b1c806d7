#pragma once
// EventRecorder: tells people through events of the API server (events.k8s.io/v1) what has become
// of their objects: `kubectl describe` and `kubectl events` show them.
//
// The same about the same object is told once an hour; what waits is bounded, sent slowly and
// dropped with a count where the API server does not take it: an event is a courtesy and never
// holds up anything. Only while this replica leads. Owner: ClusterWriter. Thread: its loop's.

#include <deque>
#include <map>
#include <memory>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "sidecar/core/token_bucket.h"
#include "sidecar/core/turn.h"

namespace weft::control::kube {

struct KubeEvent {
  static constexpr std::size_t kNoteMax = 1000;  // the API takes 1,024

  std::string api_version;  // of the object it is about
  std::string kind;
  std::string name_space;  // empty for a kind that has none
  std::string name;
  std::string uid;
  bool warning = true;
  std::string reason;  // "Refused"
  std::string action;  // "Read": what was tried
  std::string note;
};

class EventRecorder final : public http::CallHolder, public TimerSink {
 public:
  static constexpr std::size_t kWaitingMax = 256;
  static constexpr std::size_t kRememberedMax = 4096;
  static constexpr Duration kAgain = std::chrono::hours(1);
  static constexpr double kPerSecond = 2;
  static constexpr double kBurst = 20;

  struct Stats {
    Counter sent;
    Counter dropped;  // too many, or refused
  };

  // `instance`: of this replica, as in the Lease.
  EventRecorder(Turn& turn, KubeClient& client, std::string instance, WallTime (*wall_clock)());
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;
  ~EventRecorder();

  void tell(KubeEvent event);
  // This replica leads no more. What was told stays remembered.
  void stop();
  [[nodiscard]] const Stats& stats() const { return stats_; }

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void pump();

  Turn& turn_;
  KubeClient& client_;
  const std::string instance_;
  WallTime (*const wall_clock_)();
  TokenBucket bucket_{kPerSecond, kBurst, turn_.now()};
  Timer pause_;
  std::deque<KubeEvent> waiting_;
  std::map<std::uint64_t, TimePoint> told_;  // by a digest of object, reason and note
  std::unique_ptr<http::Call> call_;
  Stats stats_;
};

// As JSON. `number` makes its name one of its own.
[[nodiscard]] std::string event_text(const KubeEvent& event, const std::string& instance,
                                     WallTime now, std::uint64_t number);

}  // namespace weft::control::kube
