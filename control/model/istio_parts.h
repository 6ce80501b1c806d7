#pragma once
// Parts that Istio's kinds have in common: hosts, whom an object is exported to, string matches,
// durations, percentages. networking.istio.io v1, v1beta1, v1alpha3. For the readers of this
// folder.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/model/http_route.h"

namespace weft::control {

// Whose traffic an object holds for (`exportTo`).
struct Exports {
  bool everywhere = true;
  std::vector<std::string> namespaces;  // otherwise

  [[nodiscard]] bool visible_in(std::string_view name_space) const;
};

void read_exports(Reader& spec, const ObjectName& object, Exports& out);

// "cart", "cart.shop", "cart.shop.svc" or "cart.shop.svc.cluster.local", seen from a namespace;
// nothing when it can be no Service of the cluster.
[[nodiscard]] std::optional<ObjectName> service_of_host(std::string_view host,
                                                        std::string_view name_space);

// `exact`, `prefix` or `regex` of the map under `key`; an empty one means that something is there.
bool read_string_match(Reader& owner, std::string_view key, NamedMatch& out);
// As Go writes them, with fractions: "1.5s", "1h30m".
bool read_go_duration(Reader& owner, std::string_view key, Duration& out);
// {value: 12.5} under `key`, as a share of a million.
bool read_percentage(Reader& owner, std::string_view key, std::uint32_t& per_million);
// A destination {host, subset, port: {number}}.
[[nodiscard]] BackendRef read_destination(Reader& destination, const ObjectName& object);
// `retryOn`: Envoy's words and statuses, by commas.
bool read_retry_words(Reader& retries, std::string_view key, RetryOn& out);

}  // namespace weft::control
