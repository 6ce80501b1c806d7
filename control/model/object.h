#pragma once
// Object: one document, understood: what exists (Service, Workload), how it is reached (routes of
// the Gateway API and of Istio), how it is treated (policies), the MeshConfig.
//
// read_object() is the only door from text to model; the YAML directory, the state directory and
// `weft lint` use it. Further kinds come in here. Objects are immutable and shared between versions
// of the Mesh.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "control/model/backend_tls_policy.h"
#include "control/model/backend_traffic_policy.h"
#include "control/model/config_map.h"
#include "control/model/destination_rule.h"
#include "control/model/http_route.h"
#include "control/model/mesh_config.h"
#include "control/model/reference_grant.h"
#include "control/model/service.h"
#include "control/model/stream_route.h"
#include "control/model/traffic_policy.h"
#include "control/model/virtual_service.h"
#include "control/model/workload.h"
#include "sidecar/config/document.h"

namespace weft::control {

// HttpRoute and StreamRoute hold several kinds.
using Object =
    std::variant<std::shared_ptr<const MeshConfig>, std::shared_ptr<const Service>,
                 std::shared_ptr<const Workload>, std::shared_ptr<const HttpRoute>,
                 std::shared_ptr<const TrafficPolicy>, std::shared_ptr<const StreamRoute>,
                 std::shared_ptr<const ReferenceGrant>, std::shared_ptr<const VirtualService>,
                 std::shared_ptr<const DestinationRule>,
                 std::shared_ptr<const BackendTrafficPolicy>,
                 std::shared_ptr<const BackendTlsPolicy>, std::shared_ptr<const ConfigMap>>;

[[nodiscard]] const Metadata& metadata_of(const Object& object);

// Of a route of the Gateway API, whether its text is good or not: what its status is about.
struct RouteHead {
  std::uint64_t generation = 0;
  std::vector<ParentRef> parents;
};
// Nothing for what is no such route.
[[nodiscard]] std::optional<RouteHead> route_head_of(const Object& object);

// What reading one document gave.
struct ReadObject {
  std::optional<ObjectKey> key;  // known even of a bad document, when its kind and name can be read
  std::optional<Object> object;  // only when there are no mistakes
  std::vector<std::string> mistakes;       // "cart.yaml:3:5: spec.ports[0].port: …"
  std::vector<std::string> notes;          // accepted, and without effect here
  std::optional<RouteHead> refused_route;  // of a route with mistakes, as far as it can be read
};

[[nodiscard]] ReadObject read_object(const config::Document& document);

}  // namespace weft::control
