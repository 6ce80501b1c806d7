#pragma once
// describe: configuration as stable text, one line per fact, secrets redacted. For
// /config_dump?text, logs of what changed, and tests.

#include <string>

#include "sidecar/config/snapshot.h"

namespace weft::config {

[[nodiscard]] std::string describe(const ListenerConfig& listener);
[[nodiscard]] std::string describe(const RouteConfig& routes);
[[nodiscard]] std::string describe(const ClusterConfig& cluster);
[[nodiscard]] std::string describe(const EndpointSet& endpoints);
[[nodiscard]] std::string describe(const Snapshot& snapshot);

}  // namespace weft::config
