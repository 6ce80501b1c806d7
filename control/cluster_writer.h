#pragma once
// ClusterWriter: what weft-control writes into a cluster: status of what people wrote, events about
// what cannot be obeyed. Of several replicas the one that holds the Lease does, the others only
// read, and know of each other whom they serve.
//
// Writing begins when the Lease is granted, stops at the moment it is lost, and gives it back when
// the replica drains. Every replica serves sidecars all the same, so that a change of leader is of
// no effect on traffic. Owner: Control. Thread: its loop's.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/injection/injection_context.h"
#include "control/kubernetes/event_recorder.h"
#include "control/kubernetes/lease_keeper.h"
#include "control/kubernetes/status_writer.h"
#include "control/kubernetes/unmeshed_pods.h"
#include "control/registry.h"
#include "control/replica_watch.h"
#include "control/sources/kubernetes.h"

namespace weft::control {

class ClusterWriter final : public kube::LeaseKeeper::Owner,
                            public kube::StatusWriter::Owner,
                            public ReplicaWatch::Owner {
 public:
  struct Options {
    kube::LeaderElection::Options lease;  // with the identity of this process
    std::string pod;                      // that it runs in
    Connector* connector = nullptr;       // to other replicas; null: they are not asked
    kube::StatusWriter::Options status;
    injection::InjectionContext injection;
    WallTime (*wall_clock)() = &read_wall_clock;
  };
  // What is known, now.
  class Source {
   public:
    [[nodiscard]] virtual const Registry& known_objects() const = 0;
    [[nodiscard]] virtual std::vector<ClientReport> known_clients() const = 0;

   protected:
    ~Source() = default;
  };

  ClusterWriter(Turn& turn, kube::KubeClient& client, Random& random, const Source& source,
                const KubernetesSource& cluster, const Options& options);
  ClusterWriter(const ClusterWriter&) = delete;
  ClusterWriter& operator=(const ClusterWriter&) = delete;
  ~ClusterWriter();

  void start();
  // Objects, or what sidecars have of them, are not as they were.
  void note_change() { status_.note_change(); }
  // Writes no more, and gives the Lease back.
  void drain();
  // After drain().
  [[nodiscard]] bool over() const { return lease_.over(); }

  [[nodiscard]] const kube::LeaseKeeper& lease() const { return lease_; }
  [[nodiscard]] const kube::StatusWriter& status() const { return status_; }
  [[nodiscard]] const kube::EventRecorder& events() const { return events_; }
  [[nodiscard]] const kube::UnmeshedPods& unmeshed() const { return unmeshed_; }
  [[nodiscard]] const ReplicaWatch* replicas() const { return replicas_ ? &*replicas_ : nullptr; }

  // kube::LeaseKeeper::Owner
  void on_leading(bool leads) override;
  // kube::StatusWriter::Owner
  [[nodiscard]] bool may_write() const override { return !draining_ && lease_.leads(); }
  [[nodiscard]] kube::WantedStatuses wanted_statuses() override;
  [[nodiscard]] const kube::StatusBook& status_book() const override;
  [[nodiscard]] WallTime wall_now() const override { return options_.wall_clock(); }
  // ReplicaWatch::Owner
  [[nodiscard]] std::vector<SocketAddress> other_replicas() const override;
  void on_replicas_changed() override { note_change(); }

 private:
  void stop();
  void tell_of_refused();

  const Source& source_;
  const KubernetesSource& cluster_;
  const Options options_;
  bool draining_ = false;
  kube::EventRecorder events_;
  kube::UnmeshedPods unmeshed_;
  kube::StatusWriter status_;
  std::optional<ReplicaWatch> replicas_;
  kube::LeaseKeeper lease_;
};

}  // namespace weft::control
