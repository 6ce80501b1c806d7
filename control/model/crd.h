#pragma once
// Crd: weft's own kinds as CustomResourceDefinitions of Kubernetes: what `weft schema --crd` prints
// and k8s/crds holds.
//
// The schema is that of the readers (schema.h), made structural: every value has a type, no
// `const`, no choice between types but integer or text, rules between fields in CEL. What the API
// server cannot know (whether a target exists, what time it is) the validating webhook says. Status
// and columns are written here. Pure. Source: apiextensions.k8s.io/v1; GEP-713 for policies'
// status.

#include <string>
#include <string_view>

namespace weft::control {

// YAML; of the kind, or of all of them one after another where `kind` is empty. Empty when there is
// none.
[[nodiscard]] std::string crd_of(std::string_view kind);

// "trafficpolicies.weft.dev", the name of the object and of its file in k8s/crds.
[[nodiscard]] std::string crd_name(std::string_view kind);

}  // namespace weft::control
