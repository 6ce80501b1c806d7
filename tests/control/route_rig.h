#pragma once
// RouteRig: where requests and connections of a small mesh go, as text: what a sidecar is told,
// asked by the code that it runs. For the tests of routing kinds.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/mesh.h"
#include "xds/resource_set.h"

namespace weft::control::testing {

// Namespace shop: Services a (80 http, 9000 tcp) and b (80 http, 81 tcp), a-1 (version v1) and a-2
// (version v2) behind a, b-1 behind b; namespace other: a-9 with a sidecar, no Service. Every
// document ends with "---".
[[nodiscard]] const std::string& route_shop();

using RequestHeaders = std::vector<std::pair<std::string, std::string>>;

// "shop/r/0: a" or "shop/r/0: a|v1 90, a|v2 10", "shop/r/1: redirected with 302", "404": clusters
// without port and domain. `from`: a Workload.
[[nodiscard]] std::string went(const std::shared_ptr<const Mesh>& mesh, const std::string& url,
                               const RequestHeaders& headers = {},
                               const std::string& from = "shop/a-1",
                               const std::string& method = "GET");

// Everything that the sidecar of a Workload is told; fails when it would refuse or pass over a
// word.
[[nodiscard]] std::shared_ptr<const xds::ResourceSet> told_to(
    const std::shared_ptr<const Mesh>& mesh, const std::string& workload = "shop/a-1");

// One resource in the text format, Any values opened.
[[nodiscard]] std::string text_of(const xds::ResourceSet& set, std::string_view type,
                                  const std::string& name);

}  // namespace weft::control::testing
