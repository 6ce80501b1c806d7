#pragma once
// OnDemand: the destinations that this sidecar asks the control plane for, since its app called
// them: one table for all workers.
//
//   want() -> subscribed, asked ──Destination, then published──> known ──nobody used it for
//   kIdle──> forgotten
//                             └──there is none──> unknown ──not wanted for kUnknownKept──>
//                             forgotten
//
// Pure bookkeeping: what it decides goes to its Owner. While the control plane is away nothing is
// answered (workers have time limits) and what is known stays. Use is seen in the counts of the
// clusters, which are looked at each kLookEvery, so a request costs nothing for it. Owner: Sidecar.
// Thread: main loop.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "sidecar/core/turn.h"
#include "sidecar/upstream/cluster_set.h"

namespace weft::sidecar {

class OnDemand final : public TimerSink {
 public:
  static constexpr std::size_t kMax = 1000;  // destinations, known and unknown
  static constexpr Duration kIdle = std::chrono::minutes(15);
  static constexpr Duration kUnknownKept = std::chrono::minutes(1);
  static constexpr Duration kLookEvery = std::chrono::minutes(1);

  using Names = std::set<std::string, std::less<>>;
  using ClusterStates = std::vector<upstream::ClusterSet::ClusterState>;

  class Owner {
   public:
    // What is to be subscribed to from now on.
    virtual void on_destinations_wanted(const Names& names) = 0;
    // Every worker is to hear it, after what it has adopted.
    virtual void on_destination_answered(const std::string& name, bool known) = 0;
    virtual void on_destination_forgotten(const std::string& name) = 0;
    // note_use() is to be called with the clusters of each worker, soon.
    virtual void on_use_asked() = 0;

   protected:
    ~Owner() = default;
  };

  OnDemand(Turn& turn, Owner& owner);

  // Some worker's app called there and it is not known to that worker.
  void want(const std::string& name);
  // The control plane's answers; the first counts when it is published.
  void on_known(const std::string& name, std::vector<std::string> clusters);
  void on_unknown(const std::string& name);
  void on_published();
  // Of one worker.
  void note_use(std::uint32_t worker, const ClusterStates& states);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  void on_timer(Timer& timer) override;

 private:
  enum class State : std::uint8_t { kAsked, kTold, kKnown, kUnknown };
  struct Entry {
    State state = State::kAsked;
    std::vector<std::string> clusters;
    TimePoint used{};                              // or wanted
    std::map<std::uint32_t, std::uint64_t> calls;  // of each worker, when last looked
  };

  [[nodiscard]] bool make_room();
  void tell_wanted();

  Turn& turn_;
  Owner& owner_;
  std::map<std::string, Entry, std::less<>> entries_;
  Timer look_timer_;
};

}  // namespace weft::sidecar
