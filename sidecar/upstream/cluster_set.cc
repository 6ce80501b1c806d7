#include "sidecar/upstream/cluster_set.h"

#include <algorithm>
#include <unordered_map>

#include "sidecar/upstream/address_index.h"
#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

class LiveClusterSet final : public ClusterSet, public LiveCluster::Owner {
 public:
  explicit LiveClusterSet(const Services& services) : services_(services) {}

  void apply(const config::Snapshot& snapshot, const TlsContexts& contexts) override {
    known_.reset();
    // Make before break: what is new or changed first, removals after.
    for (const auto& [name, entry] : snapshot.clusters) {
      auto found = clusters_.find(name);
      if (found == clusters_.end()) {
        found =
            clusters_.emplace(name, std::make_unique<LiveCluster>(services_, *this, name)).first;
      }
      std::shared_ptr<const tls::ClientContext> tls;
      if (entry.config->tls) {
        const auto context = contexts.clients.find(&*entry.config->tls);
        if (context != contexts.clients.end()) tls = context->second;
      }
      found->second->apply(entry, std::move(tls));
    }
    for (auto it = clusters_.begin(); it != clusters_.end();) {
      if (snapshot.clusters.contains(it->first)) {
        ++it;
        continue;
      }
      LiveCluster& removed = *it->second;
      leaving_.push_back(std::move(it->second));
      it = clusters_.erase(it);
      removed.remove();
    }
  }

  ClusterRef find(std::string_view name) override {
    const auto found = clusters_.find(name);
    return found == clusters_.end() ? ClusterRef() : ClusterRef(*found->second);
  }

  void note_check(std::string_view cluster, const SocketAddress& endpoint, bool passes) override {
    const auto found = clusters_.find(cluster);
    if (found != clusters_.end()) found->second->note_check(endpoint, passes);
  }

  void on_note(std::string_view cluster, Mailbox::Note note) override {
    const auto found = clusters_.find(cluster);
    if (found != clusters_.end()) found->second->on_note(note);
  }

  void drain() override {
    for (const auto& [name, cluster] : clusters_) cluster->drain();
  }

  std::vector<ClusterState> describe() const override {
    std::vector<ClusterState> states;
    states.reserve(clusters_.size());
    for (const auto& [name, cluster] : clusters_) states.push_back(cluster->describe());
    std::sort(states.begin(), states.end(),
              [](const ClusterState& a, const ClusterState& b) { return a.name < b.name; });
    return states;
  }

  const config::Endpoint* find_known(const IpAddress& address) override {
    if (!known_) {
      known_.emplace();
      for (const auto& [name, cluster] : clusters_) {
        // The own app's addresses are not those of anybody else's.
        if (cluster->endpoint_set() == nullptr || cluster->config().local_app) continue;
        known_->add(*cluster->endpoint_set());
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

 private:
  Services services_;
  std::unordered_map<std::string, std::unique_ptr<LiveCluster>, TextHash, std::equal_to<>>
      clusters_;
  std::vector<std::unique_ptr<LiveCluster>> leaving_;
  std::optional<AddressIndex> known_;  // made when it is first asked for
};

}  // namespace

std::unique_ptr<ClusterSet> ClusterSet::make(const Services& services) {
  return std::make_unique<LiveClusterSet>(services);
}

}  // namespace weft::upstream
