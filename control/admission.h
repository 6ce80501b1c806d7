#pragma once
// Admission: who may ask at which door, and who may be told a Workload's configuration. Pure.
//
// TLS: a sidecar, and only with the certificate of the Workload that its node.id names. A Workload
// that is not there yet may be waited for by its own namespace. Plain: gRPC clients only, which
// prove nothing and are told nothing of any sidecar. Source: decisions A8, threats.md CP-03.

#include "control/mesh.h"
#include "control/planner/node.h"
#include "sidecar/core/result.h"
#include "xds/catalog.h"

namespace weft::control {

enum class DoorKind : std::uint8_t { kTls, kPlain };
[[nodiscard]] std::string_view name_of(DoorKind kind);

// The error is what the client is told.
[[nodiscard]] Status admit(const Mesh& mesh, DoorKind door, const xds::NodeInfo& node);

// Whether there is something for the node, and it is this identity's to hear. Asked again for each
// Mesh: a Workload may come, go or change its service account.
[[nodiscard]] bool may_be_told(const Mesh& mesh, const Node& node, const SpiffeId& identity);

}  // namespace weft::control
