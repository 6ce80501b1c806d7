// The walk over a message: each rule once, with the text a NACK would carry.
#include "xds/check.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/xds/text.h"
#include "xds/extensions.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/router.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/proto/xds_type.pb.h"

namespace weft::xds {
namespace {

namespace core = envoy::config::core::v3;
namespace cds = envoy::config::cluster::v3;
namespace rt = envoy::config::route::v3;

template <typename Message>
std::vector<std::string> reasons(std::string_view text) {
  Findings findings;
  check(from_text<Message>(text), {}, UnknownFields::kCount, findings);
  return findings.reasons();
}

using Reasons = std::vector<std::string>;

TEST(Check, AGoodMessageHasNothingToSay) {
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' connect_timeout { seconds: 1 }"), Reasons{});
}

TEST(Check, WhatMustBeThereIsNamed) {
  EXPECT_EQ(reasons<cds::Cluster>(""), Reasons{"name: must not be empty"});
  EXPECT_EQ(reasons<rt::VirtualHost>("name: 'h'"), Reasons{"domains: needs at least 1 item"});
  EXPECT_EQ(reasons<core::HeaderValueOption>(""), Reasons{"header: is required"});
  EXPECT_EQ(reasons<core::Address>(""), Reasons{"one of socket_address, pipe must be set"});
  EXPECT_EQ(reasons<envoy::config::accesslog::v3::AndFilter>(""),
            Reasons{"filters: needs at least 2 items"});
}

TEST(Check, NumbersHaveLimits) {
  EXPECT_EQ(reasons<core::SocketAddress>("address: 'a' port_value: 65536"),
            Reasons{"port_value: is 65536, must be at most 65535"});
  EXPECT_EQ(reasons<core::Http2ProtocolOptions>("max_concurrent_streams { value: 0 }"),
            Reasons{"max_concurrent_streams: is 0, must be at least 1"});
  EXPECT_EQ(reasons<envoy::type::v3::Percent>("value: 100.5"),
            Reasons{"value: is 100.5, must be at most 100"});
  EXPECT_EQ(reasons<envoy::type::v3::Percent>("value: nan"),
            (Reasons{"value: is nan, must be at least 0", "value: is nan, must be at most 100"}));
  EXPECT_EQ(reasons<rt::DirectResponseAction>(""), Reasons{"status: is 0, must be at least 200"});
  EXPECT_EQ(reasons<rt::DirectResponseAction>("status: 600"),
            Reasons{"status: is 600, must be less than 600"});
}

TEST(Check, DurationsAreDurations) {
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' connect_timeout {}"),
            Reasons{"connect_timeout: is 0s, must be more than 0s"});
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' connect_timeout { seconds: -1 }"),
            Reasons{"connect_timeout: is -1s, must not be negative"});
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' connect_timeout { seconds: 1 nanos: -1 }"),
            Reasons{"connect_timeout: is not a duration"});
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' connect_timeout { seconds: 300000000000 }"),
            Reasons{"connect_timeout: is not a duration"});
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' dns_refresh_rate { nanos: 1000000 }"),
            Reasons{"dns_refresh_rate: is 0.001s, must be more than 0.001s"});
}

TEST(Check, EnumsAndTextAreJudged) {
  EXPECT_EQ(reasons<core::HealthStatusSet>("statuses: 2 statuses: 77"),
            Reasons{"statuses[1]: 77 is not a value of HealthStatus"});
  EXPECT_EQ(reasons<core::HeaderValue>(R"(key: 'a b' value: 'x\r\ny: z')"),
            (Reasons{R"(key: "a b" is not a header name)",
                     R"(value: "x\r\ny: z" is not a header value)"}));
  EXPECT_EQ(reasons<core::HeaderValue>("key: ':path' value: 'x'"), Reasons{});
  EXPECT_EQ(reasons<rt::QueryParameterMatcher>("name: '" + std::string(1025, 'a') + "'"),
            Reasons{"name: has 1025 bytes, at most 1024 are allowed"});
}

TEST(Check, AFieldWeDoNotHaveIsRefusedByName) {
  EXPECT_EQ(reasons<core::SocketAddress>("address: 'a' port_value: 1 resolver_name: 'x'"),
            Reasons{"resolver_name: is not supported"});
  EXPECT_EQ(reasons<cds::Cluster>("name: 'c' original_dst_lb_config {}"),
            Reasons{"original_dst_lb_config: is not supported"});
}

TEST(Check, AskingForWhatHappensAnywayIsNotRefused) {
  using Tls = envoy::extensions::transport_sockets::tls::v3::DownstreamTlsContext;
  EXPECT_EQ(reasons<Tls>("require_sni { value: false }"), Reasons{});
  EXPECT_EQ(reasons<Tls>("require_sni { value: true }"), Reasons{"require_sni: is not supported"});
}

TEST(Check, AnIgnoredFieldIsNoted) {
  Findings findings;
  check(from_text<cds::Cluster>("name: 'c' track_timeout_budgets: true"), {}, UnknownFields::kCount,
        findings);
  EXPECT_FALSE(findings.refused());
  EXPECT_EQ(findings.notes(),
            std::vector<std::string>{"track_timeout_budgets: has no effect here"});
}

TEST(Check, PathsLeadThroughListsAndMaps) {
  EXPECT_EQ(reasons<rt::RouteConfiguration>(
                "virtual_hosts { name: 'a' domains: 'a' } virtual_hosts { name: 'b' domains: 'b' "
                "routes { match { prefix: '/' } route { cluster: 'c' } } "
                "routes { match { prefix: '/' headers { name: 'x' prefix_match: '' } } "
                "route { cluster: '' } } }"),
            (Reasons{"virtual_hosts[1].routes[1].match.headers[0].prefix_match: must not be empty",
                     "virtual_hosts[1].routes[1].route.cluster: must not be empty"}));
  EXPECT_EQ(reasons<envoy::config::endpoint::v3::ClusterLoadAssignment>(
                "cluster_name: 'c' named_endpoints { key: 'k' value {} }"),
            Reasons{});
}

TEST(Check, EveryMistakeIsFoundButNotEveryOneIsKept) {
  std::string text = "name: 'r'";
  for (int at = 0; at < 100; ++at) text += " virtual_hosts { domains: 'x' }";
  Findings findings;
  check(from_text<rt::RouteConfiguration>(text), {}, UnknownFields::kCount, findings);
  EXPECT_EQ(findings.refused_count(), 100U);
  EXPECT_EQ(findings.reasons().size(), Findings::kKept);
  EXPECT_TRUE(
      findings.error().detail.ends_with("virtual_hosts[31].name: must not be empty; and 68 more"));
}

TEST(Check, UnknownFieldsAreCountedInWhatIsDynamic) {
  envoy::config::listener::v3::Listener listener;
  listener.set_name("l");
  auto& socket = *listener.mutable_address()->mutable_socket_address();
  socket.set_address("127.0.0.1");
  socket.set_port_value(1);
  socket.GetReflection()->MutableUnknownFields(&socket)->AddVarint(900, 1);
  listener.GetReflection()->MutableUnknownFields(&listener)->AddVarint(901, 1);

  Findings counted;
  check(listener, {}, UnknownFields::kCount, counted);
  EXPECT_FALSE(counted.refused());
  EXPECT_EQ(counted.unknown_count(), 2U);
  EXPECT_EQ(counted.unknowns(),
            (std::vector<std::string>{"has unknown field 901",
                                      "address.socket_address: has unknown field 900"}));

  Findings refused;
  check(listener, {}, UnknownFields::kRefuse, refused);
  EXPECT_EQ(refused.reasons(),
            (std::vector<std::string>{"has unknown field 901",
                                      "address.socket_address: has unknown field 900"}));
}

TEST(Unpack, TheTypeUrlDecidesAndItsHostSaysNothing) {
  google::protobuf::Any any;
  any.set_type_url("example.org/anything/envoy.extensions.filters.http.router.v3.Router");
  EXPECT_EQ(type_of(any), kRouter);
  envoy::extensions::filters::http::router::v3::Router router;
  Findings findings;
  EXPECT_TRUE(unpack(any, {}, UnknownFields::kCount, findings, router));
  rt::Route route;
  EXPECT_FALSE(unpack(any, {}, UnknownFields::kCount, findings, route));
  EXPECT_EQ(findings.reasons(),
            (Reasons{"is a envoy.extensions.filters.http.router.v3.Router, must be a "
                     "envoy.config.route.v3.Route"}));
}

TEST(Unpack, ATypedStructIsTheMessageItStandsFor) {
  const auto wrapped = from_text<::xds::type::v3::TypedStruct>(
      "type_url: 'type.googleapis.com/weft.config.v1.ClusterPolicy' value { fields { key: "
      "'meshPeer' "
      "value { bool_value: true } } fields { key: 'pending_timeout' value { string_value: '1.5s' } "
      "} }");
  google::protobuf::Any any;
  any.PackFrom(wrapped);
  EXPECT_EQ(type_of(any), "weft.config.v1.ClusterPolicy");
  weft::config::v1::ClusterPolicy policy;
  Findings findings;
  ASSERT_TRUE(unpack(any, {}, UnknownFields::kCount, findings, policy));
  EXPECT_TRUE(policy.mesh_peer());
  EXPECT_EQ(policy.pending_timeout().nanos(), 500'000'000);

  any.set_type_url("type.googleapis.com/udpa.type.v1.TypedStruct");
  EXPECT_EQ(type_of(any), "weft.config.v1.ClusterPolicy");
}

TEST(Unpack, BrokenBytesAreRefused) {
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/envoy.config.route.v3.Route");
  any.set_value("\xff");
  rt::Route route;
  Findings findings;
  const FieldPath root;
  EXPECT_FALSE(unpack(any, root / "typed_config", UnknownFields::kCount, findings, route));
  EXPECT_EQ(findings.reasons(), Reasons{"typed_config: is not a envoy.config.route.v3.Route"});
}

}  // namespace
}  // namespace weft::xds
