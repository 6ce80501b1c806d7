// Clusters that name their endpoints, and the start files of k8s/examples put to work.

#include <gtest/gtest.h>

#include "sidecar/bootstrap.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

config::ClusterConfig named(config::ClusterConfig::Discovery discovery, const std::string& host,
                            std::uint16_t port) {
  config::ClusterConfig config = cluster("cart", {});
  config.inline_endpoints = nullptr;
  config.discovery = discovery;
  config.dns_family = config::ClusterConfig::DnsFamily::kV4;
  config.dns_targets = {{.host = host, .port = port}};
  return config;
}

class Names : public ::testing::TestWithParam<config::ClusterConfig::Discovery> {};

TEST_P(Names, LeadToTheOrigin) {
  Origin origin(Origin::replies(200, "cart"));
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {named(GetParam(), "localhost", origin.port())});
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

TEST_P(Names, MayBeNumbers) {
  Origin origin(Origin::replies(200, "cart"));
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {named(GetParam(), "127.0.0.1", origin.port())});
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").body, "cart");
}

TEST_P(Names, ThatAreNoneLeaveAnEmptyCluster) {
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {named(GetParam(), "no..name", 80)});
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").status(), 503);
  EXPECT_EQ(proxy.metric("weft_requests_total", {"response_flags=\"DF\""}), 1);
}

INSTANTIATE_TEST_SUITE_P(Dns, Names,
                         ::testing::Values(config::ClusterConfig::Discovery::kStrictDns,
                                           config::ClusterConfig::Discovery::kLogicalDns));

// The example as it stands, but for the ports, which others may hold.
TEST(Examples, SidecarPlainSplitsItsTraffic) {
  Result<sidecar::Start> start =
      sidecar::load_start({.config_file = WEFT_SOURCE_DIR "/k8s/examples/sidecar-plain.yaml"});
  ASSERT_TRUE(start.has_value()) << start.error().detail;
  Origin first(Origin::replies(200, "v1"));
  Origin second(Origin::replies(200, "v2"));
  start->admin = SocketAddress();
  http_of(start->listeners[0]).access_logs.clear();  // a page of lines that say nothing here
  ASSERT_EQ(start->listeners.size(), 1U);
  start->listeners[0].address = SocketAddress(start->listeners[0].address.ip(), 0);
  ASSERT_EQ(start->clusters.size(), 2U);
  for (config::ClusterConfig& one : start->clusters) {
    auto endpoints = std::make_shared<config::EndpointSet>(*one.inline_endpoints);
    ASSERT_EQ(endpoints->endpoints.size(), 1U);
    endpoints->endpoints[0].address = (one.name == "cart-v1" ? first : second).address();
    one.inline_endpoints = std::move(endpoints);
  }
  Proxy proxy(*start);
  ASSERT_TRUE(proxy.ready());
  Wire wire = proxy.dial(start->listeners[0].name);
  EXPECT_EQ(ask(wire, "/", "canary: true\r\n").body, "v2");
  for (int i = 0; i < 200; ++i) EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_GT(first.requests(), second.requests());
  EXPECT_GT(second.requests(), 1U);
}

}  // namespace
}  // namespace weft::mesh_test
