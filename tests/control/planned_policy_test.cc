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

const std::string kPlannedShop =
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
      mesh_of(kPlannedShop +
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
    return cluster(*plan(mesh_of(kPlannedShop + written), kCartNode)).breaker;
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
      plan(mesh_of(kPlannedShop +
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

// ---- balancing ----

config::Balancing balancing_of(const std::string& written, const std::string& shop = kPlannedShop) {
  const auto set = plan(
      mesh_of(shop +
              (written.empty() ? "" : policy("shop/lb", kCart, "loadBalancer: {" + written + "}"))),
      kCartNode);
  EXPECT_EQ(judge(*set), "");
  return cluster(*set).balancing;
}

TEST(PlannedPolicy, BalancesByPeakEwmaUnlessItSaysOtherwise) {
  using config::BalancerKind;
  EXPECT_EQ(balancing_of("").kind, BalancerKind::kPeakEwma);
  EXPECT_EQ(balancing_of("type: PeakEwma").kind, BalancerKind::kPeakEwma);
  EXPECT_EQ(balancing_of("type: RoundRobin").kind, BalancerKind::kRoundRobin);
  EXPECT_EQ(balancing_of("type: Random").kind, BalancerKind::kRandom);
  EXPECT_EQ(balancing_of("type: LeastRequest").kind, BalancerKind::kLeastRequest);
  EXPECT_EQ(balancing_of("type: RingHash, hash: {path: true}").kind, BalancerKind::kRingHash);
  EXPECT_EQ(balancing_of("type: Maglev, hash: {path: true}").kind, BalancerKind::kMaglev);
}

envoy::config::cluster::v3::Cluster raw_cluster(const xds::ResourceSet& set) {
  envoy::config::cluster::v3::Cluster told;
  told.ParseFromString(set.types.at("envoy.config.cluster.v3.Cluster")
                           ->resources.at("outbound|80||cart.shop.svc.cluster.local")
                           ->body.value());
  return told;
}

TEST(PlannedPolicy, TellsProxiesThatDoNotKnowPeakEwmaTheNextBest) {
  const auto told = raw_cluster(*plan(mesh_of(kPlannedShop), kCartNode));
  EXPECT_EQ(told.lb_policy(), envoy::config::cluster::v3::Cluster::LEAST_REQUEST);
  std::string types;
  for (const auto& one : told.load_balancing_policy().policies()) {
    types += one.typed_extension_config().typed_config().type_url() + "\n";
  }
  EXPECT_EQ(types,
            "type.googleapis.com/weft.lb.v1.PeakEwma\n"
            "type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3."
            "LeastRequest\n");
}

TEST(PlannedPolicy, TellsGrpcClientsTheBalancersTheyKnow) {
  using Cluster = envoy::config::cluster::v3::Cluster;
  const auto told = [](const std::string& type) {
    const auto mesh =
        mesh_of(kPlannedShop + policy("shop/lb", kCart, "loadBalancer: {" + type + "}"));
    const auto set = plan(mesh, {.kind = Node::Kind::kProxyless, .workload = {}});
    return raw_cluster(*set);
  };
  EXPECT_EQ(told("type: PeakEwma").lb_policy(), Cluster::ROUND_ROBIN);
  EXPECT_FALSE(told("type: PeakEwma").has_load_balancing_policy());
  EXPECT_EQ(told("type: RingHash, hash: {header: a}").lb_policy(), Cluster::RING_HASH);
  EXPECT_EQ(told("type: Maglev, hash: {header: a}").lb_policy(), Cluster::RING_HASH);
  EXPECT_EQ(told("type: LeastRequest").lb_policy(), Cluster::ROUND_ROBIN) << "for the older ones";
  EXPECT_EQ(told("type: LeastRequest")
                .load_balancing_policy()
                .policies(0)
                .typed_extension_config()
                .typed_config()
                .type_url(),
            "type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3."
            "LeastRequest");
}

TEST(PlannedPolicy, SparesANewInstanceWhereTheBalancerCan) {
  for (const char* type : {"PeakEwma", "RoundRobin", "LeastRequest"}) {
    EXPECT_EQ(balancing_of("slowStart: 30s, type: " + std::string(type)).slow_start.window,
              Duration(30s))
        << type;
  }
  EXPECT_EQ(balancing_of("slowStart: 30s, type: Random").slow_start.window, Duration(0));
  EXPECT_EQ(balancing_of("").slow_start.window, Duration(0));
}

TEST(PlannedPolicy, BoundsTheLoadOfAHash) {
  for (const char* type : {"RingHash", "Maglev"}) {
    const std::string written = "type: " + std::string(type) + ", hash: {path: true";
    EXPECT_EQ(balancing_of(written + "}").bounded_load_percent, 0u) << type;
    EXPECT_EQ(balancing_of(written + ", boundedLoad: 125%}").bounded_load_percent, 125u) << type;
  }
}

TEST(PlannedPolicy, HashesRequestsByWhatItNames) {
  using Of = config::HashPolicy::Of;
  const auto hash = [](const std::string& written) {
    const auto set = plan(
        mesh_of(kPlannedShop + policy("shop/lb", kCart,
                                      "loadBalancer: {type: RingHash, hash: {" + written + "}}")),
        kCartNode);
    EXPECT_EQ(judge(*set), "");
    return forward(route(*set)).hash_policies;
  };
  ASSERT_EQ(hash("header: X-User").size(), 1u);
  EXPECT_EQ(hash("header: X-User")[0].of, Of::kHeader);
  EXPECT_EQ(hash("header: X-User")[0].name, "x-user");
  EXPECT_EQ(hash("cookie: id")[0].of, Of::kCookie);
  EXPECT_EQ(hash("cookie: id")[0].cookie_ttl, Duration(0)) << "made, for the session";
  EXPECT_EQ(hash("query: id")[0].of, Of::kQueryParameter);
  EXPECT_EQ(hash("path: true")[0].of, Of::kPath);
  EXPECT_EQ(hash("source: true")[0].of, Of::kSourceAddress);
  const auto none =
      plan(mesh_of(kPlannedShop + policy("shop/lb", kCart, "loadBalancer: {hash: {path: true}}")),
           kCartNode);
  EXPECT_TRUE(forward(route(*none)).hash_policies.empty()) << "nobody balances by it";
}

TEST(PlannedPolicy, HashesRequestsAsTheirBackendsWantIt) {
  const std::string routed =
      kPlannedShop +
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: front, namespace: shop}\nspec: "
      "{ports: [{name: http, port: 80}]}\n---\n"
      "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: front, "
      "namespace: shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: front}]\n"
      "  rules:\n  - backendRefs: [{name: front, port: 80, weight: 0}, {name: cart, port: 80}]\n" +
      policy("shop/lb", kCart, "loadBalancer: {type: Maglev, hash: {query: id}}");
  const auto set = plan(mesh_of(routed), kCartNode);
  const auto table =
      told<config::RouteConfig>(*set, "envoy.config.route.v3.RouteConfiguration", "15001");
  for (const auto& host : table.virtual_hosts) {
    ASSERT_EQ(forward(host.routes.at(0)).hash_policies.size(), 1u) << host.name;
    EXPECT_EQ(forward(host.routes.at(0)).hash_policies[0].name, "id") << host.name;
  }
}

TEST(PlannedPolicy, KeepsToItsOwnZoneWhereTheServiceOrThePolicySaysSo) {
  using enum config::LocalityPreference;
  std::string close = kPlannedShop;
  close.replace(close.find("app: cart}, ports"), 10,
                "app: cart}, trafficDistribution: PreferClose");
  EXPECT_EQ(balancing_of("").localities, kNone);
  EXPECT_EQ(balancing_of("locality: OwnZone").localities, kOwnZone);
  EXPECT_EQ(balancing_of("", close).localities, kOwnZone);
  EXPECT_EQ(balancing_of("locality: Auto", close).localities, kOwnZone);
  EXPECT_EQ(balancing_of("locality: Any", close).localities, kNone);
}

TEST(PlannedPolicy, NamesTheNodeOfEachInstanceWhereCallsAreToStayOnTheCallers) {
  const std::string local =
      "apiVersion: v1\nkind: Service\nmetadata: {name: agent, namespace: shop}\nspec: {selector: "
      "{app: agent}, internalTrafficPolicy: Local, ports: [{name: http, port: 80}]}\n---\n" +
      kPlannedShop;
  const auto agent = [](const std::string& name, const std::string& address,
                        const std::string& more) {
    return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
           ", namespace: shop, labels: {app: agent}}\nspec: {address: " + address + more +
           ", ports: [{name: http, port: 80, appPort: 9001}]}\n";
  };
  const auto mesh =
      mesh_of(local + agent("agent-a", "127.5.2.1", ", node: node-a") +
              agent("agent-b", "127.5.2.2", ", node: node-b") + agent("agent-c", "127.5.2.3", ""));
  // The same table for all: whoever reads it keeps what is for its node.
  const auto set = plan(mesh, kWebNode);
  EXPECT_EQ(judge(*set), "");
  const auto read = [&](const std::string& node) {
    const auto& resource = set->types.at("envoy.config.endpoint.v3.ClusterLoadAssignment")
                               ->resources.at("outbound|80||agent.shop.svc.cluster.local");
    xds::Findings findings;
    const auto decoded = xds::decode(
        resource->body, {.unknown = xds::UnknownFields::kRefuse, .read_file = {}, .own_node = node},
        findings);
    std::string out;
    for (const auto& endpoint : std::get<config::EndpointSet>(*decoded).endpoints)
      out += endpoint.workload.str() + " ";
    return out;
  };
  EXPECT_EQ(read("node-a"), "agent-a ");
  EXPECT_EQ(read("node-b"), "agent-b ");
  EXPECT_EQ(read("node-c"), "");
  EXPECT_EQ(read(""), "") << "not known is nobody's neighbour";
}

TEST(PlannedPolicy, KeepsAClientWithItsInstanceWhereTheServiceSaysSo) {
  std::string sticky = kPlannedShop;
  sticky.replace(sticky.find("app: cart}, ports"), 10, "app: cart}, sessionAffinity: ClientIP");
  const auto set = plan(mesh_of(sticky), kCartNode);
  EXPECT_EQ(cluster(*set).balancing.kind, config::BalancerKind::kRingHash);
  ASSERT_EQ(forward(route(*set)).hash_policies.size(), 1u);
  EXPECT_EQ(forward(route(*set)).hash_policies[0].of, config::HashPolicy::Of::kSourceAddress);
  EXPECT_EQ(balancing_of("type: Random", sticky).kind, config::BalancerKind::kRandom);
}

TEST(PlannedPolicy, EjectsByRatesWhereItSaysSo) {
  const auto ejection = [](const std::string& written) {
    const auto set = plan(
        mesh_of(kPlannedShop + policy("shop/o", kCart, "outlier: {" + written + "}")), kCartNode);
    EXPECT_EQ(judge(*set), "");
    return *cluster(*set).outlier;
  };
  const auto both = ejection(
      "successRate: {factor: 2.5, minInstances: 3, minRequests: 10}, failurePercent: {threshold: "
      "40%, minInstances: 2, minRequests: 20}");
  EXPECT_EQ(both.success_rate, (config::OutlierDetection::SuccessRate{
                                   .endpoints_min = 3, .requests_min = 10, .stdev_factor = 2.5}));
  EXPECT_EQ(both.failure_percent, (config::OutlierDetection::FailurePercent{
                                      .endpoints_min = 2, .requests_min = 20, .percent = 40}));
  EXPECT_EQ(ejection("successRate: {}").success_rate, config::OutlierDetection::SuccessRate{});
  EXPECT_EQ(ejection("interval: 1s").success_rate, std::nullopt);
  EXPECT_EQ(ejection("failurePercent: {enabled: false}").failure_percent, std::nullopt);
}

TEST(PlannedPolicy, TellsGrpcClientsOfEjectionByRatesOnly) {
  const auto told = [](const std::string& written) {
    const auto mesh = mesh_of(kPlannedShop + policy("shop/o", kCart, "outlier: {" + written + "}"));
    return raw_cluster(*plan(mesh, {.kind = Node::Kind::kProxyless, .workload = {}}));
  };
  EXPECT_FALSE(told("gatewayErrors: 3").has_outlier_detection());
  const auto by_share = told("failurePercent: {threshold: 40%}");
  EXPECT_EQ(by_share.outlier_detection().failure_percentage_threshold().value(), 40u);
  EXPECT_EQ(by_share.outlier_detection().enforcing_success_rate().value(), 0u);
}

TEST(PlannedPolicy, TurnsEjectionOffWhereItSaysSo) {
  const auto set =
      plan(mesh_of(kPlannedShop +
                   policy("shop/none", kCart, "outlier: {gatewayErrors: 0, localFailures: 0}")),
           kCartNode);
  const config::ClusterConfig told = cluster(*set);
  EXPECT_EQ(told.outlier->consecutive_5xx, 0u);
  EXPECT_EQ(told.outlier->consecutive_gateway_failure, 0u);
  EXPECT_EQ(told.outlier->consecutive_local_failure, 0u);
}

TEST(PlannedPolicy, OfTwoDocumentsThatContradictEachOtherIsStillTaken) {
  // Each is good alone; together the longest times are below the shortest.
  const auto set = plan(
      mesh_of(kPlannedShop +
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
  const auto set =
      plan(mesh_of(kPlannedShop + policy("shop/n", "kind: Namespace, name: shop",
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
  EXPECT_EQ(inbound_idle(kPlannedShop), Duration(0)) << "the listener's";
  EXPECT_EQ(inbound_idle(kPlannedShop + policy("shop/a", kCart, "timeouts: {idle: 1m}")),
            Duration(0));
  EXPECT_EQ(inbound_idle(kPlannedShop + policy("shop/a", kCart, "timeouts: {idle: 1h}")),
            Duration(1h));
  EXPECT_GT(inbound_idle(kPlannedShop + policy("front/a", kCart, "timeouts: {idle: 1h}") +
                         policy("front/b", "kind: Namespace, name: shop", "timeouts: {idle: 0s}")),
            Duration(24h * 300));
}

// ---- policies of a client's namespace ----

TEST(PlannedPolicy, OfAConsumerChangesWhatItsOwnNamespaceIsToldOnly) {
  const auto mesh =
      mesh_of(kPlannedShop +
              policy("front/mine", kCart, "limits: {requests: 7}\n  timeouts: {request: 8s}"));
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
  const std::string yaml = kPlannedShop + policy("front/mine", kCart, "limits: {requests: 7}");
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
  const auto mesh = mesh_of(kPlannedShop + policy("front/mine", kCart, "limits: {requests: 7}"));
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
