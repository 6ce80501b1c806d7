// What of a listener and a cluster is for connections that the kernel redirected.

#include <gtest/gtest.h>

#include "tests/xds/read.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

std::string captured_any(const std::string& type, const std::string& text) {
  return "[type.googleapis.com/" + type + "] { " + text + " }";
}

std::string passing_cluster(const std::string& policy, const std::string& more = "") {
  return "name: 'direct' type: ORIGINAL_DST lb_policy: CLUSTER_PROVIDED " + more +
         " typed_extension_protocol_options { key: 'weft' value { " +
         captured_any("weft.config.v1.ClusterPolicy", policy) + " } }";
}

TEST(CapturedResources, AClusterForWhereverAConnectionWasBoundFor) {
  Read read;
  const auto open = read.cluster(passing_cluster("known_destinations {}"));
  EXPECT_EQ(open.discovery, config::ClusterConfig::Discovery::kOriginalDst);
  ASSERT_TRUE(open.known_destinations);
  EXPECT_FALSE(open.known_destinations->deny_unknown);
  const auto closed = read.cluster(passing_cluster("known_destinations { deny_unknown: true }"));
  ASSERT_TRUE(closed.known_destinations);
  EXPECT_TRUE(closed.known_destinations->deny_unknown);
  EXPECT_FALSE(read.cluster(passing_cluster("")).known_destinations);
}

TEST(CapturedResources, AnAppThatListensInOneOfSeveralPlaces) {
  Read read;
  const auto app = read.cluster(passing_cluster(
      "local_app: true local_app_elsewhere { socket_address { address: '10.1.0.7' port_value: 80 "
      "} } local_app_elsewhere { socket_address { address: '::1' port_value: 80 } }",
      "upstream_bind_config { source_address { address: '127.0.0.6' port_value: 0 } "
      "extra_source_addresses { address { address: '::6' port_value: 0 } } }"));
  ASSERT_EQ(app.local_app_elsewhere.size(), 2U);
  EXPECT_EQ(app.local_app_elsewhere[0].to_string(), "10.1.0.7:80");
  EXPECT_EQ(app.local_app_elsewhere[1].to_string(), "[::1]:80");
  EXPECT_EQ(app.source.to_string(), "127.0.0.6:0");
  EXPECT_EQ(app.source_other.to_string(), "[::6]:0");
}

TEST(CapturedResources, AnAppThatIsCalledFromItsCallersAddresses) {
  Read read;
  EXPECT_TRUE(read.cluster(passing_cluster("local_app: true keep_source: true")).keep_source);
  EXPECT_FALSE(read.cluster(passing_cluster("local_app: true")).keep_source);
}

TEST(CapturedResources, WhatHasNoMeaningIsRefusedByName) {
  const auto why = [](const std::string& text) {
    Findings findings;
    const FromProtoOptions options;
    const auto read =
        cluster_from_proto(from_text<envoy::config::cluster::v3::Cluster>(text), options, findings);
    return read ? std::string("accepted") : read.error().detail;
  };
  EXPECT_NE(why(passing_cluster("local_app_elsewhere { socket_address { address: '10.1.0.7' "
                                "port_value: 80 } }"))
                .find("local_app_elsewhere: is for a local_app"),
            std::string::npos);
  EXPECT_NE(why(passing_cluster("keep_source: true"))
                .find("keep_source: is for a local_app of type ORIGINAL_DST"),
            std::string::npos);
  std::string fixed = passing_cluster("known_destinations {}");
  fixed.replace(fixed.find("type: ORIGINAL_DST lb_policy: CLUSTER_PROVIDED"), 46, "");
  EXPECT_NE(why(fixed).find("known_destinations: is for type ORIGINAL_DST"), std::string::npos);
}

// A listener with that policy, read: what it says of it, or why it was refused.
std::string demanded(const std::string& policy) {
  envoy::config::listener::v3::Listener listener = from_text<envoy::config::listener::v3::Listener>(
      "name: 'out' address { socket_address { address: '127.0.0.1' port_value: 15001 } } "
      "default_filter_chain { filters { name: 'tcp' typed_config { " +
      captured_any("envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                   "stat_prefix: 'a' cluster: 'a'") +
      " } } }");
  (*listener.mutable_metadata()->mutable_typed_filter_metadata())["weft.config.v1.ListenerPolicy"]
      .PackFrom(from_text<weft::config::v1::ListenerPolicy>(policy));
  Findings findings;
  const auto read = listener_from_proto(listener, {}, findings);
  if (!read) return read.error().detail;
  if (!read->on_demand) return "asks for nothing";
  return std::to_string(read->on_demand->timeout / std::chrono::milliseconds(1)) + " ms, " +
         std::to_string(read->on_demand->waiting_max);
}

TEST(CapturedResources, AListenerThatAsksForWhatItDoesNotKnow) {
  EXPECT_EQ(demanded(""), "asks for nothing");
  EXPECT_EQ(demanded("on_demand { timeout { seconds: 2 } waiting_max: 10 }"), "2000 ms, 10");
  for (const char* bad : {"on_demand { waiting_max: 10 }", "on_demand { timeout { seconds: 2 } }",
                          "on_demand { timeout {} waiting_max: 1 }",
                          "on_demand { timeout { seconds: 61 } waiting_max: 1 }"}) {
    EXPECT_NE(demanded(bad).find("on_demand"), std::string::npos) << bad << ": " << demanded(bad);
  }
}

TEST(CapturedResources, ADestinationHasAName) {
  const auto read = [](const std::string& text) {
    Findings findings;
    return destination_from_proto(from_text<weft::config::v1::Destination>(text), {}, findings);
  };
  const auto good = read("name: '10.96.0.10:80' clusters: 'a' clusters: 'b'");
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(good->name, "10.96.0.10:80");
  EXPECT_EQ(good->clusters, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(read("clusters: 'a'").has_value());
  EXPECT_FALSE(read("name: '" + std::string(65, 'x') + "'").has_value());
}

}  // namespace
}  // namespace weft::xds
