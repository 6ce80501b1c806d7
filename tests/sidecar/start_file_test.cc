// Start files, from text to Start: the one our CLI writes, the examples people copy, and mistakes.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "sidecar/bootstrap.h"

namespace weft::sidecar {
namespace {

using namespace std::chrono_literals;

class StartFile : public ::testing::Test {
 protected:
  ~StartFile() override { std::remove(path_.c_str()); }
  Result<Start> load(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
    return load_start({.config_file = path_});
  }
  std::string mistake(const std::string& text) {
    const Result<Start> start = load(text);
    if (start) return "none";
    std::string detail = start.error().detail;
    for (std::size_t at; (at = detail.find(path_)) != std::string::npos;)
      detail.replace(at, path_.size(), "file");
    return detail;
  }
  const std::string path_ =
      ::testing::TempDir() + "weft-start-" + std::to_string(::getpid()) + ".yaml";
};

// What `weft sidecar-config` prints.
constexpr const char* kOfTheCli = R"(
node:
  id: "sidecar~127.1.2.3~cart-v1-a.shop~shop.svc.cluster.local"
  cluster: "cart.shop"
  locality: {region: "", zone: "a"}
  metadata: {weft: {admin: "127.1.2.3:15000"}}
admin:
  address: {socket_address: {address: "127.1.2.3", port_value: 15000}}
dynamic_resources:
  lds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  cds_config: {ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s}
  ads_config:
    api_type: AGGREGATED_DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
    - envoy_grpc: {cluster_name: weft-control}
static_resources:
  clusters:
  - name: weft-control
    type: STATIC
    connect_timeout: 2s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {http2_protocol_options: {}}
    upstream_connection_options: {tcp_keepalive: {keepalive_time: 30, keepalive_interval: 10, keepalive_probes: 3}}
    transport_socket:
      name: envoy.transport_sockets.tls
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
        common_tls_context:
          tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}
          alpn_protocols: [h2]
          tls_certificate_sds_secret_configs: [{name: default}]
          combined_validation_context:
            default_validation_context:
              match_typed_subject_alt_names:
              - {san_type: URI, matcher: {exact: "spiffe://cluster.local/ns/weft-system/sa/weft-control"}}
            validation_context_sds_secret_config: {name: ROOTCA}
    load_assignment:
      cluster_name: weft-control
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: "127.0.0.1", port_value: 15012}}}
bootstrap_extensions:
- name: weft.mesh
  typed_config:
    "@type": type.googleapis.com/weft.bootstrap.v1.Mesh
    ca_cluster: weft-control
    token_file: "cart.token"
    trust_domain: cluster.local
    namespace: shop
    service_account: cart
    workload: cart-v1-a
    canonical_service: cart
    canonical_revision: v1
    local_app_ports: [8080, 9090]
)";

std::string edited(std::string text, const std::string& what, const std::string& with) {
  const std::size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), with);
}

TEST_F(StartFile, OfTheCliIsUnderstood) {
  const Result<Start> start = load(kOfTheCli);
  ASSERT_TRUE(start.has_value()) << start.error().detail;
  ASSERT_TRUE(start->ads.has_value());
  EXPECT_EQ(start->ads->cluster, "weft-control");
  EXPECT_TRUE(start->ads->delta);
  EXPECT_TRUE(start->ads->listeners && start->ads->clusters);
  EXPECT_EQ(start->ads->initial_fetch_timeout, Duration::zero());
  ASSERT_TRUE(start->mesh.has_value());
  EXPECT_EQ(start->mesh->id.uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(start->mesh->token_file, "cart.token");
  EXPECT_EQ(start->workload, "cart-v1-a");
  EXPECT_EQ(start->name_space, "shop");
  EXPECT_EQ(start->admin.to_string(), "127.1.2.3:15000");
  ASSERT_EQ(start->clusters.size(), 1U);
  EXPECT_EQ(start->clusters[0].tls->certificate_secret, "default");
  EXPECT_EQ(start->clusters[0].tls->validation_secret, "ROOTCA");
}

TEST_F(StartFile, SaysWhereDnsIsAnswered) {
  EXPECT_FALSE(load(kOfTheCli)->dns);
  const std::string with = edited(
      kOfTheCli, "    workload:", "    dns_addresses: ['127.1.2.3:53', '[::1]:53']\n    workload:");
  const Result<Start> start = load(with);
  ASSERT_TRUE(start.has_value()) << start.error().detail;
  ASSERT_TRUE(start->dns);
  ASSERT_EQ(start->dns->addresses.size(), 2U);
  EXPECT_EQ(start->dns->addresses[1].to_string(), "[::1]:53");
  for (const char* wrong : {"localhost:53", "0.0.0.0:53", "127.0.0.1"}) {
    EXPECT_NE(mistake(edited(with, "127.1.2.3:53", wrong))
                  .find(".dns_addresses[0]: want an address of this machine and a port"),
              std::string::npos)
        << wrong;
  }
}

TEST_F(StartFile, WaitsAsLongAsItSays) {
  EXPECT_EQ(load(edited(kOfTheCli, "initial_fetch_timeout: 0s", "initial_fetch_timeout: 3s"))
                ->ads->initial_fetch_timeout,
            Duration::zero())
      << "the other one still waits for ever";
  const std::string both =
      edited(edited(kOfTheCli, "initial_fetch_timeout: 0s", "initial_fetch_timeout: 3s"),
             ", initial_fetch_timeout: 0s", "");
  EXPECT_EQ(load(both)->ads->initial_fetch_timeout, Duration(15s)) << "Envoy's default";
}

TEST_F(StartFile, TellsWhatIsMissing) {
  EXPECT_NE(mistake(edited(kOfTheCli, "cluster_name: weft-control}", "cluster_name: other}"))
                .find("unknown static cluster 'other'"),
            std::string::npos);
  EXPECT_NE(mistake(edited(kOfTheCli, "    ca_cluster: weft-control\n", ""))
                .find("wants either ca_cluster or certificate_file and private_key_file"),
            std::string::npos);
  EXPECT_NE(mistake(edited(kOfTheCli, "    namespace: shop\n", "")).find("bootstrap_extensions[0]"),
            std::string::npos);
  EXPECT_NE(mistake(edited(kOfTheCli, "    workload:", "    state_dir: /run/weft\n    workload:"))
                .find("state_dir: is not supported"),
            std::string::npos);
  EXPECT_NE(mistake(edited(kOfTheCli, "api_type: AGGREGATED_DELTA_GRPC", "api_type: REST"))
                .find("only GRPC and DELTA_GRPC"),
            std::string::npos);
}

TEST_F(StartFile, OfEachExampleIsValid) {
  int found = 0;
  for (const auto& file : std::filesystem::directory_iterator(WEFT_SOURCE_DIR "/k8s/examples")) {
    const std::string name = file.path().filename();
    if (!name.starts_with("sidecar-") || !name.ends_with(".yaml")) continue;
    ++found;
    const Result<Start> start = load_start({.config_file = file.path()});
    EXPECT_TRUE(start.has_value()) << name << ": " << (start ? "" : start.error().detail);
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace weft::sidecar
