#pragma once
// ReferenceGrant: gateway.networking.k8s.io/v1 and v1beta1. Checked as the Gateway API checks it,
// and without effect: in a mesh the client itself makes the call that a backendRef names, so that a
// route gives it no access that it would not have (GEP-1294).

#include "control/model/metadata.h"

namespace weft::control {

struct ReferenceGrant {
  static constexpr std::size_t kItemsMax = 16;
  Metadata metadata;
};

[[nodiscard]] ReferenceGrant read_reference_grant(Reader& document);

}  // namespace weft::control
