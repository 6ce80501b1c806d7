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
  std::string fixed = passing_cluster("known_destinations {}");
  fixed.replace(fixed.find("type: ORIGINAL_DST lb_policy: CLUSTER_PROVIDED"), 46, "");
  EXPECT_NE(why(fixed).find("known_destinations: is for type ORIGINAL_DST"), std::string::npos);
}

}  // namespace
}  // namespace weft::xds
