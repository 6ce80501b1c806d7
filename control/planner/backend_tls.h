#pragma once
// TLS to instances without a sidecar, as a BackendTLSPolicy wants it: Cluster.transport_socket.
// Pure. Internal to the planner.

#include "control/backend_tls_table.h"
#include "control/planner/parts.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {

// `alpn`: the one protocol that is spoken there; empty: none is named. gRPC clients, who take
// certificates from files of their own only, are told to judge by their provider "default" (A29),
// or by their system's (A82).
void set_backend_tls(const BackendTls& tls, std::string_view alpn, Audience audience,
                     envoy::config::cluster::v3::Cluster& out);

}  // namespace weft::control
