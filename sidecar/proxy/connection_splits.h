#pragma once
// ConnectionSplits: to which of its clusters a filter chain sends its next connection: exact, by
// the schedule that requests have (config::Split), one for each such chain and worker.
//
// Owner: Listener. Thread: its worker. A chain that a new configuration leaves as it is, in whom it
// takes and how it splits them, goes on where it was. Memory: one schedule for each chain of the
// newest configuration with more than one cluster.

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "sidecar/config/listener_config.h"
#include "sidecar/config/route_table.h"
#include "sidecar/core/random.h"

namespace weft::proxy {

class ConnectionSplits final {
 public:
  explicit ConnectionSplits(Random& random) : random_(random) {}

  // From now on these chains; those that are gone are forgotten.
  void configure(std::shared_ptr<const config::ListenerConfig> listener);
  // Index into the chain's clusters. A connection that began under an older configuration still
  // draws by its weights. REQUIRES a chain of TcpSettings with a cluster.
  [[nodiscard]] std::size_t choose(const config::FilterChain& chain);
  [[nodiscard]] std::size_t schedules() const { return schedules_.size(); }

 private:
  Random& random_;
  std::shared_ptr<const config::ListenerConfig> listener_;  // so that its chains' places stay
  std::map<std::string, config::Split> schedules_;          // by whom they take and how
  std::unordered_map<const config::FilterChain*, config::Split*> chains_;
};

}  // namespace weft::proxy
