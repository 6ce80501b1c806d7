#pragma once
// VirtualService: networking.istio.io v1, v1beta1 and v1alpha3, for the gateway "mesh": read into
// an HttpRoute and a StreamRoute whose rules are asked as they stand. What cannot be expressed is a
// mistake that names the field.

#include <string>
#include <vector>

#include "control/model/http_route.h"
#include "control/model/istio_parts.h"
#include "control/model/stream_route.h"

namespace weft::control {

struct VirtualService {
  static constexpr std::size_t kHostsMax = 64;
  static constexpr std::size_t kRulesMax = 256;
  static constexpr std::size_t kMatchesTotalMax = 1024;
  static constexpr std::size_t kItemsMax = 64;  // matches, headers, destinations

  Metadata metadata;
  std::vector<ObjectName> hosts;
  Exports exports;
  bool for_mesh = true;  // otherwise for gateways only
  HttpRoute http;
  StreamRoute streams;
};

[[nodiscard]] VirtualService read_virtual_service(Reader& document);

// Parts of the reading, for the sources of this folder.
// Whether a `match` may hold inside the mesh: it names the gateway "mesh", or none.
[[nodiscard]] bool read_for_mesh(Reader& match);
void read_virtual_matches(Reader& rule, RouteRule& out, bool& dropped);
// Redirect, rewrite, direct response, headers, mirrors, CORS, faults.
void read_virtual_actions(Reader& rule, const ObjectName& object, RouteRule& out);
void read_virtual_headers(Reader& owner, HeaderChanges& request, HeaderChanges& response);
void read_virtual_streams(Reader& spec, const ObjectName& object, StreamRoute& out);
// `route` of a rule: destinations with their weights.
void read_virtual_backends(Reader& rule, const ObjectName& object, bool headers,
                           std::vector<BackendRef>& out);

}  // namespace weft::control
