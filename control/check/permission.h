#pragma once
// Permission: something that somebody may do at the API server or not: what installing takes, and
// what weft-control needs once it runs. Both are read out of the manifests themselves, so that a
// rule that is added there is asked about here. Pure.

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "control/cli/manifests.h"
#include "control/json.h"

namespace weft::control::check {

struct Permission {
  std::string verb;
  std::string group;  // "" is core
  std::string resource;
  std::string subresource;
  std::string name;        // empty: any
  std::string name_space;  // empty: of the cluster

  auto operator<=>(const Permission&) const = default;
  // "patch httproutes/status.gateway.networking.k8s.io in weft-system"
  [[nodiscard]] std::string to_string() const;
  // spec.resourceAttributes of a (Self)SubjectAccessReview.
  [[nodiscard]] Json attributes() const;
};

// Of whoever applies the manifests.
[[nodiscard]] std::vector<Permission> permissions_to_install(
    const std::vector<cli::Manifest>& manifests);
// Of weft-control's account: what the Roles and ClusterRoles among them grant.
[[nodiscard]] std::vector<Permission> permissions_granted(
    const std::vector<cli::Manifest>& manifests);

// "NetworkPolicy" -> "networkpolicies", as the API server forms it.
[[nodiscard]] std::string plural_of(std::string_view kind);

}  // namespace weft::control::check
