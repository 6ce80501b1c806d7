#pragma once
// EffectivePolicy: for some traffic, the value of every field and the document it comes from.
//
// GEP-713 Patch Defaults (behaviour.md 1), field by field, the most specific first: what the route
// object itself says, then policies of the client's namespace for what is elsewhere, then those
// that stand beside what they name; in both the rule before the route before the Service's port
// before the Service, and before what that object itself says, before its namespace; then
// MeshConfig, then what weft does anyway. A destination's fields are the same by whichever route
// one comes. Pure; the planner writes these values and `weft explain` prints them, so they cannot
// differ. Lifetime: shorter than the Mesh's.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "control/mesh.h"

namespace weft::control {

// Which traffic: to a Service's port, from a namespace, by a rule of a route.
struct PolicyScope {
  const MeshService& service;
  const MeshPort& port;
  std::string_view client_namespace;  // empty: one without policies of its own
  const HttpRoute* route = nullptr;
  const RouteRule* rule = nullptr;  // of `route`
  const Subset* subset = nullptr;   // of the Service's DestinationRule
};

class EffectivePolicy final {
 public:
  EffectivePolicy(const Mesh& mesh, const PolicyScope& scope);

  // Each has a value.
  [[nodiscard]] const PolicyFields& fields() const { return fields_; }

  struct Source {
    std::string document;  // "TrafficPolicy shop/cart", "weft's default"
    std::string place;     // "policy.yaml:7"; empty for weft's own
  };
  // Of the field at that place of each_policy_field()'s order.
  [[nodiscard]] Source source_of(std::size_t field) const;
  // Who wrote it; null for weft's own default.
  [[nodiscard]] const Metadata* author_of(std::size_t field) const {
    return origins_.at(field).metadata;
  }

 private:
  struct Level {
    const PolicyFields* fields = nullptr;
    Kind kind = Kind::kTrafficPolicy;
    const Metadata* metadata = nullptr;  // null: weft's own
  };
  void apply(const Level& level);
  void apply(const Mesh& mesh, const PolicyTable::Place& place);
  void apply_all(const Mesh& mesh, const PolicyScope& scope, std::string_view client_namespace);
  void apply_destination(const Mesh& mesh, const PolicyScope& scope);

  PolicyFields fields_;
  struct Origin {
    Kind kind = Kind::kMeshConfig;
    const Metadata* metadata = nullptr;
    std::uint32_t line = 0;
  };
  std::array<Origin, kPolicyFields> origins_{};
};

// What weft does where nobody wrote anything, of a destination that speaks that protocol.
// behaviour.md 2.
[[nodiscard]] const PolicyFields& built_in_policy(bool http2);

// Whether the connections to a destination are HTTP/2: between sidecars always, unless somebody
// says otherwise.
[[nodiscard]] bool uses_http2(const MeshPort& port, UpstreamProtocol wanted);

}  // namespace weft::control
