// What a policy becomes: told over xDS and read as our own sidecar reads it.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "control/planner/planner.h"
#include "sidecar/config/cluster_config.h"
#include "sidecar/config/listener_config.h"
#include "sidecar/config/route_config.h"
#include "tests/control/objects.h"
#include "xds/from_proto.h"
#include "xds/proto/cluster.pb.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::judge;
using testing::mesh_of;

const std::string kShop =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {selector: "
    "{app: cart}, ports: [{name: http, port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: db, namespace: shop}\nspec: {ports: [{name: "
    "tcp, port: 5432}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-a, namespace: shop, "
    "labels: {app: cart}}\nspec: {address: 127.5.1.1, ports: [{name: http, port: 80, appPort: "
    "9001}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-a, namespace: front}\n"
    "spec: {address: 127.5.1.2}\n";
std::string policy(const std::string& name, const std::string& target, const std::string& fields) {
  const std::size_t slash = name.find('/');
  return "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: " +
         name.substr(slash + 1) + ", namespace: " + name.substr(0, slash) +
         "}\nspec:\n  targetRefs: [{" + target + "}]\n  " + fields + "\n";
}
const std::string kCart = "kind: Service, name: cart, namespace: shop";

Node sidecar(const std::string& workload, const std::string& name_space) {
  return Node::parse("sidecar~127.5.1.1~" + workload + "." + name_space + "~" + name_space +
                     ".svc.cluster.local");
}
const Node kCartNode = sidecar("cart-a", "shop");
const Node kWebNode = sidecar("web-a", "front");

template <typename T>
T told(const xds::ResourceSet& set, const std::string& type, const std::string& name) {
  const auto& resource = set.types.at(type)->resources.at(name);
  xds::Findings findings;
  auto read = xds::decode(resource->body, {.unknown = xds::UnknownFields::kRefuse}, findings);
  if (!read) {
    ADD_FAILURE() << read.error().detail;
    return {};
  }
  return std::get<T>(std::move(*read));
}
config::ClusterConfig cluster(
    const xds::ResourceSet& set,
    const std::string& name = "outbound|80||cart.shop.svc.cluster.local") {
  return told<config::ClusterConfig>(set, "envoy.config.cluster.v3.Cluster", name);
}
config::Route route(const xds::ResourceSet& set) {
  auto table = told<config::RouteConfig>(set, "envoy.config.route.v3.RouteConfiguration", "15001");
  return table.virtual_hosts.at(0).routes.at(0);
}
const config::ForwardAction& forward(const config::Route& route) {
  return std::get<config::ForwardAction>(route.action);
}

TEST(PlannedPolicy, ReachesTheClusterFieldByField) {
  const auto set = plan(
      mesh_of(kShop +
              policy("shop/all", kCart,
                     "timeouts: {connect: 1s}\n"
                     "  retryBudget: {percent: 10%, interval: 20s, min: 3/1s}\n"
                     "  circuitBreaker: {preset: Critical, window: 20s, minRequests: 6, "
                     "failureRatio: 50%, slowCalls: {threshold: 2s, ratio: 80%}, maxOpenFor: 3m, "
                     "trials: 2, count: [Connect, RateLimited]}\n"
                     "  outlier: {gatewayErrors: 2, localFailures: 3, errors5xx: 4, interval: 5s, "
                     "ejectFor: 6s, maxEjectFor: 7s, maxEjected: 50%}\n"
                     "  limits: {connections: 1, requests: 2, pending: 3, pendingTimeout: 4s, "
                     "requestsPerConnection: 5}\n"
                     "  loadBalancer: {type: Random, panicBelow: 10%}\n"
                     "  connection: {protocol: Http1, idleTimeout: 30s}")),
      kCartNode);
  EXPECT_EQ(judge(*set), "");
  const config::ClusterConfig told = cluster(*set);
  EXPECT_EQ(told.connect_timeout, Duration(1s));
  EXPECT_EQ(told.retry_budget->percent, 10);
  EXPECT_EQ(told.retry_budget->interval, Duration(20s));
  EXPECT_EQ(told.retry_budget->min_per_second, 3u);
  using config::BreakerPolicy;
  EXPECT_EQ(told.breaker,
            (BreakerPolicy{.counts = BreakerPolicy::kConnect | BreakerPolicy::kRateLimited,
                           .window = 20s,
                           .requests_min = 6,
                           .failure_ratio = 0.5,
                           .slow_threshold = 2s,
                           .slow_ratio = 0.8,
                           .consecutive_failures = 5,
                           .open_for = 30s,
                           .open_max = 180s,
                           .trials = 2}));
  EXPECT_EQ(told.outlier->consecutive_gateway_failure, 2u);
  EXPECT_EQ(told.outlier->consecutive_local_failure, 3u);
  EXPECT_EQ(told.outlier->consecutive_5xx, 4u);
  EXPECT_EQ(told.outlier->interval, Duration(5s));
  EXPECT_EQ(told.outlier->base_ejection, Duration(6s));
  EXPECT_EQ(told.outlier->max_ejection, Duration(7s));
  EXPECT_EQ(told.outlier->ejected_percent_max, 50u);
  EXPECT_EQ(told.limits.connections_max, 1u);
  EXPECT_EQ(told.limits.requests_max, 2u);
  EXPECT_EQ(told.limits.pending_max, 3u);
  EXPECT_EQ(told.limits.pending_timeout, Duration(4s));
  EXPECT_EQ(told.http.requests_per_connection_max, 5u);
  EXPECT_EQ(told.balancing.kind, config::BalancerKind::kRandom);
  EXPECT_EQ(told.panic_percent, 10);
  EXPECT_EQ(told.http.protocol, config::UpstreamHttp::Protocol::kHttp1);
  EXPECT_EQ(told.http.idle_timeout, Duration(30s));
}

TEST(PlannedPolicy, PresetsOfTheCircuitBreakerAreWrittenOut) {
  using config::BreakerPolicy;
  const auto breaker_of = [](const std::string& preset) {
    const std::string written =
        preset.empty() ? "" : policy("shop/all", kCart, "circuitBreaker: {preset: " + preset + "}");
    return cluster(*plan(mesh_of(kShop + written), kCartNode)).breaker;
  };
  EXPECT_EQ(breaker_of(""), BreakerPolicy{}) << "Standard is the default";
  EXPECT_EQ(breaker_of("Standard"), BreakerPolicy{});
  EXPECT_EQ(breaker_of("Off"), std::nullopt);
  struct Case {
    const char* preset;
    std::uint32_t in_a_row;
    Duration open_for;
  };
  for (const Case& one : {Case{"Fast", 5, 5s}, Case{"Slow", 10, 30s}, Case{"Critical", 5, 30s}}) {
    BreakerPolicy wanted;
    wanted.counts = BreakerPolicy::kTransport | BreakerPolicy::kServerError;
    wanted.failure_ratio = 0;
    wanted.consecutive_failures = one.in_a_row;
    wanted.open_for = one.open_for;
    EXPECT_EQ(breaker_of(one.preset), wanted) << one.preset;
  }
}

TEST(PlannedPolicy, ReachesTheRouteFieldByField) {
  const auto set =
      plan(mesh_of(kShop +
                   policy("shop/all", kCart,
                          "timeouts: {head: 1s, attempt: 2s, request: 9s, idle: 0s, stream: 1h}\n"
                          "  retry: {attempts: 4, on: [unprocessed, reset, timeout, 5xx, "
                          "gateway-error, retriable-4xx, cancelled, deadline-exceeded, internal, "
                          "resource-exhausted, unavailable, 429], methods: Any, backoff: {base: "
                          "10ms, max: 1s}, maxRetryAfter: 3s, bufferLimit: 1Mi}")),
           kCartNode);
  EXPECT_EQ(judge(*set), "");
  const config::Route told = route(*set);
  const config::ForwardAction& action = forward(told);
  EXPECT_EQ(action.timeouts.head, Duration(1s));
  EXPECT_EQ(action.timeouts.attempt, Duration(2s));
  EXPECT_EQ(action.timeouts.request, Duration(9s));
  EXPECT_GT(action.timeouts.idle, Duration(24h * 300)) << "none";
  EXPECT_EQ(action.timeouts.stream_max, Duration(1h));
  EXPECT_EQ(action.retry.on, (1u << 12) - 1) << "every reason there is";
  EXPECT_EQ(action.retry.status_codes, std::vector<std::uint16_t>{429});
  EXPECT_EQ(action.retry.attempts_extra, 4u);
  EXPECT_TRUE(action.retry.any_method);
  EXPECT_EQ(action.retry.backoff_base, Duration(10ms));
  EXPECT_EQ(action.retry.backoff_max, Duration(1s));
  EXPECT_EQ(action.retry.retry_after_max, Duration(3s));
  EXPECT_EQ(action.retry.replay_bytes_max, 1u << 20);
}

TEST(PlannedPolicy, TurnsEjectionOffWhereItSaysSo) {
  const auto set = plan(
      mesh_of(kShop + policy("shop/none", kCart, "outlier: {gatewayErrors: 0, localFailures: 0}")),
      kCartNode);
  const config::ClusterConfig told = cluster(*set);
  EXPECT_EQ(told.outlier->consecutive_5xx, 0u);
  EXPECT_EQ(told.outlier->consecutive_gateway_failure, 0u);
  EXPECT_EQ(told.outlier->consecutive_local_failure, 0u);
}

TEST(PlannedPolicy, OfTwoDocumentsThatContradictEachOtherIsStillTaken) {
  // Each is good alone; together the longest times are below the shortest.
  const auto set = plan(
      mesh_of(kShop +
              policy("shop/n", "kind: Namespace, name: shop",
                     "outlier: {maxEjectFor: 1s, ejectFor: 1s}\n  retry: {backoff: {base: 1ms, "
                     "max: 2ms}}\n  timeouts: {request: 1s}") +
              policy("shop/s", kCart,
                     "outlier: {ejectFor: 1m}\n  retry: {backoff: {base: 1s}}\n  timeouts: "
                     "{attempt: 5s, head: 6s}")),
      kCartNode);
  EXPECT_EQ(judge(*set), "");
  EXPECT_EQ(cluster(*set).outlier->max_ejection, Duration(1min));
  EXPECT_EQ(forward(route(*set)).retry.backoff_max, Duration(1s));
}

TEST(PlannedPolicy, HoldsForTcpAsFarAsItCan) {
  const auto set = plan(mesh_of(kShop + policy("shop/n", "kind: Namespace, name: shop",
                                               "timeouts: {connect: 7s}\n  limits: {connections: "
                                               "9}\n  connection: {protocol: Http2}")),
                        kCartNode);
  EXPECT_EQ(judge(*set), "");
  const config::ClusterConfig told = cluster(*set, "outbound|5432||db.shop.svc.cluster.local");
  EXPECT_EQ(told.connect_timeout, Duration(7s));
  EXPECT_EQ(told.limits.connections_max, 9u);
}

TEST(PlannedPolicy, LetsTheAppsSidecarBeAsPatientAsItsCallersMayBe) {
  const auto inbound_idle = [](const std::string& yaml) {
    const auto set = plan(mesh_of(yaml), kCartNode);
    const auto listener =
        told<config::ListenerConfig>(*set, "envoy.config.listener.v3.Listener", "inbound|80||");
    const auto& http = std::get<config::HttpSettings>(listener.chains.at(0).what);
    return forward(http.inline_routes->virtual_hosts.at(0).routes.at(0)).timeouts.idle;
  };
  EXPECT_EQ(inbound_idle(kShop), Duration(0)) << "the listener's";
  EXPECT_EQ(inbound_idle(kShop + policy("shop/a", kCart, "timeouts: {idle: 1m}")), Duration(0));
  EXPECT_EQ(inbound_idle(kShop + policy("shop/a", kCart, "timeouts: {idle: 1h}")), Duration(1h));
  EXPECT_GT(inbound_idle(kShop + policy("front/a", kCart, "timeouts: {idle: 1h}") +
                         policy("front/b", "kind: Namespace, name: shop", "timeouts: {idle: 0s}")),
            Duration(24h * 300));
}

// ---- policies of a client's namespace ----

TEST(PlannedPolicy, OfAConsumerChangesWhatItsOwnNamespaceIsToldOnly) {
  const auto mesh = mesh_of(
      kShop + policy("front/mine", kCart, "limits: {requests: 7}\n  timeouts: {request: 8s}"));
  Planner planner(mesh);
  const auto cart = planner.plan(kCartNode);
  const auto web = planner.plan(kWebNode);
  EXPECT_EQ(cluster(*cart).limits.requests_max, 4096u);
  EXPECT_EQ(cluster(*web).limits.requests_max, 7u);
  EXPECT_EQ(forward(route(*cart)).timeouts.request, Duration(0));
  EXPECT_EQ(forward(route(*web)).timeouts.request, Duration(8s));
  const auto& ours = cart->types.at("envoy.config.cluster.v3.Cluster")->resources;
  const auto& theirs = web->types.at("envoy.config.cluster.v3.Cluster")->resources;
  const std::string db = "outbound|5432||db.shop.svc.cluster.local";
  EXPECT_EQ(ours.at(db), theirs.at(db)) << "what the policy does not touch is one object";
  EXPECT_EQ(judge(*web), "");
}

TEST(PlannedPolicy, OfAConsumerThatDoesNotChangeStaysTheSameTables) {
  const std::string yaml = kShop + policy("front/mine", kCart, "limits: {requests: 7}");
  Planner first(mesh_of(yaml));
  (void)first.plan(kCartNode);
  const auto before = first.plan(kWebNode);
  Planner second(mesh_of(yaml, 8), &first);
  (void)second.plan(kCartNode);
  const auto after = second.plan(kWebNode);
  for (const char* type :
       {"envoy.config.cluster.v3.Cluster", "envoy.config.endpoint.v3.ClusterLoadAssignment",
        "envoy.config.route.v3.RouteConfiguration"}) {
    EXPECT_EQ(before->types.at(type), after->types.at(type)) << type;
  }
}

TEST(PlannedPolicy, OfAConsumerReachesGrpcClientsOfThatNamespace) {
  const auto mesh = mesh_of(kShop + policy("front/mine", kCart, "limits: {requests: 7}"));
  Planner planner(mesh);
  const auto clusters = [&](const std::string& client_namespace) {
    const auto set = planner.plan(
        {.kind = Node::Kind::kProxyless, .workload = {}, .client_namespace = client_namespace});
    envoy::config::cluster::v3::Cluster told;
    told.ParseFromString(set->types.at("envoy.config.cluster.v3.Cluster")
                             ->resources.at("outbound|80||cart.shop.svc.cluster.local")
                             ->body.value());
    return told.circuit_breakers().thresholds(0).max_requests().value();
  };
  EXPECT_EQ(clusters("front"), 7u);
  EXPECT_EQ(clusters("shop"), 4096u);
}

}  // namespace
}  // namespace weft::control
