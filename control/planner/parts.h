#pragma once
// Parts: the small messages that every resource is made of, and the names resources have. For the
// planner's own sources.

#include <google/protobuf/any.pb.h>
#include <google/protobuf/duration.pb.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "control/backend.h"
#include "control/mesh.h"
#include "sidecar/core/clock.h"
#include "xds/proto/core.pb.h"
#include "xds/proto/tls.pb.h"

namespace weft::control {

// Who will read a resource. gRPC clients know a part of xDS only and refuse some of the rest
// (xds-v3.md 2.8).
enum class Audience : std::uint8_t { kSidecar, kProxyless };

inline constexpr std::string_view kOutboundName =
    "15001";  // listener and route table of the explicit proxy
// Route table of a sidecar with redirect, by Services' addresses.
inline constexpr std::string_view kDestinationsName = "destinations";
inline constexpr std::string_view kCollectorCluster = "otlp";
inline constexpr std::string_view kGenerationName = "generation";

// `subset`: of its DestinationRule; empty: all of the Service.
[[nodiscard]] std::string outbound_cluster_name(std::string_view host, std::uint16_t port,
                                                std::string_view subset = "");
[[nodiscard]] std::string inbound_cluster_name(std::uint16_t port);
// Where a reference leads; a name that no cluster has, where it leads nowhere.
[[nodiscard]] std::string backend_cluster(const Mesh& mesh, const BackendRef& ref,
                                          const BackendQuestion& question);
[[nodiscard]] std::string host_of(const ObjectName& service);
[[nodiscard]] std::string proxyless_listener_name(std::string_view host, std::uint16_t port);

void set(google::protobuf::Duration& out, Duration duration);
void pack(google::protobuf::Any& out, const google::protobuf::Message& message);
void set(envoy::config::core::v3::Address& out, std::string_view ip, std::uint16_t port);
void set_ads(envoy::config::core::v3::ConfigSource& out);
// filter_metadata["weft"]; pairs with an empty value are left out.
void set_weft(envoy::config::core::v3::Metadata& out,
              std::initializer_list<std::pair<const char*, std::string_view>> pairs);
void set_typed(envoy::config::core::v3::Metadata& out, const google::protobuf::Message& policy);
// Windows and stream limit of both ends.
void set_http2(envoy::config::core::v3::Http2ProtocolOptions& out);

// TLS 1.3 with the sidecar's own identity and roots. The peer's URI must be one of `identities`
// exactly, or, when there are none, begin with `prefix`.
struct PeerNames {
  const std::vector<std::string>& identities;
  std::string prefix;
};
void set_mtls(envoy::extensions::transport_sockets::tls::v3::CommonTlsContext& out,
              const PeerNames& peers);
// The same for a gRPC client, whose certificates come from a provider named "default" in its
// bootstrap.
void set_provider_mtls(envoy::extensions::transport_sockets::tls::v3::CommonTlsContext& out,
                       const PeerNames& peers);

}  // namespace weft::control
