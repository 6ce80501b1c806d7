#pragma once
// StreamRoute: where connections to a Service port go that are not taken apart as HTTP: what a
// TCPRoute, a TLSRoute and the `tcp` and `tls` of a VirtualService all become.
// gateway.networking.k8s.io/v1, v1alpha2 and v1alpha3 with Service parents.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/route_refs.h"

namespace weft::control {

struct StreamRule {
  std::string name;
  // "a.example", "*.example"; of TLS that is passed through. Empty: any connection.
  std::vector<std::string> server_names;
  std::optional<std::uint16_t> port;  // of the Service; absent: any
  // Of a VirtualService: one of them must hold for the caller; none: everybody.
  struct Source {
    Labels labels;
    std::string name_space;
  };
  std::vector<Source> sources;
  std::vector<BackendRef> backends;
  std::uint32_t line = 0;
};

struct StreamRoute {
  static constexpr std::size_t kServerNamesMax = 16;

  Kind kind = Kind::kTcpRoute;
  Metadata metadata;
  std::vector<ParentRef> parents;
  std::vector<StreamRule> rules;  // the first that fits

  [[nodiscard]] ObjectKey key() const { return {kind, metadata.name}; }
};

[[nodiscard]] StreamRoute read_tcp_route(Reader& document);
[[nodiscard]] StreamRoute read_tls_route(Reader& document);

}  // namespace weft::control
