#pragma once
// Bootstrap: the start file of a sidecar (Envoy's Bootstrap message, YAML or JSON) as plain values.
//
// Strict: unknown fields, unknown extension types and everything that a first version cannot do are
// refused with their place. All mistakes are told at once. What Envoy's message cannot say travels
// in weft.bootstrap.v1.Mesh inside bootstrap_extensions (decisions A2). Pure but for the files that
// DataSources name. Source: envoy.config.bootstrap.v3.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/config/listener_config.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/spiffe_id.h"
#include "tls/key.h"
#include "xds/from_proto.h"

namespace envoy::config::core::v3 {
class Node;
}

namespace weft::xds {

struct Bootstrap {
  // Who we are, as the control plane is told.
  std::shared_ptr<const envoy::config::core::v3::Node> node;
  std::string node_id;
  std::string node_cluster;
  std::string node_zone;
  SocketAddress admin;  // none(): no admin pages

  std::vector<config::ListenerConfig> listeners;
  std::vector<config::ClusterConfig> clusters;
  std::vector<Secret> secrets;

  // Where everything else comes from.
  struct Ads {
    std::string cluster;
    std::string authority;  // empty: the cluster's name
    bool delta = false;
    bool listeners = false;  // lds_config and cds_config ask for it
    bool clusters = false;
    // How long a start waits for the first answer to each; zero: as long as it takes.
    Duration initial_fetch_timeout = std::chrono::seconds(15);
  };
  std::optional<Ads> ads;

  // How this sidecar gets its identity in a mesh of ours.
  struct Mesh {
    std::string ca_cluster;
    std::string token_file;
    std::string token;
    std::vector<std::string> trust_root_spki_sha256;
    std::string trust_root_file;
    SpiffeId id;
    std::string name_space;
    std::string workload;
    std::string canonical_service;
    std::string canonical_revision;
    tls::Key::Type key_type = tls::Key::Type::kEcP256;
    Duration certificate_lifetime = std::chrono::hours(24);
    // Without ca_cluster: files that somebody else keeps fresh.
    std::string certificate_file;
    std::string private_key_file;
    std::vector<SocketAddress> dns_addresses;  // where the pod's DNS is answered; none: nowhere
  };
  std::optional<Mesh> mesh;

  // The cluster that takes OTLP traces over HTTP, from the listeners' tracing settings.
  std::string trace_collector;
  std::vector<std::string> notes;  // fields that were passed over
};

// `source` names the file in messages; `read_file` reads what DataSources name.
[[nodiscard]] Result<Bootstrap> parse_bootstrap(
    std::string_view text, std::string_view source,
    std::function<Result<std::string>(const std::string&)> read_file);

}  // namespace weft::xds
