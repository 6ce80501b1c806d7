#pragma once
// Names: what sidecars that answer their pods' DNS are told of the mesh's names, a table for each
// namespace in which a Service is called. Pure. Internal to the planner.
//
// A Service is where its cluster addresses are; a headless one is where its ready instances are,
// each of which has a name of its own below the Service's where its pod asks for one (hostname and
// subdomain: StatefulSets). A Service that is nowhere is in no table: the cluster's own DNS may
// know better. Source: Kubernetes DNS-Based Service Discovery, 2.3 and 2.4.

#include <vector>

#include "control/mesh.h"
#include "control/planner/scope.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {

// Of the Services that are called in `scope`.
[[nodiscard]] std::vector<weft::config::v1::NameTable> make_name_tables(const Mesh& mesh,
                                                                        const Scope& scope);
// Whether they hang on who stands behind the Service, and not on what is written of it alone.
[[nodiscard]] bool names_hang_on_instances(const MeshService& service);

}  // namespace weft::control
