#pragma once
// GRPCRoute: gateway.networking.k8s.io/v1 with Service parents, read into an HttpRoute: a method of
// gRPC is the path "/SERVICE/METHOD" (gRPC over HTTP/2, "Requests").

#include "control/model/http_route.h"

namespace weft::control {

[[nodiscard]] HttpRoute read_grpc_route(Reader& document);

}  // namespace weft::control
