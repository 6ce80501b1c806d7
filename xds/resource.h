#pragma once
// Resource: one named, versioned piece of configuration as it travels: LDS, RDS, CDS, EDS, SDS and
// our own.
//
// A version is a hash of the content: the same content has the same version on every replica of the
// control plane and after its restart, so that nothing is sent twice. Source: xDS v3,
// DiscoveryResponse and Resource.

#include <google/protobuf/any.pb.h>

#include <string>
#include <string_view>

namespace weft::xds {

inline constexpr std::string_view kTypeUrlPrefix = "type.googleapis.com/";
inline constexpr std::string_view kListenerType =
    "type.googleapis.com/envoy.config.listener.v3.Listener";
inline constexpr std::string_view kRouteType =
    "type.googleapis.com/envoy.config.route.v3.RouteConfiguration";
inline constexpr std::string_view kClusterType =
    "type.googleapis.com/envoy.config.cluster.v3.Cluster";
inline constexpr std::string_view kEndpointType =
    "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment";
inline constexpr std::string_view kSecretType =
    "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret";
inline constexpr std::string_view kNameTableType = "type.googleapis.com/weft.config.v1.NameTable";
inline constexpr std::string_view kDestinationType =
    "type.googleapis.com/weft.config.v1.Destination";
inline constexpr std::string_view kGenerationType = "type.googleapis.com/weft.config.v1.Generation";

struct Resource {
  std::string name;
  std::string version;
  google::protobuf::Any body;
};

// Equal messages give equal bytes, whatever the order their maps were filled in.
[[nodiscard]] std::string serialize(const google::protobuf::Message& message);

// Sixteen hex digits.
[[nodiscard]] std::string version_of(std::string_view bytes);

[[nodiscard]] Resource make_resource(std::string_view name,
                                     const google::protobuf::Message& message);

// What stands after the last slash; only that decides (a type URL's host says nothing).
[[nodiscard]] std::string_view message_name(std::string_view type_url);

}  // namespace weft::xds
