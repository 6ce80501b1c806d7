#pragma once
// LeaseKeeper: drives a LeaderElection over a KubeClient: asks when it wants to ask, wakes when it
// wants to wake, and tells once when this replica begins to lead and once when it no longer does.
//
// Whoever writes asks leads() before each request: it is true only while there is time enough for
// one. Owner: ClusterWriter. Thread: its loop's.

#include <memory>
#include <string>

#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/leader_election.h"
#include "sidecar/core/turn.h"

namespace weft::control::kube {

class LeaseKeeper final : public http::CallHolder, public TimerSink {
 public:
  class Owner {
   public:
    virtual void on_leading(bool leads) = 0;

   protected:
    ~Owner() = default;
  };

  LeaseKeeper(Turn& turn, KubeClient& client, Owner& owner, LeaderElection::Options options,
              WallTime (*wall_clock)());
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;
  ~LeaseKeeper();

  void start() { go(); }
  // Gives the Lease back, where this replica has it, so that nobody waits for it to run out.
  void resign();
  // After resign(): it has been given back, or is over.
  [[nodiscard]] bool over() const { return call_ == nullptr && election_.over(turn_.now()); }

  [[nodiscard]] bool leads() const { return election_.leads(turn_.now()); }
  [[nodiscard]] const LeaderElection& election() const { return election_; }

  void on_response(http::Call& call, http::ClientResponse&& response) override;
  void on_failure(http::Call& call, const Error& error) override;
  void on_timer(Timer& timer) override;

 private:
  void go();
  void report();

  Turn& turn_;
  KubeClient& client_;
  Owner& owner_;
  WallTime (*const wall_clock_)();
  LeaderElection election_;
  Timer step_;
  Timer end_;  // of what was granted
  std::unique_ptr<http::Call> call_;
  std::string said_;  // the problem that was told last
  bool told_ = false;
};

}  // namespace weft::control::kube
