#pragma once
// ReplicaWatch: asks the other replicas of weft-control which sidecars they serve and what those
// have (replica_view.h): for who writes status, and for `weft status`, which may ask any of them.
//
// Others are found among the pods of the mesh's own namespace and asked at their admin port, every
// two seconds and for a short time: one that does not answer is left out after `kForget`, and its
// sidecars count as not having what they are to have. Owner: ClusterWriter. Thread: its loop's.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control/replica_view.h"
#include "control/sidecar_counts.h"
#include "sidecar/core/address.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"

namespace weft::control {

class ReplicaWatch final : public TimerSink {
 public:
  static constexpr Duration kEvery = std::chrono::seconds(2);
  static constexpr Duration kTimeout = std::chrono::seconds(2);
  static constexpr Duration kForget = std::chrono::seconds(10);
  static constexpr std::size_t kReplicasMax = 16;
  static constexpr const char* kPage = "/replica";

  class Owner {
   public:
    // Addresses of the others' admin ports.
    [[nodiscard]] virtual std::vector<SocketAddress> other_replicas() const = 0;
    // What they say is not what they said before.
    virtual void on_replicas_changed() = 0;

   protected:
    ~Owner() = default;
  };
  struct Stats {
    Counter answered;
    Counter failed;
    Gauge known;  // replicas whose view counts
  };

  ReplicaWatch(Turn& turn, Connector& connector, Owner& owner);
  ReplicaWatch(const ReplicaWatch&) = delete;
  ReplicaWatch& operator=(const ReplicaWatch&) = delete;
  ~ReplicaWatch();

  void start();
  void stop();
  [[nodiscard]] ReplicaViews views() const;
  // All that there are, also those that do not answer. Good until the turn ends.
  [[nodiscard]] std::vector<OtherReplica> replicas() const;
  [[nodiscard]] const Stats& stats() const { return stats_; }

  void on_timer(Timer& timer) override;

 private:
  class Replica;

  Turn& turn_;
  Connector& connector_;
  Owner& owner_;
  Timer again_;
  std::map<std::string, std::unique_ptr<Replica>> replicas_;  // by address
  Stats stats_;
};

}  // namespace weft::control
