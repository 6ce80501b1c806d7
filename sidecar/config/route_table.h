#pragma once
// RouteTable: a RouteConfig compiled for matching: hosts by hash, then the routes of that host in
// their order, found through a PathIndex. Immutable, shared by all workers, no allocation per
// match.
//
// Lifetime: shared; an Exchange keeps the table it matched in alive through its View until it is
// routed, afterwards through the Chosen's pointer.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sidecar/config/path_index.h"
#include "sidecar/config/route_config.h"
#include "sidecar/core/random.h"
#include "sidecar/core/result.h"
#include "sidecar/core/strings.h"

namespace weft::config {

class RouteTable final : public std::enable_shared_from_this<RouteTable> {
 public:
  struct Match {
    const VirtualHost* host = nullptr;
    const Route* route = nullptr;  // null: the host has no route for this, or there is no host
  };

  // Refuses duplicate domains, bad patterns and weights that are all zero, naming the field.
  static Result<std::shared_ptr<const RouteTable>> compile(RouteConfig config);

  [[nodiscard]] Match match(const http::RequestHead& head, Random& random) const {
    return match(head, head.authority, random);
  }
  // The same, for a host other than the request's own.
  [[nodiscard]] Match match(const http::RequestHead& head, std::string_view host,
                            Random& random) const;
  [[nodiscard]] const RouteConfig& config() const { return config_; }
  [[nodiscard]] const std::string& name() const { return config_.name; }
  // How many routes split; each has a state per worker.
  [[nodiscard]] std::uint32_t splits() const { return splits_; }

 private:
  struct CompiledHost {
    const VirtualHost* host = nullptr;
    PathIndex routes;
  };
  // Domains with a star at one end: what stands beside it, the longest one first.
  struct Wildcards {
    std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> hosts;
    std::vector<std::size_t> lengths;  // descending

    [[nodiscard]] bool add(std::string_view text, std::uint32_t host);
  };
  RouteTable() = default;
  [[nodiscard]] const CompiledHost* find_host(std::string_view authority) const;

  RouteConfig config_;
  std::vector<CompiledHost> hosts_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> exact_hosts_;
  // "*.example.com" by suffix, "example.*" by prefix; then "*".
  Wildcards suffix_hosts_;
  Wildcards prefix_hosts_;
  std::int64_t any_host_ = -1;
  std::uint32_t splits_ = 0;
};

// Exact weighted choice: stride scheduling from a random phase, so that after N choices each
// cluster has its share to within one (behaviour.md 9). One per split and worker.
class Split final {
 public:
  Split() = default;
  Split(const std::vector<WeightedCluster>& clusters, Random& random);
  // Index of the chosen cluster.
  [[nodiscard]] std::size_t next();
  // The same among the clusters that have a weight and `usable(index)`, each with its part of their
  // weights; nothing when there is none. What the others are owed waits.
  template <typename Usable>
  [[nodiscard]] std::optional<std::size_t> next_among(Usable usable) {
    std::optional<std::size_t> best;
    std::int64_t total = 0;
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      if (weights_[i] == 0 || !usable(i)) continue;
      total += static_cast<std::int64_t>(weights_[i]);
      current_[i] += static_cast<std::int64_t>(weights_[i]);
      if (!best || current_[i] > current_[*best]) best = i;
    }
    if (best) current_[*best] -= total;
    return best;
  }

 private:
  std::vector<std::uint64_t> weights_;
  std::vector<std::int64_t> current_;  // smooth weighted round robin's running values
  std::int64_t total_ = 0;
};

}  // namespace weft::config
