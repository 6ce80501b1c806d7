#pragma once
// RouteAttachment: which routes hold for which Service port and whose clients: parents are found,
// kinds that exclude each other are told apart, what leads nowhere is said. Part of the joining of
// a Mesh.
//
// Gateway API routes first, those of a consumer's namespace before the producer's (GEP-1294); of
// two kinds on one port GRPCRoute before HTTPRoute, TLSRoute before TCPRoute. A VirtualService
// holds only where none of them does.

#include <memory>
#include <vector>

#include "control/mesh.h"

namespace weft::control {

// Each list in order of precedence.
struct RouteObjects {
  std::vector<std::shared_ptr<const HttpRoute>> http;  // HTTPRoutes and GRPCRoutes
  std::vector<std::shared_ptr<const StreamRoute>> streams;
  std::vector<std::shared_ptr<const VirtualService>> virtual_services;
};

// Fills routes, streams and route_objects of `mesh`, whose Services and DestinationRules are there.
void attach_routes(const RouteObjects& objects, Mesh& mesh);

}  // namespace weft::control
