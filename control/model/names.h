#pragma once
// Names: what may stand in names, labels, ports, paths and header names, as Kubernetes and the
// Gateway API have it.
//
// Each check returns what is wrong, to be put behind the quoted text ("'Cart' must be …"); empty
// when nothing is. Pure. Sources: RFC 1123 labels, Kubernetes' label syntax, Gateway API v1
// HTTPRoute's patterns and limits.

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::control {

enum class Kind : std::uint8_t {
  kMeshConfig,
  kService,
  kWorkload,
  kHttpRoute,
  kTrafficPolicy,
  kGrpcRoute,
  kTlsRoute,
  kTcpRoute,
  kReferenceGrant,
  kVirtualService,
  kDestinationRule,
  kBackendTrafficPolicy,
  kBackendTlsPolicy,
  kConfigMap,
};
inline constexpr std::array<Kind, 14> kKinds = {
    Kind::kMeshConfig,       Kind::kService,         Kind::kWorkload,
    Kind::kHttpRoute,        Kind::kTrafficPolicy,   Kind::kGrpcRoute,
    Kind::kTlsRoute,         Kind::kTcpRoute,        Kind::kReferenceGrant,
    Kind::kVirtualService,   Kind::kDestinationRule, Kind::kBackendTrafficPolicy,
    Kind::kBackendTlsPolicy, Kind::kConfigMap};
[[nodiscard]] std::string_view name_of(Kind kind);

struct ObjectName {
  std::string name_space;  // empty for a kind that has none
  std::string name;

  [[nodiscard]] std::string to_string() const;  // "shop/cart"
  auto operator<=>(const ObjectName&) const = default;
};

struct ObjectKey {
  Kind kind = Kind::kService;
  ObjectName name;

  [[nodiscard]] std::string to_string() const;  // "HTTPRoute shop/cart"
  auto operator<=>(const ObjectKey&) const = default;
};

[[nodiscard]] std::string check_label_name(
    std::string_view text);  // RFC 1123 label: namespaces, Services
[[nodiscard]] std::string check_object_name(std::string_view text);  // labels joined by dots
[[nodiscard]] std::string check_port_name(std::string_view text);    // IANA service name
[[nodiscard]] std::string check_section_name(std::string_view text);
[[nodiscard]] std::string check_hostname(std::string_view text);  // lower case, no address
// What an ExternalName may name: a host that is neither the caller's own machine nor the cluster's
// business. May end in a dot.
[[nodiscard]] std::string check_external_name(std::string_view text);
[[nodiscard]] std::string check_hostname_or_wildcard(std::string_view text);
[[nodiscard]] std::string check_label_key(std::string_view text);
[[nodiscard]] std::string check_label_value(std::string_view text);
[[nodiscard]] std::string check_trust_domain(std::string_view text);
[[nodiscard]] std::string check_header_name(std::string_view text);
[[nodiscard]] std::string check_header_value(std::string_view text);
[[nodiscard]] std::string check_query_name(std::string_view text);
[[nodiscard]] std::string check_path(std::string_view text);          // of an exact or prefix match
[[nodiscard]] std::string check_rewrite_path(std::string_view text);  // what a path becomes
[[nodiscard]] std::string check_regex(std::string_view text);         // RE2, bounded

}  // namespace weft::control
