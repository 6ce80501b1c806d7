#pragma once
// The words both ends of an ADS stream share: which variant of the protocol, which types have which
// rules, what was refused.
//
// Source: xDS v3, "xDS REST and gRPC protocol"; xDS v3 reference, sections 1.0 and 2.

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weft::xds {

enum class Variant : std::uint8_t {
  kSotw,   // each response holds the state of the world (of its type)
  kDelta,  // each response holds what changed
};

inline constexpr std::string_view kSotwPath =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources";
inline constexpr std::string_view kDeltaPath =
    "/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources";

// Stands for every resource of a type.
inline constexpr std::string_view kEverything = "*";

// What a client wants of one type.
struct Interest {
  bool everything = false;
  std::set<std::string, std::less<>> names;

  [[nodiscard]] bool covers(std::string_view name) const {
    return everything || names.contains(name);
  }
  [[nodiscard]] bool empty() const { return !everything && names.empty(); }
};

// A resource that was not accepted, and why. Without a name when it had none that could be read.
struct Refusal {
  std::string name;
  std::string why;
};

// LDS and CDS, and what is like them (tables of names): a state-of-the-world response is complete,
// so that absence means deletion, and a first request without names asks for everything. `type` is
// a message's full name.
[[nodiscard]] bool is_complete_type(std::string_view type);

// The order in which a change is told, so that nothing is named before it exists: clusters,
// endpoints, listeners, routes, secrets, everything else, and last the Generation that closes a
// push.
[[nodiscard]] int rank_of(std::string_view type);

// "Cluster" of "envoy.config.cluster.v3.Cluster".
[[nodiscard]] std::string_view short_name(std::string_view type);

// What a NACK says: every refused resource with its reason, in printable ASCII, at most
// `bytes_max`, the rest counted.
[[nodiscard]] std::string describe(std::string_view type, const std::vector<Refusal>& refusals,
                                   std::size_t bytes_max);

}  // namespace weft::xds
