#pragma once
// StatusWriter: writes what is wanted under `status` where it is not there yet: one request for
// each object that differs, by server-side apply, some at a time, while this replica leads.
//
// Each write names the version of the object that it is based on, so that one that comes late or
// from a replica that no longer leads changes nothing that somebody else has written meanwhile
// (409): it is tried again with what is there then. Only what differs is written, so that our own
// change coming back by the watch is the end of it; an object that does not become what was written
// is tried ever more seldom. A message whose words alone differ (a count of sidecars) waits for
// `words_every`. Owner: ClusterWriter. Thread: its loop's.

#include <map>
#include <memory>
#include <set>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/status_book.h"
#include "control/kubernetes/status_text.h"
#include "control/kubernetes/wanted_status.h"
#include "sidecar/core/backoff.h"
#include "sidecar/core/token_bucket.h"
#include "sidecar/core/turn.h"

namespace weft::control::kube {

class StatusWriter final : public TimerSink {
 public:
  static constexpr const char* kFieldManager = "weft-control";

  struct Options {
    Duration settle = std::chrono::milliseconds(200);  // after a change, for the next ones
    Duration look_every = std::chrono::seconds(1);     // at most so often is everything compared
    Duration words_every = std::chrono::seconds(10);
    // So long the watch may take to bring what was written.
    Duration echo = std::chrono::seconds(5);
    // What stood there for so long as it was wanted is nobody's quarrel.
    Duration calm = std::chrono::minutes(1);
    double per_second = 20;
    double burst = 40;
    std::size_t at_once = 8;
    Duration backoff = std::chrono::milliseconds(500);
    Duration backoff_max = std::chrono::minutes(2);
  };
  struct Stats {
    Counter written;
    Counter conflicts;  // 409
    Counter failures;   // refused, or no answer
    Gauge waiting;      // objects that differ
  };
  class Owner {
   public:
    // Whether there is time for a write before the Lease ends.
    [[nodiscard]] virtual bool may_write() const = 0;
    [[nodiscard]] virtual WantedStatuses wanted_statuses() = 0;
    [[nodiscard]] virtual const StatusBook& status_book() const = 0;
    [[nodiscard]] virtual WallTime wall_now() const = 0;

   protected:
    ~Owner() = default;
  };

  StatusWriter(Turn& turn, KubeClient& client, Random& random, Owner& owner,
               const Options& options);
  StatusWriter(const StatusWriter&) = delete;
  StatusWriter& operator=(const StatusWriter&) = delete;
  ~StatusWriter();

  // What is wanted, or what is there, may be another than before.
  void note_change();
  // This replica leads no more: what is under way is dropped.
  void stop();
  [[nodiscard]] std::size_t under_way() const { return writes_.size(); }
  [[nodiscard]] const Stats& stats() const { return stats_; }

  void on_timer(Timer& timer) override;

 private:
  class Write;
  // What is known of an object that was tried.
  struct Trial {
    explicit Trial(const Options& options) : backoff(options.backoff, options.backoff_max) {}
    Backoff backoff;
    TimePoint not_before{};
    TimePoint sent{};
    std::string wanted;   // what was sent then
    std::string done_at;  // and the version that it was granted at
  };

  void look();
  void pump();
  void begin(const ObjectKey& key);
  [[nodiscard]] bool is_due(const ObjectKey& key, const HeldStatus& held, StatusChange change,
                            const Json& wanted);
  void finish(const ObjectKey& key, const std::string& version, std::uint16_t status,
              Duration retry_after, const std::string& why);

  Turn& turn_;
  KubeClient& client_;
  Random& random_;
  Owner& owner_;
  const Options options_;
  TokenBucket bucket_;
  Timer look_;
  Timer pump_;
  TimePoint looked_{};
  bool look_again_ = false;  // something is only put off
  Backoff backoff_;          // of all, while the API server refuses or is not there
  TimePoint closed_until_{};
  WantedStatuses wanted_;
  std::set<ObjectKey> waiting_;
  std::map<ObjectKey, Trial> trials_;
  std::map<ObjectKey, std::unique_ptr<Write>> writes_;
  Stats stats_;
};

}  // namespace weft::control::kube
