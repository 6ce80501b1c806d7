#include "xds/document_to_message.h"

#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "xds/field_position.h"
#include "xds/proto/bootstrap.pb.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/weft_bootstrap.pb.h"

namespace weft::xds {
namespace {

namespace pb = google::protobuf;

// The message in protobuf's own text form on one line, or every mistake.
template <typename Message>
std::string read(std::string_view yaml) {
  const auto documents = config::parse_documents(yaml, "f.yaml");
  if (!documents) return documents.error().detail;
  Message message;
  if (const Status s = document_to_message(documents->at(0), message); !s) return s.error().detail;
  std::string text = message.ShortDebugString();
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

using envoy::config::bootstrap::v3::Bootstrap;
using envoy::config::cluster::v3::Cluster;
using envoy::config::core::v3::DataSource;
using envoy::config::core::v3::Node;
using envoy::config::listener::v3::Listener;

TEST(DocumentToMessage, ReadsBothSpellingsOfAName) {
  EXPECT_EQ(read<Cluster>("name: a\nlb_policy: RING_HASH\n"), "name: \"a\" lb_policy: RING_HASH");
  EXPECT_EQ(read<Cluster>("name: a\nlbPolicy: 2\n"), "name: \"a\" lb_policy: RING_HASH");
  EXPECT_EQ(read<Cluster>("lbPolicy: RANDOM\nlb_policy: RANDOM\n"),
            "f.yaml:2:1: lb_policy: is there twice, under both of its names");
}

TEST(DocumentToMessage, ReadsDurationsAndWrappers) {
  EXPECT_EQ(
      read<Cluster>("connect_timeout: 0.25s\nper_connection_buffer_limit_bytes: 32768\n"),
      "connect_timeout { nanos: 250000000 } per_connection_buffer_limit_bytes { value: 32768 }");
  EXPECT_EQ(read<Cluster>("connect_timeout: 1m\n"),
            "f.yaml:1:18: connect_timeout: want seconds such as \"0.25s\", found '1m'");
  EXPECT_EQ(read<Cluster>("connect_timeout: {seconds: 1}\n"),
            "f.yaml:1:18: connect_timeout: want seconds such as \"0.25s\", found a map");
}

TEST(DocumentToMessage, ReadsNumbersStrictly) {
  const auto port = [](std::string_view text) {
    return read<envoy::config::core::v3::SocketAddress>("port_value: " + std::string(text) + "\n");
  };
  EXPECT_EQ(port("80"), "port_value: 80");
  EXPECT_EQ(port("\"80\""), "port_value: 80");
  for (const std::string_view bad : {"-1", "4294967296", "8.5", "0x50", "eighty", "[80]", "+80"}) {
    EXPECT_TRUE(
        port(bad).starts_with("f.yaml:1:13: port_value: want a whole number from 0 to 4294967295"))
        << bad;
  }
  EXPECT_EQ(read<envoy::type::v3::Percent>("value: 12.5\n"), "value: 12.5");
  EXPECT_EQ(read<envoy::type::v3::Percent>("value: nan\n"),
            "f.yaml:1:8: value: want a number, found 'nan'");
  EXPECT_EQ(read<envoy::type::v3::Percent>("value: 1e999\n"),
            "f.yaml:1:8: value: want a number, found '1e999'");
}

TEST(DocumentToMessage, TakesOnlyTrueAndFalseForTruth) {
  EXPECT_EQ(read<Listener>("bind_to_port: false\n"), "bind_to_port { }");
  EXPECT_EQ(read<Listener>("bind_to_port: \"false\"\n"),
            "f.yaml:1:15: bind_to_port: want true or false, found the text \"false\"");
  EXPECT_EQ(read<Listener>("bind_to_port: yes\n"),
            "f.yaml:1:15: bind_to_port: want true or false, found 'yes'");
}

TEST(DocumentToMessage, NamesTheValuesAnEnumMayHave) {
  EXPECT_EQ(read<Listener>("traffic_direction: SIDEWAYS\n"),
            "f.yaml:1:20: traffic_direction: want one of UNSPECIFIED, INBOUND, OUTBOUND, found "
            "'SIDEWAYS'");
  EXPECT_EQ(
      read<Listener>("traffic_direction: 7\n"),
      "f.yaml:1:20: traffic_direction: want one of UNSPECIFIED, INBOUND, OUTBOUND, found '7'");
}

TEST(DocumentToMessage, ReadsBytesFromBase64) {
  EXPECT_EQ(read<DataSource>("inline_bytes: aGVsbG8=\n"), "inline_bytes: \"hello\"");
  EXPECT_EQ(read<DataSource>("inline_bytes: \"a b\"\n"),
            "f.yaml:1:15: inline_bytes: want base64, found 'a b'");
}

TEST(DocumentToMessage, RefusesTwoMembersOfOneChoice) {
  EXPECT_EQ(read<DataSource>("filename: a\ninline_string: b\n"),
            "f.yaml:2:1: inline_string: excludes filename, which is there too");
}

TEST(DocumentToMessage, RefusesWhatNobodyDeclares) {
  EXPECT_EQ(read<Cluster>("name: a\nlb_polcy: RANDOM\n"),
            "f.yaml:2:1: lb_polcy: Cluster has no such field");
  EXPECT_EQ(read<Bootstrap>("static_resources:\n  clusters:\n  - name: a\n  - nmae: b\n"),
            "f.yaml:4:5: static_resources.clusters[1].nmae: Cluster has no such field");
}

TEST(DocumentToMessage, RefusesValuesThatAreNotThere) {
  EXPECT_EQ(read<Cluster>("name:\n"),
            "f.yaml:1:1: name: is empty: give it a value ({} for a message without fields), or "
            "leave it out");
  EXPECT_EQ(read<Cluster>("health_checks: [~]\n"), "f.yaml:1:17: health_checks[0]: is empty");
  EXPECT_EQ(read<Cluster>("health_checks: {}\n"),
            "f.yaml:1:16: health_checks: want a list, found a map");
  EXPECT_EQ(read<Cluster>("- a\n"), "f.yaml:1:1: want a map, found a list");
}

TEST(DocumentToMessage, FindsEveryMistakeInOneWalk) {
  EXPECT_EQ(read<Bootstrap>("node: {id: [a]}\n"
                            "static_resources:\n"
                            "  clusters:\n"
                            "  - {name: a, connect_timeout: soon, type: EDS}\n"
                            "  - {name: b, lb_policy: WORST, hosts: []}\n"),
            "f.yaml:1:12: node.id: want text, found a list\n"
            "f.yaml:4:32: static_resources.clusters[0].connect_timeout: want seconds such as "
            "\"0.25s\", found 'soon'\n"
            "f.yaml:5:26: static_resources.clusters[1].lb_policy: want one of ROUND_ROBIN, "
            "LEAST_REQUEST, RING_HASH, RANDOM, "
            "MAGLEV, CLUSTER_PROVIDED, LOAD_BALANCING_POLICY_CONFIG, found 'WORST'\n"
            "f.yaml:5:33: static_resources.clusters[1].hosts: Cluster has no such field");
}

TEST(DocumentToMessage, TellsMistakesInPrintableLinesOfBoundedLength) {
  Mistakes mistakes("f.yaml");
  mistakes.add({1, 2}, "a\x01", "bad 'b\nc\xc3'");
  EXPECT_EQ(mistakes.error().detail, "f.yaml:1:2: a?: bad 'b c?'");
  mistakes.add({3, 4}, std::string(100'000, 'p'), std::string(100'000, 'w'));
  EXPECT_LT(mistakes.error().detail.size(), 2000U);
}

TEST(DocumentToMessage, CountsMistakesPastTheFirstFew) {
  std::string yaml;
  for (int i = 0; i < 100; ++i) yaml += "f" + std::to_string(i) + ": 1\n";
  const std::string text = read<Cluster>(yaml);
  EXPECT_TRUE(text.ends_with("\nand 36 more")) << text;
}

TEST(DocumentToMessage, ReadsWhatStandsInAnAny) {
  const auto documents = config::parse_documents(
      "filters:\n"
      "- name: hcm\n"
      "  typed_config:\n"
      "    \"@type\": "
      "type.googleapis.com/"
      "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager\n"
      "    stat_prefix: outbound\n"
      "    http_filters:\n"
      "    - name: router\n"
      "      typed_config: {\"@type\": "
      "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, start_child_span: "
      "true}\n",
      "f.yaml");
  envoy::config::listener::v3::FilterChain chain;
  const Status read_well = document_to_message(documents->at(0), chain);
  ASSERT_TRUE(read_well) << read_well.error().detail;
  const std::string json = R"({"filters": [{"name": "hcm", "typedConfig": {
      "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
      "statPrefix": "outbound", "httpFilters": [{"name": "router", "typedConfig": {
      "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "startChildSpan": true}}]}}]})";
  envoy::config::listener::v3::FilterChain expected;
  ASSERT_TRUE(pb::util::JsonStringToMessage(json, &expected).ok());
  EXPECT_TRUE(pb::util::MessageDifferencer::Equals(chain, expected)) << chain.DebugString();
}

TEST(DocumentToMessage, NamesATypeItDoesNotKnow) {
  const auto any = [](std::string_view inside) { return read<pb::Any>(std::string(inside)); };
  EXPECT_EQ(any("\"@type\": type.googleapis.com/acme.Filter\n"),
            "f.yaml:1:10: no message is known as 'acme.Filter'");
  EXPECT_EQ(any("name: a\n"), "f.yaml:1:1: has no \"@type\"");
  EXPECT_EQ(any("{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router, "
                "strict: 1}\n"),
            "f.yaml:1:79: strict: Router has no such field");
  EXPECT_EQ(any("{\"@type\": type.googleapis.com/google.protobuf.Duration, value: 1.5s}\n"),
            read<pb::Any>(
                "{\"@type\": type.googleapis.com/google.protobuf.Duration, value: \"1.500s\"}\n"));
  EXPECT_EQ(any("{\"@type\": type.googleapis.com/google.protobuf.Duration, seconds: 1}\n"),
            "f.yaml:1:57: seconds: only \"value\" may stand beside this \"@type\"");
}

TEST(DocumentToMessage, ReadsStructsWithTheTypesOfTheDocument) {
  EXPECT_EQ(read<pb::Struct>("a: 1\n"), "fields { key: \"a\" value { number_value: 1 } }");
  EXPECT_EQ(read<Node>("metadata: {a: \"1\"}\n"),
            "metadata { fields { key: \"a\" value { string_value: \"1\" } } }");
  EXPECT_EQ(
      read<Node>("metadata: {a: [true, ~, {b: x}]}\n"),
      "metadata { fields { key: \"a\" value { list_value { values { bool_value: true } values { "
      "null_value: NULL_VALUE } "
      "values { struct_value { fields { key: \"b\" value { string_value: \"x\" } } } } } } } }");
}

TEST(DocumentToMessage, ReadsMaps) {
  EXPECT_EQ(
      read<Cluster>("typed_extension_protocol_options:\n"
                    "  a: {\"@type\": type.googleapis.com/weft.config.v1.ClusterPolicy, "
                    "keep_last_ready_endpoint: true}\n"),
      "typed_extension_protocol_options { key: \"a\" value { "
      "[type.googleapis.com/weft.config.v1.ClusterPolicy] { keep_last_ready_endpoint: true } } }");
  EXPECT_EQ(read<Cluster>("typed_extension_protocol_options: {a: {\"@type\": x.Y}}\n"),
            "f.yaml:1:49: typed_extension_protocol_options[a]: no message is known as 'x.Y'");
  EXPECT_EQ(read<Cluster>("typed_extension_protocol_options: {a: ~}\n"),
            "f.yaml:1:36: typed_extension_protocol_options[a]: is empty");
}

TEST(DocumentToMessage, ReadsWhatProtobufPrints) {
  Bootstrap bootstrap;
  bootstrap.mutable_node()->set_id("a");
  (*bootstrap.mutable_node()->mutable_metadata()->mutable_fields())["k"].set_number_value(2.5);
  auto& cluster = *bootstrap.mutable_static_resources()->add_clusters();
  cluster.set_name("x");
  cluster.mutable_connect_timeout()->set_seconds(3);
  weft::bootstrap::v1::Mesh mesh;
  mesh.set_ca_cluster("ca");
  mesh.add_local_app_ports(8080);
  mesh.mutable_certificate_lifetime()->set_seconds(3600);
  bootstrap.add_bootstrap_extensions()->mutable_typed_config()->PackFrom(mesh);
  std::string json;
  ASSERT_TRUE(pb::util::MessageToJsonString(bootstrap, &json).ok());
  const auto documents = config::parse_documents(json, "f.json");
  Bootstrap again;
  const Status read_well = document_to_message(documents->at(0), again);
  ASSERT_TRUE(read_well) << read_well.error().detail;
  EXPECT_TRUE(pb::util::MessageDifferencer::Equals(bootstrap, again)) << again.DebugString();
}

TEST(DocumentToMessage, FindsTheTextOfAFieldPath) {
  const auto documents = config::parse_documents(
      "staticResources:\n  clusters:\n  - name: a\n  - name: b\n    lbPolicy: RANDOM\n    "
      "typed_extension_protocol_options:\n"
      "      weft.x: {}\n",
      "f.yaml");
  const auto at = [&](std::string_view path) {
    const config::Position position = position_of(documents->at(0).root, path);
    return std::to_string(position.line) + ":" + std::to_string(position.column);
  };
  EXPECT_EQ(at("static_resources.clusters[1].lb_policy"), "5:15");
  EXPECT_EQ(at("static_resources.clusters[1].typed_extension_protocol_options[weft.x]"), "7:15");
  EXPECT_EQ(at("static_resources.clusters[1].connect_timeout.seconds"), "4:5");
  EXPECT_EQ(at("static_resources.clusters[7].name"), "3:3");
  EXPECT_EQ(at(""), "1:1");
  EXPECT_EQ(at("["), "1:1");
}

}  // namespace
}  // namespace weft::xds
