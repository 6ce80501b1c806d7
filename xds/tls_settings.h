#pragma once
// Transport sockets and TLS contexts of xDS -> TlsReference. Internal to from_proto.
//
// After envoy.extensions.transport_sockets.tls.v3. No transport socket, and raw_buffer, mean plain
// text.

#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/tls_reference.h"
#include "xds/proto/core.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/reading.h"

namespace weft::xds {

[[nodiscard]] std::optional<config::TlsReference> read_upstream_tls(
    const envoy::config::core::v3::TransportSocket& socket, const FieldPath& path, Reading& in);
[[nodiscard]] std::optional<config::TlsReference> read_downstream_tls(
    const envoy::config::core::v3::TransportSocket& socket, const FieldPath& path, Reading& in);

// The parts a Secret has in common with a context.
void read_certificate(
    const envoy::extensions::transport_sockets::tls::v3::TlsCertificate& certificate,
    const FieldPath& path, Reading& in, TlsMaterial& out);
void read_validation(
    const envoy::extensions::transport_sockets::tls::v3::CertificateValidationContext& context,
    const FieldPath& path, Reading& in, TlsMaterial& out, std::vector<SanMatcher>& peer_names);

}  // namespace weft::xds
