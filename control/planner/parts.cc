#include "control/planner/parts.h"

#include <fmt/format.h>

#include "control/planner/defaults.h"
#include "xds/resource.h"

namespace weft::control {

namespace core = envoy::config::core::v3;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

std::string outbound_cluster_name(std::string_view host, std::uint16_t port,
                                  std::string_view subset) {
  return fmt::format("outbound|{}|{}|{}", port, subset, host);
}

std::string inbound_cluster_name(std::uint16_t port) { return fmt::format("inbound|{}||", port); }

std::string backend_cluster(const Mesh& mesh, const BackendRef& ref,
                            const BackendQuestion& question) {
  const Backend backend = find_backend(mesh, ref, question);
  // A port of another protocol has a cluster, which is not for this.
  if (backend.why == Backend::Why::kUnusable || backend.why == Backend::Why::kWrongProtocol ||
      backend.why == Backend::Why::kNotTheirs) {
    return "unusable";
  }
  const std::uint16_t asked = ref.port == 0 ? question.port : ref.port;
  return outbound_cluster_name(host_of(ref.service),
                               backend.port == nullptr ? asked : backend.port->port, ref.subset);
}

std::string host_of(const ObjectName& service) {
  return fmt::format("{}.{}.{}", service.name, service.name_space, Mesh::kClusterDomain);
}

std::string proxyless_listener_name(std::string_view host, std::uint16_t port) {
  return fmt::format("{}:{}", host, port);
}

void set(google::protobuf::Duration& out, Duration duration) {
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(duration);
  out.set_seconds(whole.count());
  out.set_nanos(static_cast<std::int32_t>((duration - whole).count()));
}

void pack(google::protobuf::Any& out, const google::protobuf::Message& message) {
  out.set_value(xds::serialize(message));
  out.set_type_url(std::string(xds::kTypeUrlPrefix) + message.GetDescriptor()->full_name());
}

void set(core::Address& out, std::string_view ip, std::uint16_t port) {
  out.mutable_socket_address()->set_address(std::string(ip));
  out.mutable_socket_address()->set_port_value(port);
}

void set_ads(core::ConfigSource& out) {
  out.mutable_ads();
  out.set_resource_api_version(core::V3);
}

void set_weft(core::Metadata& out,
              std::initializer_list<std::pair<const char*, std::string_view>> pairs) {
  auto& fields = *(*out.mutable_filter_metadata())["weft"].mutable_fields();
  for (const auto& [key, value] : pairs) {
    if (!value.empty()) fields[key].set_string_value(std::string(value));
  }
}

void set_typed(core::Metadata& out, const google::protobuf::Message& policy) {
  pack((*out.mutable_typed_filter_metadata())[policy.GetDescriptor()->full_name()], policy);
}

void set_http2(core::Http2ProtocolOptions& out) {
  out.mutable_max_concurrent_streams()->set_value(defaults::kStreamsMax);
  out.mutable_initial_stream_window_size()->set_value(defaults::kStreamWindow);
  out.mutable_initial_connection_window_size()->set_value(defaults::kConnectionWindow);
}

namespace {

// Calls `add` for a new matcher, and fills it.
template <typename Add>
void add_names(const PeerNames& peers, Add add) {
  for (const std::string& identity : peers.identities) add().set_exact(identity);
  if (peers.identities.empty()) add().set_prefix(peers.prefix);
}

}  // namespace

void set_mtls(tls_v3::CommonTlsContext& out, const PeerNames& peers) {
  out.mutable_tls_params()->set_tls_minimum_protocol_version(tls_v3::TlsParameters::TLSv1_3);
  out.mutable_tls_params()->set_tls_maximum_protocol_version(tls_v3::TlsParameters::TLSv1_3);
  // Without sds_config: from the sidecar's own identity (decisions A2).
  out.add_tls_certificate_sds_secret_configs()->set_name("default");
  auto& combined = *out.mutable_combined_validation_context();
  combined.mutable_validation_context_sds_secret_config()->set_name("ROOTCA");
  auto& validation = *combined.mutable_default_validation_context();
  add_names(peers, [&]() -> envoy::type::matcher::v3::StringMatcher& {
    auto& name = *validation.add_match_typed_subject_alt_names();
    name.set_san_type(tls_v3::SubjectAltNameMatcher::URI);
    return *name.mutable_matcher();
  });
}

void set_provider_mtls(tls_v3::CommonTlsContext& out, const PeerNames& peers) {
  out.mutable_tls_certificate_provider_instance()->set_instance_name("default");
  auto& validation = *out.mutable_validation_context();
  validation.mutable_ca_certificate_provider_instance()->set_instance_name("default");
  // The older field: gRPC passes over the typed one, and would then believe any peer (A29).
  add_names(peers, [&]() -> envoy::type::matcher::v3::StringMatcher& {
    return *validation.add_match_subject_alt_names();
  });
}

}  // namespace weft::control
