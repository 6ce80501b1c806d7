#pragma once
// RouteTable: a RouteConfig compiled for matching: hosts by hash, then the routes of that host in
// their order with exact paths found by hash. Immutable, shared by all workers, no allocation per
// match.
//
// Lifetime: shared; an Exchange keeps the table it matched in alive through its View until it is
// routed, afterwards through the Chosen's pointer.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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

  [[nodiscard]] Match match(const http::RequestHead& head, Random& random) const;
  [[nodiscard]] const RouteConfig& config() const { return config_; }
  [[nodiscard]] const std::string& name() const { return config_.name; }
  // How many routes split; each has a state per worker.
  [[nodiscard]] std::uint32_t splits() const { return splits_; }

 private:
  struct CompiledHost {
    const VirtualHost* host = nullptr;
    // Routes that match one exact path and nothing cheaper decides, by path, when there are enough
    // to pay.
    std::unordered_map<std::string_view, std::vector<std::uint32_t>> exact;
    std::vector<std::uint32_t> others;  // everything else, in order
  };
  RouteTable() = default;
  [[nodiscard]] const CompiledHost* find_host(std::string_view authority) const;

  RouteConfig config_;
  std::vector<CompiledHost> hosts_;
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> exact_hosts_;
  // Wildcards by length, longest first: "*.example.com" by suffix, "example.*" by prefix; then "*".
  std::vector<std::pair<std::string, std::uint32_t>> suffix_hosts_;
  std::vector<std::pair<std::string, std::uint32_t>> prefix_hosts_;
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

 private:
  std::vector<std::uint64_t> weights_;
  std::vector<std::int64_t> current_;  // smooth weighted round robin's running values
  std::int64_t total_ = 0;
};

}  // namespace weft::config
