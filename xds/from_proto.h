#pragma once
// from_proto: xDS resources -> what the proxy works with (sidecar/config). Applies Envoy's defaults
// and nothing else (decisions A3): every default of weft's own is written into xDS by the planner.
//
// Pure but for read_file. Each function judges one resource: all its mistakes come back in one
// Error, a field path to each; what was passed over is in `findings`. Nothing here knows other
// resources: whether a route's cluster exists is the publisher's business.

#include <google/protobuf/any.pb.h>

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/config/listener_config.h"
#include "sidecar/config/route_config.h"
#include "sidecar/core/address.h"
#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "xds/check.h"
#include "xds/findings.h"

namespace envoy::config::listener::v3 {
class Listener;
}
namespace envoy::config::route::v3 {
class RouteConfiguration;
}
namespace envoy::config::cluster::v3 {
class Cluster;
}
namespace envoy::config::endpoint::v3 {
class ClusterLoadAssignment;
}
namespace envoy::extensions::transport_sockets::tls::v3 {
class Secret;
}
namespace weft::config::v1 {
class Destination;
class Generation;
class NameTable;
}  // namespace weft::config::v1

namespace weft::xds {

struct FromProtoOptions {
  UnknownFields unknown = UnknownFields::kCount;
  // Reads a file that a DataSource names. Empty: a DataSource may name neither files nor the
  // environment.
  std::function<Result<std::string>(const std::string& path)> read_file;
  // The machine we run on (Node.metadata, weft.node): endpoints for callers on others (their
  // metadata, weft.for_node) are left out. Empty: not known, so they all are.
  std::string own_node;
};

// A certificate with its key, or what to judge peers by; never both.
struct Secret {
  std::string name;
  std::string version;
  TlsMaterial material;
  std::vector<SanMatcher> peer_names;
};

// The mesh's names in one zone, and where they are.
struct NameTable {
  struct Entry {
    std::string name;                  // below the zone, lower case
    std::vector<IpAddress> addresses;  // never empty
  };
  std::string name;  // the zone: "shop.svc.cluster.local"
  std::string version;
  std::vector<Entry> entries;
};

// The end of a push of our own control plane (decisions A5).
struct Generation {
  struct Held {
    std::string type_url;
    std::uint32_t resources = 0;
    std::uint64_t digest = 0;
  };
  std::uint64_t number = 0;
  WallTime created{};
  std::vector<Held> held;
};

// What the mesh has at an address that was asked for.
struct Destination {
  std::string name;  // the address: "10.96.0.10:80"
  std::vector<std::string> clusters;
};

Result<config::ListenerConfig> listener_from_proto(
    const envoy::config::listener::v3::Listener& listener, const FromProtoOptions& options,
    Findings& findings);
Result<config::RouteConfig> routes_from_proto(
    const envoy::config::route::v3::RouteConfiguration& routes, const FromProtoOptions& options,
    Findings& findings);
// The version of a cluster, and of endpoints, is for whoever has the bytes to say, as decode()
// does.
Result<config::ClusterConfig> cluster_from_proto(const envoy::config::cluster::v3::Cluster& cluster,
                                                 const FromProtoOptions& options,
                                                 Findings& findings);
Result<config::EndpointSet> endpoints_from_proto(
    const envoy::config::endpoint::v3::ClusterLoadAssignment& endpoints,
    const FromProtoOptions& options, Findings& findings);
Result<Secret> secret_from_proto(
    const envoy::extensions::transport_sockets::tls::v3::Secret& secret,
    const FromProtoOptions& options, Findings& findings);
Result<NameTable> names_from_proto(const weft::config::v1::NameTable& table,
                                   const FromProtoOptions& options, Findings& findings);
Result<Generation> generation_from_proto(const weft::config::v1::Generation& generation,
                                         const FromProtoOptions& options, Findings& findings);
Result<Destination> destination_from_proto(const weft::config::v1::Destination& destination,
                                           const FromProtoOptions& options, Findings& findings);

using Decoded = std::variant<config::ListenerConfig, config::RouteConfig, config::ClusterConfig,
                             config::EndpointSet, Secret, NameTable, Generation, Destination>;

// By type URL; the version is the hash of the bytes. `body` is not a discovery Resource: whoever
// reads the response takes those apart.
Result<Decoded> decode(const google::protobuf::Any& body, const FromProtoOptions& options,
                       Findings& findings);

// The name a resource is subscribed to by.
[[nodiscard]] const std::string& name_of(const Decoded& resource);

}  // namespace weft::xds
