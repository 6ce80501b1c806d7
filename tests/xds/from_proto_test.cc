// What from_proto makes of the other good resources: Envoy's defaults where nothing is said, and
// each field where something is.
#include "xds/from_proto.h"

#include <gtest/gtest.h>

#include <string>
#include <variant>
#include <vector>

#include "sidecar/config/describe.h"
#include "tests/xds/read.h"
#include "tests/xds/text.h"
#include "xds/proto/access_log_file.pb.h"
#include "xds/proto/access_log_stream.pb.h"
#include "xds/proto/http_inspector.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/original_dst.pb.h"
#include "xds/proto/raw_buffer.pb.h"
#include "xds/proto/retry_previous_hosts.pb.h"
#include "xds/proto/tcp_proxy.pb.h"
#include "xds/proto/tls.pb.h"
#include "xds/proto/tls_inspector.pb.h"
#include "xds/proto/trace.pb.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/resource.h"

namespace weft::xds {
namespace {

using namespace std::chrono_literals;
namespace tls_v3 = envoy::extensions::transport_sockets::tls::v3;

const config::ForwardAction& forward_of(const config::RouteConfig& routes) {
  return std::get<config::ForwardAction>(routes.virtual_hosts.at(0).routes.at(0).action);
}

TEST(Routes, MatchesInTheirOrder) {
  Read read;
  const auto routes = read.routes(
      "name: '80' ignore_port_in_host_matching: true virtual_hosts { name: 'cart' domains: "
      "'Cart.Shop' "
      "domains: '*.cart' routes { name: 'exact' match { path: '/a' case_sensitive {} } route { "
      "cluster: "
      "'c' } } routes { match { path_separated_prefix: '/api' grpc {} } route { cluster: 'c' } } "
      "routes { "
      "match { safe_regex { regex: '/x.*' google_re2 {} } headers { name: 'X-A' string_match { "
      "exact: 'B' "
      "ignore_case: true } invert_match: true } headers { name: ':method' exact_match: 'GET' } "
      "headers { "
      "name: 'y' } query_parameters { name: 'q' string_match { prefix: 'v' } } runtime_fraction { "
      "default_value { numerator: 25 } runtime_key: 'k' } } redirect { https_redirect: true "
      "port_redirect: "
      "8443 response_code: PERMANENT_REDIRECT strip_query: true prefix_rewrite: '/y' } } routes { "
      "match { "
      "connect_matcher {} } direct_response { status: 403 body { inline_string: 'no' } } } }");
  EXPECT_EQ(routes.name, "80");
  EXPECT_TRUE(routes.ignore_port_in_host);
  const auto& host = routes.virtual_hosts.at(0);
  EXPECT_EQ(host.domains, (std::vector<std::string>{"cart.shop", "*.cart"}));
  ASSERT_EQ(host.routes.size(), 4U);
  EXPECT_EQ(host.routes[0].name, "exact");
  EXPECT_EQ(host.routes[0].path.how, config::PathMatch::How::kExact);
  EXPECT_TRUE(host.routes[0].path.ignore_case);
  EXPECT_EQ(host.routes[1].path.how, config::PathMatch::How::kSegmentPrefix);
  EXPECT_TRUE(host.routes[1].grpc_only);
  const auto& third = host.routes[2];
  EXPECT_EQ(third.path.how, config::PathMatch::How::kRegex);
  EXPECT_TRUE(third.path.text.matches("/xy"));
  EXPECT_EQ(third.per_million, 250'000U);
  ASSERT_EQ(third.headers.size(), 3U);
  EXPECT_EQ(third.headers[0].name, "x-a");
  EXPECT_TRUE(third.headers[0].invert);
  EXPECT_TRUE(third.headers[0].text.ignore_case);
  EXPECT_EQ(third.headers[2].how, config::HeaderMatch::How::kPresent);
  EXPECT_EQ(third.query.at(0).text.value, "v");
  const auto& redirect = std::get<config::RedirectAction>(third.action);
  EXPECT_EQ(redirect.scheme, "https");
  EXPECT_EQ(redirect.port, 8443);
  EXPECT_EQ(redirect.status, 308);
  EXPECT_TRUE(redirect.strip_query);
  EXPECT_EQ(redirect.prefix_rewrite, "/y");
  EXPECT_EQ(host.routes[3].path.how, config::PathMatch::How::kConnect);
  const auto& direct = std::get<config::DirectResponse>(host.routes[3].action);
  EXPECT_EQ(direct.status, 403);
  EXPECT_EQ(direct.body, "no");
}

TEST(Routes, AForwardThatSaysNothing) {
  Read read;
  const auto routes = read.routes(action(""));
  const auto& forward = forward_of(routes);
  ASSERT_EQ(forward.clusters.size(), 1U);
  EXPECT_EQ(forward.clusters[0].cluster, "c");
  EXPECT_EQ(forward.cluster_not_found_status, 503);
  EXPECT_EQ(forward.timeouts.request, 15s);
  EXPECT_EQ(forward.timeouts.idle, 0s);
  EXPECT_EQ(forward.timeouts.stream_max, 0s);
  EXPECT_FALSE(forward.timeouts.honour_grpc_timeout);
  EXPECT_EQ(forward.retry.on, 0U);
  EXPECT_EQ(forward.retry.replay_bytes_max, 1024U * 1024);
}

TEST(Routes, AForwardWithEverythingWeRead) {
  Read read;
  const auto routes = read.routes(
      route("request_body_buffer_limit { value: 65536 } route { weighted_clusters { clusters { "
            "name: 'a' weight "
            "{ value: 1 } request_headers_to_add { header { key: 'x' value: 'y' } } } clusters { "
            "name: 'b' weight "
            "{ value: 99 } } } cluster_not_found_response_code: INTERNAL_SERVER_ERROR "
            "prefix_rewrite: '/' "
            "host_rewrite_literal: 'b' timeout {} idle_timeout {} max_stream_duration { "
            "max_stream_duration { "
            "seconds: 60 } grpc_timeout_header_max { seconds: 2 } } upgrade_configs { "
            "upgrade_type: 'WebSocket' } upgrade_configs { upgrade_type: 'CONNECT' connect_config "
            "{} } upgrade_configs { upgrade_type: 'echo' enabled {} } "
            "retry_policy { retry_on: 'connect-failure,refused-stream, unavailable,5xx,timeout' "
            "num_retries { "
            "value: 2 } per_try_timeout { nanos: 250000000 } retry_host_predicate { name: "
            "'envoy.retry_host_predicates.previous_hosts' } host_selection_retry_max_attempts: 5 "
            "retriable_status_codes: 503 retry_back_off { base_interval { nanos: 100000000 } } } } "
            "metadata { "
            "typed_filter_metadata { key: 'weft.config.v1.RoutePolicy' value { " +
            any("weft.config.v1.RoutePolicy",
                "head_timeout { seconds: 3 } retry_idempotent_only: true retry_after_max { "
                "seconds: 2 }") +
            " } } }"));
  const auto& forward = forward_of(routes);
  ASSERT_EQ(forward.clusters.size(), 2U);
  EXPECT_EQ(forward.clusters[1].weight, 99U);
  EXPECT_EQ(forward.clusters[0].edits.request.at(0).name, "x");
  EXPECT_EQ(forward.cluster_not_found_status, 500);
  EXPECT_EQ(forward.prefix_rewrite, "/");
  EXPECT_EQ(forward.host_rewrite, "b");
  ASSERT_EQ(forward.upgrades.size(), 3U);
  EXPECT_EQ(forward.upgrades[0].protocol, "websocket");
  EXPECT_TRUE(forward.upgrades[0].allowed);
  EXPECT_EQ(forward.upgrades[1].protocol, "connect");
  EXPECT_TRUE(forward.upgrades[1].allowed && forward.upgrades[1].ends_here);
  EXPECT_FALSE(forward.upgrades[2].allowed);
  EXPECT_EQ(forward.timeouts.request, 0s);
  EXPECT_EQ(forward.timeouts.idle, 24h * 365);
  EXPECT_EQ(forward.timeouts.stream_max, 60s);
  EXPECT_TRUE(forward.timeouts.honour_grpc_timeout);
  EXPECT_EQ(forward.timeouts.grpc_timeout_max, 2s);
  EXPECT_EQ(forward.timeouts.head, 3s);
  EXPECT_EQ(forward.timeouts.attempt, 250ms);
  EXPECT_EQ(forward.retry.on, config::kRetryUnprocessed | config::kRetryGrpcUnavailable |
                                  config::kRetry5xx | config::kRetryTimeout);
  EXPECT_EQ(forward.retry.attempts_extra, 2U);
  EXPECT_EQ(forward.retry.status_codes, std::vector<std::uint16_t>{503});
  EXPECT_EQ(forward.retry.backoff_base, 100ms);
  EXPECT_EQ(forward.retry.backoff_max, 1s);
  EXPECT_EQ(forward.retry.retry_after_max, 2s);
  EXPECT_TRUE(forward.retry.avoid_tried_endpoints);
  EXPECT_FALSE(forward.retry.any_method);
  EXPECT_EQ(forward.retry.replay_bytes_max, 65536U);
}

TEST(Routes, TheHostsRetryPolicyHoldsUntilTheRouteHasItsOwn) {
  Read read;
  const auto routes =
      read.routes(host("retry_policy { retry_on: '5xx' num_retries { value: 4 } } routes { match { "
                       "prefix: '/' } route { "
                       "cluster: 'c' } } routes { match { prefix: '/' } route { cluster: 'c' "
                       "retry_policy { retry_on: "
                       "'reset' } } }"));
  const auto& all = routes.virtual_hosts[0].routes;
  EXPECT_EQ(std::get<config::ForwardAction>(all[0].action).retry.on, config::kRetry5xx);
  EXPECT_EQ(std::get<config::ForwardAction>(all[0].action).retry.attempts_extra, 4U);
  EXPECT_TRUE(std::get<config::ForwardAction>(all[0].action).retry.any_method);
  EXPECT_EQ(std::get<config::ForwardAction>(all[1].action).retry.on, config::kRetryReset);
  EXPECT_EQ(std::get<config::ForwardAction>(all[1].action).retry.attempts_extra, 1U);
}

TEST(Routes, HeaderEditsRemoveBeforeTheyAdd) {
  Read read;
  const auto routes = read.routes(
      "name: 'r' request_headers_to_remove: 'a' request_headers_to_add { header { key: 'a' value: "
      "'100%%' } append_action: OVERWRITE_IF_EXISTS_OR_ADD } request_headers_to_add { header { "
      "key: 'b' } } "
      "request_headers_to_add { header { key: 'c' } keep_empty_value: true append {} } "
      "response_headers_to_add { header { key: 'd' raw_value: '%' } append_action: ADD_IF_ABSENT "
      "}");
  using Op = config::HeaderEdit::Op;
  ASSERT_EQ(routes.edits.request.size(), 3U);
  EXPECT_EQ(routes.edits.request[0].op, Op::kRemove);
  EXPECT_EQ(routes.edits.request[1].op, Op::kSet);
  EXPECT_EQ(routes.edits.request[1].value, "100%");
  EXPECT_EQ(routes.edits.request[2].name, "c");
  EXPECT_EQ(routes.edits.request[2].op, Op::kSet);
  ASSERT_EQ(routes.edits.response.size(), 1U);
  EXPECT_EQ(routes.edits.response[0].op, Op::kAddIfAbsent);
  EXPECT_EQ(routes.edits.response[0].value, "%");
}

TEST(Clusters, SayNothingAndEnvoysDefaultsHold) {
  Read read;
  const auto read_cluster = read.cluster(cluster(""));
  EXPECT_EQ(read_cluster.discovery, config::ClusterConfig::Discovery::kStatic);
  EXPECT_EQ(read_cluster.connect_timeout, 5s);
  EXPECT_EQ(read_cluster.balancing.kind, config::BalancerKind::kRoundRobin);
  EXPECT_EQ(read_cluster.panic_percent, 50.0);
  EXPECT_EQ(read_cluster.limits.connections_max, 1024U);
  EXPECT_EQ(read_cluster.limits.retries_max, 3U);
  EXPECT_FALSE(read_cluster.retry_budget);
  EXPECT_FALSE(read_cluster.outlier);
  EXPECT_EQ(read_cluster.http.protocol, config::UpstreamHttp::Protocol::kHttp1);
  EXPECT_EQ(read_cluster.http.idle_timeout, 1h);
  EXPECT_FALSE(read_cluster.tls);
  ASSERT_NE(read_cluster.inline_endpoints, nullptr);
  EXPECT_TRUE(read_cluster.inline_endpoints->endpoints.empty());
}

TEST(Clusters, AnEdsClusterWithEverythingWeRead) {
  Read read;
  const auto c = read.cluster(cluster(
      "type: EDS eds_cluster_config { eds_config { ads {} } service_name: 'cart:80' } "
      "connect_timeout { "
      "seconds: 2 } lb_policy: LEAST_REQUEST least_request_lb_config { choice_count { value: 3 } } "
      "common_lb_config { healthy_panic_threshold {} } circuit_breakers { thresholds { priority: "
      "HIGH } "
      "thresholds { max_connections { value: 10 } max_requests { value: 20 } retry_budget { "
      "budget_percent "
      "{ value: 25 } } } } outlier_detection { consecutive_gateway_failure { value: 5 } "
      "enforcing_consecutive_gateway_failure { value: 100 } enforcing_consecutive_5xx {} "
      "split_external_local_origin_errors: true base_ejection_time { seconds: 400 } "
      "always_eject_one_host { "
      "value: true } } upstream_bind_config { source_address { address: '127.0.0.6' port_value: 0 "
      "} } "
      "upstream_connection_options { tcp_keepalive { keepalive_time { value: 30 } keepalive_probes "
      "{ "
      "value: 3 } } } metadata { filter_metadata { key: 'weft' "
      "value { "
      "fields { key: 'service' value { string_value: 'cart.shop.svc.cluster.local' } } fields { "
      "key: "
      "'backend' value { string_value: 'cart-v2' } } } } } typed_extension_protocol_options { key: "
      "'http' "
      "value { " +
      any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          "explicit_http_config { http2_protocol_options { max_concurrent_streams { value: 50 } } "
          "} "
          "common_http_protocol_options { idle_timeout { seconds: 3 } max_response_headers_kb { "
          "value: 1 } }") +
      " } } typed_extension_protocol_options { key: 'weft' value { " +
      any("weft.config.v1.ClusterPolicy",
          "retry_budget { percent { value: 20 } interval { seconds: 10 } min_per_second { value: "
          "10 } } "
          "circuit_breaker { window { seconds: 20 } min_requests { value: 5 } failure_percent { "
          "value: 50 } consecutive_failures { value: 4 } slow_percent { value: 25 } "
          "slow_threshold { nanos: 200000000 } open_for { seconds: 3 } max_open_for { seconds: 30 "
          "} trials { value: 2 } count: TIMEOUT count: SERVER_ERROR } "
          "keep_last_ready_endpoint: true pending_timeout { seconds: 1 } mesh_peer: true "
          "local_app: true tunnels_max { value: 7 }") +
      " } }"));
  EXPECT_EQ(c.discovery, config::ClusterConfig::Discovery::kEds);
  EXPECT_EQ(c.eds_service_name, "cart:80");
  EXPECT_EQ(c.connect_timeout, 2s);
  EXPECT_EQ(c.balancing.kind, config::BalancerKind::kLeastRequest);
  EXPECT_EQ(c.balancing.least_request_choices, 3U);
  EXPECT_EQ(c.panic_percent, 0.0);
  EXPECT_EQ(c.limits.connections_max, 10U);
  EXPECT_EQ(c.limits.requests_max, 20U);
  EXPECT_EQ(c.limits.pending_max, 1024U);
  EXPECT_EQ(c.limits.pending_timeout, 1s);
  EXPECT_EQ(c.limits.tunnels_max, 7U);
  ASSERT_TRUE(c.retry_budget);
  EXPECT_EQ(c.retry_budget->percent, 20.0);
  EXPECT_EQ(c.retry_budget->interval, 10s);
  EXPECT_EQ(c.retry_budget->min_per_second, 10U);
  using config::BreakerPolicy;
  EXPECT_EQ(c.breaker,
            (BreakerPolicy{.counts = BreakerPolicy::kTimeout | BreakerPolicy::kServerError,
                           .window = 20s,
                           .requests_min = 5,
                           .failure_ratio = 0.5,
                           .slow_threshold = 200ms,
                           .slow_ratio = 0.25,
                           .consecutive_failures = 4,
                           .open_for = 3s,
                           .open_max = 30s,
                           .trials = 2}));
  ASSERT_TRUE(c.outlier);
  EXPECT_EQ(c.outlier->consecutive_5xx, 0U);
  EXPECT_EQ(c.outlier->success_rate, config::OutlierDetection::SuccessRate{}) << "Envoy's default";
  EXPECT_FALSE(c.outlier->failure_percent);
  EXPECT_EQ(c.outlier->consecutive_gateway_failure, 5U);
  EXPECT_EQ(c.outlier->consecutive_local_failure, 5U);
  EXPECT_EQ(c.outlier->max_ejection, 400s);
  EXPECT_EQ(c.outlier->ejected_percent_max, 10U);
  EXPECT_TRUE(c.outlier->always_eject_one);
  EXPECT_TRUE(c.outlier->never_eject_last);
  EXPECT_EQ(c.http.protocol, config::UpstreamHttp::Protocol::kHttp2);
  EXPECT_EQ(c.http.http2.streams_max, 50U);
  EXPECT_EQ(c.http.idle_timeout, 3s);
  EXPECT_EQ(c.http.limits.head_bytes_max, 1024U);
  EXPECT_EQ(c.source.to_string(), "127.0.0.6:0");
  EXPECT_EQ(c.tcp_keepalive, (KeepAlive{.idle_s = 30, .interval_s = 75, .probes = 3}));
  EXPECT_EQ(c.labels.service, "cart.shop.svc.cluster.local");
  EXPECT_EQ(c.labels.backend, "cart-v2");
  EXPECT_TRUE(c.mesh_peer);
  EXPECT_TRUE(c.local_app);
  EXPECT_EQ(
      read.findings.notes(),
      std::vector<std::string>{"circuit_breakers.thresholds[0]: has no effect here: the first of "
                               "priority DEFAULT counts"});
}

TEST(Clusters, NamesToResolve) {
  Read read;
  const auto c = read.cluster(cluster(
      "type: STRICT_DNS dns_refresh_rate { seconds: 30 } load_assignment { cluster_name: 'c' "
      "endpoints { priority: 1 " +
      endpoint("example.org", "load_balancing_weight { value: 2 }") + " } }"));
  ASSERT_EQ(c.dns_targets.size(), 1U);
  EXPECT_EQ(c.dns_targets[0].host, "example.org");
  EXPECT_EQ(c.dns_targets[0].port, 80);
  EXPECT_EQ(c.dns_targets[0].weight, 2U);
  EXPECT_EQ(c.dns_targets[0].priority, 1U);
  EXPECT_EQ(c.dns_refresh, 30s);
}

TEST(Clusters, TheOldPlaceOfTheProtocolStillCounts) {
  Read read;
  EXPECT_EQ(read.cluster(cluster("http2_protocol_options {}")).http.protocol,
            config::UpstreamHttp::Protocol::kHttp2);
  EXPECT_EQ(read.cluster(cluster("protocol_selection: USE_DOWNSTREAM_PROTOCOL")).http.protocol,
            config::UpstreamHttp::Protocol::kAsDownstream);
}

TEST(Endpoints, ForCallersOnOtherNodesAreLeftOut) {
  const auto on = [](const std::string& address, const std::string& node) {
    return endpoint(address,
                    "metadata { filter_metadata { key: 'weft' value { fields { key: 'for_node' "
                    "value { string_value: '" +
                        node + "' } } } } }");
  };
  const std::string all = "cluster_name: 'c' endpoints { " + on("10.0.0.1", "node-1") +
                          on("10.0.0.2", "node-2") + endpoint("10.0.0.3") + on("10.0.0.4", "-") +
                          " }";
  Read read;
  read.options.own_node = "node-2";
  const auto set = read.endpoints(all);
  ASSERT_EQ(set.endpoints.size(), 2U);
  EXPECT_EQ(set.endpoints[0].address.to_string(), "10.0.0.2:80");
  EXPECT_EQ(set.endpoints[1].address.to_string(), "10.0.0.3:80") << "for everybody";
  EXPECT_EQ(set.elsewhere, 2U);
  EXPECT_NE(config::describe(set).find("and 2 for callers on other nodes"), std::string::npos);
  // Whoever does not know where it runs is near to none of them.
  read.options.own_node.clear();
  EXPECT_EQ(read.endpoints(all).endpoints.size(), 1U);
}

TEST(Endpoints, OfSeveralLocalities) {
  Read read;
  const auto set = read.endpoints(
      "cluster_name: 'c' policy { overprovisioning_factor { value: 150 } } endpoints { locality { "
      "zone: "
      "'a' } " +
      endpoint(
          "10.0.0.1",
          "health_status: DEGRADED load_balancing_weight { value: 5 } metadata { filter_metadata { "
          "key: 'weft' value { fields { key: 'workload' value { string_value: 'cart-1' } } fields "
          "{ "
          "key: 'identity' value { string_value: 'spiffe://cluster.local/ns/shop/sa/cart' } } } } "
          "}") +
      endpoint("10.0.0.1") + " } endpoints { priority: 1 " +
      endpoint("10.0.0.2", "health_status: TIMEOUT") + endpoint("::1", "health_status: DRAINING") +
      " }");
  EXPECT_EQ(set.cluster, "c");
  EXPECT_EQ(set.overprovisioning_percent, 150U);
  ASSERT_EQ(set.endpoints.size(), 3U);
  using Health = config::Endpoint::Health;
  EXPECT_EQ(set.endpoints[0].address.to_string(), "10.0.0.1:80");
  EXPECT_EQ(set.endpoints[0].health, Health::kDegraded);
  EXPECT_EQ(set.endpoints[0].weight, 5U);
  EXPECT_EQ(set.endpoints[0].zone, "a");
  EXPECT_EQ(set.endpoints[0].workload, "cart-1");
  EXPECT_EQ(set.endpoints[0].identity, "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(set.endpoints[1].health, Health::kUnhealthy);
  EXPECT_EQ(set.endpoints[1].priority, 1U);
  EXPECT_EQ(set.endpoints[2].health, Health::kDraining);
  EXPECT_EQ(read.findings.notes(),
            std::vector<std::string>{"endpoints[0].lb_endpoints[1]: 10.0.0.1:80 is there already"});
}

TEST(Secrets, ACertificateOrRoots) {
  Read read;
  const auto own = read.secret(
      "name: 'default' tls_certificate { certificate_chain { filename: 'c' } private_key { "
      "filename: 'k' } }");
  EXPECT_EQ(own.name, "default");
  EXPECT_EQ(own.material.chain_pem, "-----BEGIN c");
  EXPECT_EQ(own.material.key_pem, "-----BEGIN k");
  EXPECT_EQ(own.version, own.material.version);
  const auto roots = read.secret(
      "name: 'ROOTCA' validation_context { trusted_ca { filename: 'ca' } "
      "match_typed_subject_alt_names { "
      "san_type: DNS matcher { suffix: '.shop' } } }");
  EXPECT_EQ(roots.material.roots_pem, "-----BEGIN ca");
  ASSERT_EQ(roots.peer_names.size(), 1U);
  EXPECT_EQ(roots.peer_names[0].type, SanMatcher::Type::kDns);
}

TEST(Decode, GoesByTheTypeUrl) {
  const auto routes =
      make_resource("r", from_text<envoy::config::route::v3::RouteConfiguration>(action("")));
  Findings findings;
  const auto decoded = decode(routes.body, {}, findings);
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_EQ(name_of(*decoded), "r");
  EXPECT_EQ(std::get<config::RouteConfig>(*decoded).version, routes.version);

  const auto generation = make_resource(
      "generation", from_text<weft::config::v1::Generation>("number: 7 created { seconds: 5 }"));
  const auto seven = decode(generation.body, {}, findings);
  ASSERT_TRUE(seven);
  EXPECT_EQ(std::get<Generation>(*seven).number, 7U);
  EXPECT_EQ(name_of(*seven), "generation");
}

TEST(Decode, RefusesWhatItDoesNotKnowAndWhatIsBroken) {
  google::protobuf::Any any;
  any.set_type_url("type.googleapis.com/envoy.service.runtime.v3.Runtime");
  Findings unknown;
  EXPECT_EQ(decode(any, {}, unknown).error().detail,
            "unknown resource type envoy.service.runtime.v3.Runtime");
  any.set_type_url(std::string(kClusterType));
  any.set_value("\x0a\x05x");
  Findings broken;
  EXPECT_EQ(decode(any, {}, broken).error().detail, "is not a envoy.config.cluster.v3.Cluster");
}

TEST(Decode, AFileThatIsMissingIsNamed) {
  Findings findings;
  const auto secret =
      secret_from_proto(from_text<tls_v3::Secret>(
                            "name: 's' validation_context { trusted_ca { filename: '/missing' } }"),
                        with_files(), findings);
  ASSERT_FALSE(secret);
  EXPECT_EQ(secret.error().detail,
            "validation_context.trusted_ca.filename: no such file: /missing");
}

}  // namespace
}  // namespace weft::xds
