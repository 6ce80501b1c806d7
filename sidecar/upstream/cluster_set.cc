#include "sidecar/upstream/cluster_set.h"

#include <algorithm>
#include <unordered_map>

#include "sidecar/upstream/address_index.h"
#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

// Not at once: a turn that is late for several ticks would take as many steps.
constexpr Duration kStepEvery = std::chrono::milliseconds(1);

class LiveClusterSet final : public ClusterSet, public LiveCluster::Owner, public TimerSink {
 public:
  explicit LiveClusterSet(const Services& services)
      : services_(services), next_step_(services.turn.timers(), *this) {}

  void apply(std::shared_ptr<const config::Snapshot> snapshot,
             std::shared_ptr<const TlsContexts> contexts) override {
    snapshot_ = std::move(snapshot);
    contexts_ = std::move(contexts);
    known_.reset();
    eager_done_ = 0;
    for (auto next = clusters_.begin(); next != clusters_.end();) {
      const auto one = next++;
      const config::ClusterEntry* told = told_of(one->first);
      if (told == nullptr || !one->second->is_as(*told, tls_of(*told)))
        behind_.insert(clusters_.extract(one));
    }
    step();
  }

  // Here is all that a request pays: who is not found needs more than that once.
  ClusterRef find(std::string_view name) override {
    const auto found = clusters_.find(name);
    if (found != clusters_.end()) return ClusterRef(*found->second);
    LiveCluster* brought = bring(name);
    return brought == nullptr ? ClusterRef() : ClusterRef(*brought);
  }

  void note_check(std::string_view cluster, const SocketAddress& endpoint, bool passes) override {
    const auto found = clusters_.find(cluster);
    LiveCluster* checked = found != clusters_.end() ? found->second.get() : bring(cluster);
    if (checked != nullptr) checked->note_check(endpoint, passes);
  }

  void on_note(std::string_view cluster, Mailbox::Note note) override {
    // Whoever sleeps has nothing to give and waits for nothing.
    for (const Clusters* some : {&clusters_, &behind_}) {
      if (const auto found = some->find(cluster); found != some->end())
        return found->second->on_note(note);
    }
  }

  void drain() override {
    for (const Clusters* some : {&clusters_, &behind_}) {
      for (const auto& [name, cluster] : *some) cluster->drain();
    }
  }

  std::vector<ClusterState> describe() const override {
    std::vector<ClusterState> states;
    states.reserve(clusters_.size() + behind_.size());
    for (const Clusters* some : {&clusters_, &behind_}) {
      for (const auto& [name, cluster] : *some) states.push_back(cluster->describe());
    }
    std::sort(states.begin(), states.end(),
              [](const ClusterState& a, const ClusterState& b) { return a.name < b.name; });
    return states;
  }

  std::size_t behind() const override { return behind_.size(); }

  const config::Endpoint* find_known(const IpAddress& address) override {
    if (!known_) {
      known_.emplace();
      for (const auto& [name, entry] : snapshot_->clusters) {
        // The own app's addresses are not those of anybody else's.
        const bool counts =
            !entry.config->local_app &&
            entry.config->discovery != config::ClusterConfig::Discovery::kOriginalDst;
        if (counts && entry.endpoints != nullptr) known_->add(*entry.endpoints);
      }
    }
    return known_->find(address);
  }

  void on_cluster_gone(LiveCluster& cluster) override {
    const auto found = std::find_if(leaving_.begin(), leaving_.end(),
                                    [&](const auto& leaver) { return leaver.get() == &cluster; });
    if (found == leaving_.end()) return;
    services_.turn.retire(std::move(*found));
    leaving_.erase(found);
  }

  void on_timer(Timer&) override { step(); }

 private:
  using Clusters =
      std::unordered_map<std::string, std::unique_ptr<LiveCluster>, TextHash, std::equal_to<>>;

  [[nodiscard]] const config::ClusterEntry* told_of(std::string_view name) const {
    if (snapshot_ == nullptr) return nullptr;
    const auto told = snapshot_->clusters.find(name);
    return told == snapshot_->clusters.end() ? nullptr : &told->second;
  }

  [[nodiscard]] const std::shared_ptr<const tls::ClientContext>& tls_of(
      const config::ClusterEntry& told) const {
    static const std::shared_ptr<const tls::ClientContext> kNone;
    if (!told.config->tls || contexts_ == nullptr) return kNone;
    const auto context = contexts_->clients.find(&*told.config->tls);
    return context == contexts_->clients.end() ? kNone : context->second;
  }

  // What is not among clusters_ as it was told last: new to this worker, or behind. Null when it is
  // not told of any more.
  LiveCluster* bring(std::string_view name) {
    const config::ClusterEntry* told = told_of(name);
    const auto late = behind_.find(name);
    if (told == nullptr) {
      if (late == behind_.end()) return nullptr;
      LiveCluster& removed = *late->second;
      leaving_.push_back(std::move(late->second));
      behind_.erase(late);
      removed.remove();
      return nullptr;
    }
    // In its place before anything happens to it: whoever asks meanwhile finds it there.
    auto at = clusters_.end();
    if (late != behind_.end()) {
      at = clusters_.insert(behind_.extract(late)).position;
    } else {
      auto made = std::make_unique<LiveCluster>(services_, *this, std::string(name));
      at = clusters_.emplace(std::string(name), std::move(made)).first;
    }
    LiveCluster& cluster = *at->second;
    cluster.apply(*told, tls_of(*told));
    return &cluster;
  }

  // Who has something to do of their own first. Nobody waits for the rest: whoever is asked for has
  // been brought up to date by find().
  void step() {
    std::size_t left = kStepMax;
    const auto do_one = [&](const std::string& name) {
      const config::ClusterEntry* told = told_of(name);
      std::size_t endpoints =
          told == nullptr || told->endpoints == nullptr ? 0 : told->endpoints->endpoints.size();
      if (const auto late = behind_.find(name); late != behind_.end())
        endpoints = std::max(endpoints, late->second->size());
      left -= std::min(left, kClusterShare + endpoints);
      (void)bring(name);
    };
    while (left != 0 && snapshot_ != nullptr && eager_done_ < snapshot_->eager.size()) {
      const std::string& name = snapshot_->eager[eager_done_++];
      if (!clusters_.contains(name)) do_one(name);
    }
    // A copy: the name goes with its cluster.
    while (left != 0 && !behind_.empty()) do_one(std::string(behind_.begin()->first));
    const bool done =
        behind_.empty() && (snapshot_ == nullptr || eager_done_ == snapshot_->eager.size());
    if (done) {
      next_step_.cancel();
    } else {
      next_step_.arm(kStepEvery);
    }
  }

  const Services services_;
  std::shared_ptr<const config::Snapshot> snapshot_;
  std::shared_ptr<const TlsContexts> contexts_;
  Clusters clusters_;           // alive, and as they were told last
  Clusters behind_;             // alive, and to be changed or removed yet
  std::size_t eager_done_ = 0;  // of Snapshot::eager
  Timer next_step_;
  std::vector<std::unique_ptr<LiveCluster>> leaving_;
  std::optional<AddressIndex> known_;  // made when it is first asked for
};

}  // namespace

std::unique_ptr<ClusterSet> ClusterSet::make(const Services& services) {
  return std::make_unique<LiveClusterSet>(services);
}

}  // namespace weft::upstream
