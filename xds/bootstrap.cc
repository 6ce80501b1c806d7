#include "xds/bootstrap.h"

#include <algorithm>
#include <set>
#include <utility>

#include "sidecar/config/document.h"
#include "sidecar/core/strings.h"
#include "xds/document_to_message.h"
#include "xds/extensions.h"
#include "xds/field_position.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/weft_bootstrap.pb.h"
#include "xds/reading.h"
#include "xds/resource.h"

namespace weft::xds {

namespace {

namespace v3 = envoy::config::bootstrap::v3;

Duration patience(const envoy::config::core::v3::ConfigSource& source) {
  return source.has_initial_fetch_timeout() ? duration_of(source.initial_fetch_timeout())
                                            : std::chrono::seconds(15);
}

tls::Key::Type key_type_of(weft::bootstrap::v1::Mesh::KeyType type) {
  using Mesh = weft::bootstrap::v1::Mesh;
  switch (type) {
    case Mesh::ECDSA_P384:
      return tls::Key::Type::kEcP384;
    case Mesh::RSA_2048:
      return tls::Key::Type::kRsa;
    default:
      return tls::Key::Type::kEcP256;
  }
}

// Collects every mistake under the place where it stands in the text.
class Reader final {
 public:
  Reader(const config::Document& document, FromProtoOptions options)
      : document_(document), options_(std::move(options)), mistakes_(document.source) {}

  Result<Bootstrap> read() {
    value_to_message(document_.root, message_, mistakes_);
    if (!mistakes_.empty()) return fail(mistakes_.error());
    Findings findings;
    check(message_, FieldPath(), UnknownFields::kRefuse, findings);
    take(findings, "");
    read_node();
    read_static();
    read_dynamic();
    read_extensions();
    check_references();
    if (!mistakes_.empty()) return fail(mistakes_.error());
    return std::move(out_);
  }

 private:
  void refuse(std::string_view path, std::string_view why) {
    mistakes_.add(position_of(document_.root, path), path, why);
  }

  // Reasons begin with a path of their own, below `where`.
  void take(const Findings& findings, const std::string& where) {
    for (const std::string& reason : findings.reasons()) {
      const std::size_t colon = reason.find(": ");
      std::string path = where;
      if (colon != std::string::npos && colon != 0)
        path.append(where.empty() ? "" : ".").append(reason, 0, colon);
      refuse(path, colon == std::string::npos ? reason : reason.substr(colon + 2));
    }
    for (const std::string& note : findings.notes())
      out_.notes.push_back(where.empty() ? note : where + "." + note);
  }

  void read_node() {
    auto node = std::make_shared<envoy::config::core::v3::Node>(message_.node());
    if (node->user_agent_name().empty()) {
      node->set_user_agent_name("weft-sidecar");
      node->set_user_agent_version(WEFT_VERSION);
    }
    out_.node = std::move(node);
    out_.node_id = message_.node().id();
    out_.node_cluster = message_.node().cluster();
    out_.node_zone = message_.node().locality().zone();
    options_.own_node = own_node_of(message_.node());
    if (!message_.has_admin() || !message_.admin().has_address()) return;
    const auto& socket = message_.admin().address().socket_address();
    const Result<IpAddress> ip = IpAddress::parse(socket.address());
    if (!ip) {
      refuse("admin.address.socket_address.address", ip.error().detail);
      return;
    }
    out_.admin = SocketAddress(*ip, static_cast<std::uint16_t>(socket.port_value()));
  }

  template <typename Message, typename Translate, typename Keep>
  void read_list(const Message& list, std::string_view field, Translate translate, Keep keep) {
    for (int i = 0; i < list.size(); ++i) {
      Findings findings;
      auto made = translate(list.Get(i), options_, findings);
      const std::string where = std::string(field) + "[" + std::to_string(i) + "]";
      take(findings, where);
      if (made) {
        keep(std::move(*made));
      } else if (!findings.refused()) {
        refuse(where, made.error().detail);
      }
    }
  }

  void read_static() {
    const auto& resources = message_.static_resources();
    read_list(
        resources.listeners(), "static_resources.listeners", listener_from_proto,
        [&](config::ListenerConfig listener) { out_.listeners.push_back(std::move(listener)); });
    const auto read_cluster = [](const auto& message, const auto& options, Findings& findings) {
      auto made = cluster_from_proto(message, options, findings);
      if (made) made->version = version_of(serialize(message));
      return made;
    };
    read_list(resources.clusters(), "static_resources.clusters", read_cluster,
              [&](config::ClusterConfig cluster) { out_.clusters.push_back(std::move(cluster)); });
    read_list(resources.secrets(), "static_resources.secrets", secret_from_proto,
              [&](Secret secret) { out_.secrets.push_back(std::move(secret)); });
    for (const config::ListenerConfig& listener : out_.listeners) {
      for (const config::FilterChain& chain : listener.chains) {
        const auto* http = std::get_if<config::HttpSettings>(&chain.what);
        if (http != nullptr && http->tracing.enabled)
          out_.trace_collector = http->tracing.collector_cluster;
      }
    }
  }

  void read_dynamic() {
    if (!message_.has_dynamic_resources()) return;
    const auto& dynamic = message_.dynamic_resources();
    const auto from_ads = [&](bool present, const envoy::config::core::v3::ConfigSource& source,
                              const char* path) {
      if (!present) return false;
      if (!source.has_ads()) refuse(path, "only `ads: {}` is supported");
      return true;
    };
    Bootstrap::Ads ads;
    ads.listeners =
        from_ads(dynamic.has_lds_config(), dynamic.lds_config(), "dynamic_resources.lds_config");
    ads.clusters =
        from_ads(dynamic.has_cds_config(), dynamic.cds_config(), "dynamic_resources.cds_config");
    if (!dynamic.has_ads_config()) {
      if (ads.listeners || ads.clusters)
        refuse("dynamic_resources",
               "lds_config or cds_config asks for ads, but ads_config is not there");
      return;
    }
    using Api = envoy::config::core::v3::ApiConfigSource;
    const Api& api = dynamic.ads_config();
    // This is where the aggregated stream is set up, so both spellings mean the same.
    ads.delta = api.api_type() == Api::DELTA_GRPC || api.api_type() == Api::AGGREGATED_DELTA_GRPC;
    if (!ads.delta && api.api_type() != Api::GRPC && api.api_type() != Api::AGGREGATED_GRPC) {
      refuse("dynamic_resources.ads_config.api_type", "only GRPC and DELTA_GRPC are supported");
    }
    ads.initial_fetch_timeout =
        std::max(patience(dynamic.lds_config()), patience(dynamic.cds_config()));
    if (patience(dynamic.lds_config()) == Duration::zero() ||
        patience(dynamic.cds_config()) == Duration::zero())
      ads.initial_fetch_timeout = Duration::zero();
    if (api.grpc_services_size() != 1 || !api.grpc_services(0).has_envoy_grpc()) {
      refuse("dynamic_resources.ads_config.grpc_services",
             "want exactly one service with envoy_grpc");
    } else {
      ads.cluster = api.grpc_services(0).envoy_grpc().cluster_name();
      ads.authority = api.grpc_services(0).envoy_grpc().authority();
    }
    out_.ads = std::move(ads);
  }

  void read_extensions() {
    for (int i = 0; i < message_.bootstrap_extensions_size(); ++i) {
      const auto& extension = message_.bootstrap_extensions(i);
      const std::string path = "bootstrap_extensions[" + std::to_string(i) + "].typed_config";
      if (type_of(extension.typed_config()) != "weft.bootstrap.v1.Mesh") {
        refuse(path, "unknown type '" + type_of(extension.typed_config()) + "'");
        continue;
      }
      weft::bootstrap::v1::Mesh mesh;
      Findings findings;
      const bool readable =
          unpack(extension.typed_config(), FieldPath(), UnknownFields::kRefuse, findings, mesh);
      take(findings, path);
      if (readable) read_mesh(mesh, path);
    }
  }

  void read_mesh(const weft::bootstrap::v1::Mesh& mesh, const std::string& path) {
    Bootstrap::Mesh made;
    made.ca_cluster = mesh.ca_cluster();
    made.token_file = mesh.token_file();
    made.token = mesh.token();
    made.trust_root_spki_sha256.assign(mesh.trust_root_spki_sha256().begin(),
                                       mesh.trust_root_spki_sha256().end());
    made.trust_root_file = mesh.trust_root_file();
    made.name_space = mesh.namespace_();
    made.workload = mesh.workload();
    made.canonical_service = mesh.canonical_service();
    made.canonical_revision = mesh.canonical_revision();
    made.key_type = key_type_of(mesh.key_type());
    if (mesh.has_certificate_lifetime())
      made.certificate_lifetime = duration_of(mesh.certificate_lifetime());
    made.certificate_file = mesh.certificate_file();
    made.private_key_file = mesh.private_key_file();
    for (int i = 0; i < mesh.dns_addresses_size(); ++i) {
      const Result<SocketAddress> address = SocketAddress::parse(mesh.dns_addresses(i));
      if (address && address->is_ip() && !address->ip().is_any()) {
        made.dns_addresses.push_back(*address);
      } else {
        refuse(path + ".dns_addresses[" + std::to_string(i) + "]",
               "want an address of this machine and a port, found '" +
                   escape(mesh.dns_addresses(i), 64) + "'");
      }
    }
    check_mesh(mesh, path);
    const Result<SpiffeId> id =
        mesh.spiffe_id().empty()
            ? SpiffeId::make(mesh.trust_domain().empty() ? "cluster.local" : mesh.trust_domain(),
                             mesh.namespace_(), mesh.service_account())
            : SpiffeId::parse(mesh.spiffe_id());
    if (!id) {
      refuse(path, id.error().detail);
    } else {
      made.id = *id;
    }
    out_.mesh = std::move(made);
  }

  void check_mesh(const weft::bootstrap::v1::Mesh& mesh, const std::string& path) {
    const bool files = !mesh.certificate_file().empty() || !mesh.private_key_file().empty();
    if (out_.mesh) refuse(path, "weft.bootstrap.v1.Mesh is there twice");
    if (mesh.key_type() == weft::bootstrap::v1::Mesh::RSA_3072)
      refuse(path + ".key_type", "RSA_3072 is not supported");
    if (!mesh.state_dir().empty()) refuse(path + ".state_dir", "is not supported");
    if (mesh.ca_cluster().empty() != files)
      refuse(path, "wants either ca_cluster or certificate_file and private_key_file");
    if (files && (mesh.certificate_file().empty() || mesh.private_key_file().empty() ||
                  mesh.trust_root_file().empty())) {
      refuse(path, "certificate_file, private_key_file and trust_root_file are needed together");
    }
  }

  // A static route to a cluster that nobody will ever deliver is a typing mistake.
  void check_references() {
    std::set<std::string> clusters;
    for (const config::ClusterConfig& cluster : out_.clusters) {
      if (!clusters.insert(cluster.name).second)
        refuse("static_resources.clusters", "cluster '" + cluster.name + "' is there twice");
    }
    std::set<std::string> listeners;
    for (const config::ListenerConfig& listener : out_.listeners) {
      if (!listeners.insert(listener.name).second) {
        refuse("static_resources.listeners", "listener '" + listener.name + "' is there twice");
      }
    }
    const auto known = [&](const std::string& name) {
      return clusters.contains(name) || (out_.ads && out_.ads->clusters);
    };
    if (out_.ads && !out_.ads->cluster.empty() && !clusters.contains(out_.ads->cluster)) {
      refuse("dynamic_resources.ads_config.grpc_services[0].envoy_grpc.cluster_name",
             "unknown static cluster '" + out_.ads->cluster + "'");
    }
    if (out_.mesh && !out_.mesh->ca_cluster.empty() && !clusters.contains(out_.mesh->ca_cluster)) {
      refuse("bootstrap_extensions",
             "ca_cluster: unknown static cluster '" + out_.mesh->ca_cluster + "'");
    }
    for (std::size_t l = 0; l < out_.listeners.size(); ++l) {
      const std::string at = "static_resources.listeners[" + std::to_string(l) + "]";
      for (const config::FilterChain& chain : out_.listeners[l].chains)
        check_chain(chain, at, known);
      if (out_.listeners[l].default_chain != nullptr)
        check_chain(*out_.listeners[l].default_chain, at, known);
    }
  }

  template <typename Known>
  void check_chain(const config::FilterChain& chain, const std::string& at, const Known& known) {
    const auto require = [&](const std::string& name) {
      if (!known(name)) refuse(at, "unknown cluster '" + name + "'");
    };
    if (const auto* tcp = std::get_if<config::TcpSettings>(&chain.what)) {
      for (const config::WeightedCluster& cluster : tcp->clusters) require(cluster.cluster);
      return;
    }
    const auto& http = std::get<config::HttpSettings>(chain.what);
    if (http.inline_routes == nullptr) return;
    for (const config::VirtualHost& host : http.inline_routes->virtual_hosts) {
      for (const config::Route& route : host.routes) {
        const auto* forward = std::get_if<config::ForwardAction>(&route.action);
        if (forward == nullptr) continue;
        for (const config::WeightedCluster& cluster : forward->clusters) require(cluster.cluster);
      }
    }
  }

  const config::Document& document_;
  FromProtoOptions options_;
  Mistakes mistakes_;
  v3::Bootstrap message_;
  Bootstrap out_;
};

}  // namespace

Result<Bootstrap> parse_bootstrap(
    std::string_view text, std::string_view source,
    std::function<Result<std::string>(const std::string&)> read_file) {
  Result<std::vector<config::Document>> documents = config::parse_documents(text, source);
  if (!documents) return fail(documents.error());
  if (documents->size() != 1) {
    return fail(Fault::kInvalid, std::string(source) + ": want one document, found " +
                                     std::to_string(documents->size()));
  }
  FromProtoOptions options;
  options.unknown = UnknownFields::kRefuse;
  options.read_file = std::move(read_file);
  return Reader(documents->front(), std::move(options)).read();
}

}  // namespace weft::xds
