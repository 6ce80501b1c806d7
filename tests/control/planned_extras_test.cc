// What only weft says, told over xDS and read as our own sidecar reads it: faults, fallbacks,
// checks, queues, and what an instance lets in.

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "xds/from_proto.h"
#include "xds/proto/cluster.pb.h"
#include "xds/proto/http_connection_manager.pb.h"
#include "xds/proto/http_protocol_options.pb.h"
#include "xds/proto/listener.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::control {
namespace {

using testing::describe_conditions;
using testing::judge;
using testing::mesh_of;
using weft::config::v1::ClusterPolicy;
using weft::config::v1::RoutePolicy;

const std::string kPlanShop =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {selector: "
    "{app: cart}, ports: [{name: http, port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: spare, namespace: shop}\nspec: {ports: "
    "[{name: "
    "http, port: 81}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-a, namespace: shop, "
    "labels: {app: cart}}\nspec: {address: 127.5.1.1, ports: [{name: http, port: 80, appPort: "
    "9001}]}\n";

std::string with_policy(const std::string& fields) {
  return kPlanShop +
         "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: "
         "shop}\nspec:\n  targetRefs: [{kind: Service, name: cart}]\n  " +
         fields + "\n";
}

std::shared_ptr<const xds::ResourceSet> planned(const std::string& fields) {
  const auto set = plan(mesh_of(with_policy(fields)),
                        Node::parse("sidecar~127.5.1.1~cart-a.shop~shop.svc.cluster.local"));
  EXPECT_EQ(judge(*set), "");
  return set;
}

template <typename Message>
Message raw(const xds::ResourceSet& set, const std::string& type, const std::string& name) {
  Message told;
  told.ParseFromString(set.types.at(type)->resources.at(name)->body.value());
  return told;
}

envoy::config::cluster::v3::Cluster cluster_of(
    const xds::ResourceSet& set,
    const std::string& name = "outbound|80||cart.shop.svc.cluster.local") {
  return raw<envoy::config::cluster::v3::Cluster>(set, "envoy.config.cluster.v3.Cluster", name);
}

template <typename Message>
Message option_of(const envoy::config::cluster::v3::Cluster& cluster) {
  Message out;
  cluster.typed_extension_protocol_options().at(out.GetDescriptor()->full_name()).UnpackTo(&out);
  return out;
}

RoutePolicy route_policy_of(const envoy::config::route::v3::Route& route) {
  RoutePolicy out;
  const auto& typed = route.metadata().typed_filter_metadata();
  if (const auto at = typed.find("weft.config.v1.RoutePolicy"); at != typed.end()) {
    at->second.UnpackTo(&out);
  }
  return out;
}

RoutePolicy route_policy(const std::string& fields) {
  const auto set = planned(fields);
  return route_policy_of(raw<envoy::config::route::v3::RouteConfiguration>(
                             *set, "envoy.config.route.v3.RouteConfiguration", "15001")
                             .virtual_hosts(0)
                             .routes(0));
}

TEST(PlannedExtras, TellSidecarsOfFaultsWithTheirEnd) {
  const RoutePolicy told = route_policy(
      "faults: [{name: slow, match: {headers: [{name: x-t, value: yes-please}]}, percent: 2.5%, "
      "until: \"2026-12-01T00:00:00Z\", delay: {fixed: 2s, jitter: 100ms}, abort: {status: 503}}, "
      "{name: g, until: \"2026-12-01T00:00:00Z\", abort: {grpc: 14}}, {name: r, until: "
      "\"2026-12-01T00:00:00Z\", reset: true}, {name: b, until: \"2026-12-01T00:00:00Z\", "
      "slowBody: {bytesPerSecond: 7}}]");
  ASSERT_EQ(told.faults_size(), 4);
  EXPECT_EQ(told.faults(0).name(), "slow");
  EXPECT_EQ(told.faults(0).percent().value(), 2.5);
  EXPECT_EQ(told.faults(0).until().seconds(), 1796083200);
  EXPECT_EQ(told.faults(0).headers(0).string_match().exact(), "yes-please");
  EXPECT_EQ(told.faults(0).delay().fixed().seconds(), 2);
  EXPECT_EQ(told.faults(0).abort().http_status(), 503u);
  EXPECT_EQ(told.faults(1).abort().grpc_status(), 14u);
  EXPECT_TRUE(told.faults(2).reset());
  EXPECT_EQ(told.faults(3).slow_body().bytes_per_second(), 7u);
}

TEST(PlannedExtras, TellSidecarsWhoAnswersInstead) {
  const RoutePolicy fixed = route_policy(
      "fallback: {on: [CircuitOpen], response: {status: 200, headers: [{name: x-a, value: b}], "
      "body: later}}");
  EXPECT_EQ(fixed.fallback().on_size(), 1);
  EXPECT_EQ(fixed.fallback().response().status(), 200u);
  EXPECT_EQ(fixed.fallback().response().headers(0).value(), "b");
  EXPECT_EQ(fixed.fallback().response().body(), "later");
  const RoutePolicy other = route_policy("fallback: {backendRef: {name: spare, port: 81}}");
  EXPECT_EQ(other.fallback().cluster(), "outbound|81||spare.shop.svc.cluster.local");
  EXPECT_EQ(other.fallback().on_size(), 3);
}

TEST(PlannedExtras, SayThatAFallbackLeadsNowhere) {
  EXPECT_FALSE(route_policy("fallback: {backendRef: {name: nobody, port: 81}}").has_fallback());
  EXPECT_EQ(describe_conditions(
                *mesh_of(with_policy("fallback: {backendRef: {name: nobody, port: 81}}"))),
            "TrafficPolicy shop/p ResolvedRefs BackendNotFound: fallback: there is no Service "
            "shop/nobody port 81\n");
}

TEST(PlannedExtras, TellSidecarsOfJitterAndEmptyBackends) {
  const RoutePolicy plain = route_policy("retry: {attempts: 1}");
  EXPECT_EQ(plain.backoff_jitter(), RoutePolicy::FULL);
  EXPECT_EQ(plain.empty_backend(), RoutePolicy::REDISTRIBUTE);
  const RoutePolicy told =
      route_policy("retry: {backoff: {jitter: Decorrelated}}\n  emptyBackend: Fail");
  EXPECT_EQ(told.backoff_jitter(), RoutePolicy::DECORRELATED);
  EXPECT_EQ(told.empty_backend(), RoutePolicy::FAIL);
}

TEST(PlannedExtras, CheckInstancesAsThePolicySays) {
  EXPECT_EQ(cluster_of(*planned("retry: {attempts: 1}")).health_checks_size(), 0);
  const auto http = cluster_of(*planned(
      "health: {http: {path: /healthz}, interval: 5s, timeout: 2s, healthy: 1, unhealthy: 4}"));
  ASSERT_EQ(http.health_checks_size(), 1);
  EXPECT_EQ(http.health_checks(0).http_health_check().path(), "/healthz");
  EXPECT_EQ(http.health_checks(0).interval().seconds(), 5);
  EXPECT_EQ(http.health_checks(0).timeout().seconds(), 2);
  EXPECT_EQ(http.health_checks(0).healthy_threshold().value(), 1u);
  EXPECT_EQ(http.health_checks(0).unhealthy_threshold().value(), 4u);
  const auto grpc = cluster_of(*planned("health: {grpc: {service: cart.Cart}}"));
  EXPECT_EQ(grpc.health_checks(0).grpc_health_check().service_name(), "cart.Cart");
  EXPECT_TRUE(cluster_of(*planned("health: {tcp: {}}")).health_checks(0).has_tcp_health_check());
  EXPECT_EQ(cluster_of(*planned("health: {enabled: false}")).health_checks_size(), 0);
}

TEST(PlannedExtras, KeepConnectionsAndQueuesAsThePolicySays) {
  const auto told = cluster_of(
      *planned("connection: {maxAge: 10m, minIdle: 3}\n  limits: {whenFull: DropLowest}"));
  const auto ours = option_of<ClusterPolicy>(told);
  EXPECT_EQ(ours.when_full(), ClusterPolicy::DROP_LOWEST);
  EXPECT_EQ(ours.min_idle_connections(), 3u);
  const auto http = option_of<envoy::extensions::upstreams::http::v3::HttpProtocolOptions>(told)
                        .common_http_protocol_options();
  EXPECT_EQ(http.max_connection_duration().seconds(), 600);
  EXPECT_GT(http.max_connection_duration_jitter().value(), 0);
}

// ---- what comes in ----

TEST(PlannedExtras, LetAnInstanceInWhatItsServicesPolicySays) {
  const auto limits = [](const std::string& fields) {
    return cluster_of(*planned(fields), "inbound|80||").circuit_breakers().thresholds(0);
  };
  EXPECT_EQ(limits("limits: {requests: 7}").max_requests().value(), 4096u) << "the callers' own";
  const auto told = limits(
      "inbound: {limits: {connections: 11, requests: 12, pending: 13, pendingTimeout: 14s}}");
  EXPECT_EQ(told.max_connections().value(), 11u);
  EXPECT_EQ(told.max_requests().value(), 12u);
  EXPECT_EQ(told.max_pending_requests().value(), 13u);
}

TEST(PlannedExtras, LimitTheRateAtWhichAnInstanceIsAsked) {
  const auto set = planned(
      "inbound: {rateLimits: [{name: all, rate: 100/1s, burst: 20}, {name: user, key: Header, "
      "header: x-user, rate: 5/1m}, {name: window, rate: 7/1h, algorithm: SlidingWindow}]}");
  const auto listener = raw<envoy::config::listener::v3::Listener>(
      *set, "envoy.config.listener.v3.Listener", "inbound|80||");
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
  listener.filter_chains(0).filters(0).typed_config().UnpackTo(&manager);
  const RoutePolicy told = route_policy_of(manager.route_config().virtual_hosts(0).routes(0));
  ASSERT_EQ(told.rate_limits_size(), 3);
  EXPECT_EQ(told.rate_limits(0).algorithm(), RoutePolicy::RateLimit::TOKEN_BUCKET);
  EXPECT_EQ(told.rate_limits(2).algorithm(), RoutePolicy::RateLimit::SLIDING_WINDOW);
  EXPECT_EQ(told.rate_limits(2).requests(), 7u);
  EXPECT_EQ(told.rate_limits(2).burst(), 0u);
  EXPECT_EQ(told.rate_limits(0).key(), RoutePolicy::RateLimit::ROUTE);
  EXPECT_EQ(told.rate_limits(0).requests(), 100u);
  EXPECT_EQ(told.rate_limits(0).burst(), 20u);
  EXPECT_EQ(told.rate_limits(1).header(), "x-user");
  EXPECT_EQ(told.rate_limits(1).interval().seconds(), 60);
}

RoutePolicy inbound_route(const std::string& fields) {
  const auto listener = raw<envoy::config::listener::v3::Listener>(
      *planned(fields), "envoy.config.listener.v3.Listener", "inbound|80||");
  envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager manager;
  listener.filter_chains(0).filters(0).typed_config().UnpackTo(&manager);
  return route_policy_of(manager.route_config().virtual_hosts(0).routes(0));
}

TEST(PlannedExtras, SayWhoseRequestsAnInstanceServesFirst) {
  EXPECT_FALSE(inbound_route("retry: {attempts: 1}").has_priority_trust());
  const RoutePolicy low = inbound_route("inbound: {priority: {default: Low}}");
  EXPECT_EQ(low.priority(), RoutePolicy::LOW);
  EXPECT_FALSE(low.has_priority_trust()) << "nobody raises it unless somebody is trusted";
  const RoutePolicy trusting = inbound_route("inbound: {priority: {trustFrom: [Mesh]}}");
  EXPECT_EQ(trusting.priority(), RoutePolicy::NORMAL);
  ASSERT_TRUE(trusting.has_priority_trust());
  EXPECT_EQ(trusting.priority_trust().max(), RoutePolicy::HIGH);
  EXPECT_EQ(inbound_route("inbound: {priority: {max: Critical, trustFrom: [Mesh]}}")
                .priority_trust()
                .max(),
            RoutePolicy::CRITICAL);
  const auto queue = option_of<ClusterPolicy>(
      cluster_of(*planned("inbound: {limits: {whenFull: DropOldest}}"), "inbound|80||"));
  EXPECT_EQ(queue.when_full(), ClusterPolicy::DROP_OLDEST);
}

TEST(PlannedExtras, SayHowMuchARoutesRequestsMatter) {
  EXPECT_EQ(route_policy("retry: {attempts: 1}").priority(), RoutePolicy::NORMAL);
  EXPECT_EQ(route_policy("priority: Critical").priority(), RoutePolicy::CRITICAL);
  EXPECT_EQ(route_policy("priority: High").priority(), RoutePolicy::HIGH);
  EXPECT_EQ(route_policy("priority: Low").priority(), RoutePolicy::LOW);
}

TEST(PlannedExtras, OfAnInboundPolicyThatChangesReachTheListener) {
  const Node node = Node::parse("sidecar~127.5.1.1~cart-a.shop~shop.svc.cluster.local");
  const std::string type = "envoy.config.listener.v3.Listener";
  Planner first(mesh_of(with_policy("inbound: {rateLimits: [{name: a, rate: 5/1s}]}")));
  const auto before = first.plan(node);
  Planner second(mesh_of(with_policy("inbound: {rateLimits: [{name: a, rate: 6/1s}]}"), 8), &first);
  const auto then = second.plan(node);
  EXPECT_NE(before->types.at(type), then->types.at(type));
  Planner third(mesh_of(with_policy("limits: {requests: 5}"), 9), &second);
  EXPECT_NE(then->types.at(type), third.plan(node)->types.at(type));
}

}  // namespace
}  // namespace weft::control
