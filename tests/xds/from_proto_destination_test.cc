// What a destination is asked and allowed besides balancing: health checks, lines, connections, and
// the sessions of its routes.
#include <gtest/gtest.h>

#include "tests/xds/read.h"
#include "tests/xds/text.h"
#include "xds/proto/stateful_session.pb.h"
#include "xds/proto/stateful_session_cookie.pb.h"
#include "xds/proto/stateful_session_header.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

using config::HealthCheck;
using config::SessionPersistence;
using namespace std::chrono_literals;

const std::string kCheckBasics =
    "timeout { seconds: 1 } interval { seconds: 10 } unhealthy_threshold { value: 3 } "
    "healthy_threshold { value: 2 } ";

HealthCheck check_of(const std::string& text) {
  Read read;
  const auto check = read.cluster(cluster("health_checks { " + text + " }")).health_check;
  return check == nullptr ? HealthCheck{} : *check;
}

std::string refused_destination(const std::string& text) {
  Findings findings;
  const auto read = cluster_from_proto(
      from_text<envoy::config::cluster::v3::Cluster>(cluster(text)), FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

TEST(HealthChecks, HttpWithEverythingItMaySay) {
  const HealthCheck check = check_of(
      "timeout { seconds: 2 } interval { seconds: 10 } unhealthy_threshold { value: 3 } "
      "healthy_threshold { value: 2 } interval_jitter { seconds: 1 } interval_jitter_percent: 20 "
      "initial_jitter { seconds: 5 } reuse_connection { value: false } "
      "no_traffic_interval { seconds: 30 } unhealthy_interval { seconds: 4 } "
      "healthy_edge_interval { seconds: 1 } http_health_check { host: 'cart' path: '/healthz' "
      "send { text: '0aFF' } expected_statuses { start: 200 end: 205 } retriable_statuses { start: "
      "429 end: 430 } codec_client_type: HTTP2 method: POST request_headers_to_add { header { key: "
      "'X-Probe' value: '1' } } }");
  HealthCheck expected{.kind = HealthCheck::Kind::kHttp,
                       .timeout = 2s,
                       .interval = 10s,
                       .interval_failing = 4s,
                       .interval_failing_edge = 4s,
                       .interval_passing_edge = 1s,
                       .interval_unused = 30s,
                       .interval_unused_passing = 30s,
                       .jitter = 1s,
                       .jitter_percent = 20,
                       .first_jitter = 5s,
                       .passes_min = 2,
                       .failures_max = 3,
                       .keep_connection = false,
                       .authority = "cart",
                       .fields = {{"x-probe", "1"}},
                       .method = "POST",
                       .path = "/healthz",
                       .body = "\x0a\xff",
                       .http2 = true,
                       .expected = {{.first = 200, .end = 205}},
                       .retriable = {{.first = 429, .end = 430}}};
  EXPECT_EQ(check, expected);
}

TEST(HealthChecks, DefaultsAreEnvoys) {
  const HealthCheck check = check_of(kCheckBasics + "http_health_check { path: '/' }");
  EXPECT_EQ(check.interval_failing, 10s);
  EXPECT_EQ(check.interval_failing_edge, 10s);
  EXPECT_EQ(check.interval_passing_edge, 10s);
  EXPECT_EQ(check.interval_unused, 60s);
  EXPECT_TRUE(check.keep_connection);
  EXPECT_EQ(check.method, "GET");
  EXPECT_EQ(check.expected, std::vector{HealthCheck::StatusRange{}});
  Read read;
  EXPECT_EQ(read.cluster(cluster("")).health_check, nullptr);
}

TEST(HealthChecks, GrpcAndTcp) {
  const HealthCheck grpc =
      check_of(kCheckBasics + "grpc_health_check { service_name: 'shop.Cart' authority: 'cart' }");
  EXPECT_EQ(grpc.kind, HealthCheck::Kind::kGrpc);
  EXPECT_EQ(grpc.service, "shop.Cart");
  EXPECT_EQ(grpc.authority, "cart");
  const HealthCheck tcp = check_of(
      kCheckBasics +
      "tcp_health_check { send { text: '50494e47' } receive { text: '504f4e47' } receive { binary: "
      "'!' } }");
  EXPECT_EQ(tcp.kind, HealthCheck::Kind::kTcp);
  EXPECT_EQ(tcp.send, "PING");
  EXPECT_EQ(tcp.receive, (std::vector<std::string>{"PONG", "!"}));
}

TEST(HealthChecks, OfAnEndpoint) {
  Read read;
  const auto endpoints = read.endpoints(
      "cluster_name: 'c' endpoints { lb_endpoints { endpoint { address { socket_address { address: "
      "'10.0.0.1' port_value: 80 } } health_check_config { port_value: 8081 hostname: 'probe' } } "
      "} "
      "lb_endpoints { endpoint { address { socket_address { address: '10.0.0.2' port_value: 80 } } "
      "health_check_config { disable_active_health_check: true } } } }");
  ASSERT_EQ(endpoints.endpoints.size(), 2U);
  EXPECT_EQ(endpoints.endpoints[0].check_port, 8081);
  EXPECT_EQ(endpoints.endpoints[0].check_authority, "probe");
  EXPECT_TRUE(endpoints.endpoints[0].checked);
  EXPECT_FALSE(endpoints.endpoints[1].checked);
}

TEST(HealthChecks, WhatMakesNoSenseIsRefused) {
  const auto refused = [](const std::string& text) {
    return refused_destination("health_checks { " + text + " }");
  };
  EXPECT_EQ(refused("interval { seconds: 1 } unhealthy_threshold { value: 1 } healthy_threshold { "
                    "value: 1 } tcp_health_check {}"),
            "health_checks[0].timeout: is required");
  EXPECT_EQ(
      refused(kCheckBasics),
      "health_checks[0]: one of http_health_check, tcp_health_check, grpc_health_check must be "
      "set");
  EXPECT_EQ(refused(kCheckBasics + "custom_health_check {}"),
            "health_checks[0].custom_health_check: is not supported");
  EXPECT_EQ(refused(kCheckBasics + "http_health_check { path: 'healthz' }"),
            "health_checks[0].http_health_check.path: must begin with /");
  EXPECT_EQ(refused(kCheckBasics + "http_health_check { path: '/' expected_statuses { start: 300 "
                                   "end: 200 } }"),
            "health_checks[0].http_health_check.expected_statuses[0]: [300, 200) is not a range of "
            "statuses");
  EXPECT_EQ(refused(kCheckBasics + "tcp_health_check { send { text: '5' } }"),
            "health_checks[0].tcp_health_check.send.text: is not hexadecimal");
  EXPECT_EQ(refused(kCheckBasics + "http_health_check { path: '/' method: CONNECT }"),
            "health_checks[0].http_health_check.method: must not be CONNECT");
}

TEST(ClusterPolicy, LinesAndConnections) {
  Read read;
  const auto out = read.cluster(cluster(
      "typed_extension_protocol_options { key: 'weft' value { " +
      any("weft.config.v1.ClusterPolicy", "when_full: DROP_OLDEST min_idle_connections: 2") +
      " } } typed_extension_protocol_options { key: 'http' value { " +
      any("envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          "explicit_http_config { http_protocol_options {} } common_http_protocol_options { "
          "max_connection_duration { seconds: 300 } max_connection_duration_jitter { value: 10 } "
          "}") +
      " } }"));
  EXPECT_EQ(out.limits.when_full, config::WhenFull::kDropOldest);
  EXPECT_EQ(out.http.idle_connections_min, 2U);
  EXPECT_EQ(out.http.connection_age_max, 300s);
  EXPECT_EQ(out.http.connection_age_jitter_percent, 10.0);
}

TEST(RoutePriority, IsReadFromTheRoutesPolicy) {
  const auto priority_told = [](const std::string& policy) {
    Read read;
    const auto routes = read.routes(
        "name: 'r' virtual_hosts { name: 'v' domains: '*' routes { match { prefix: '/' } route { "
        "cluster: 'c' } metadata { typed_filter_metadata { key: 'weft.config.v1.RoutePolicy' value "
        "{ " +
        any("weft.config.v1.RoutePolicy", policy) + " } } } } }");
    if (routes.virtual_hosts.empty()) return config::PriorityRule{};
    return std::get<config::ForwardAction>(routes.virtual_hosts[0].routes[0].action).priority;
  };
  using enum config::Priority;
  EXPECT_EQ(priority_told(""), config::PriorityRule{});
  EXPECT_EQ(priority_told("priority: CRITICAL").usual, kCritical);
  EXPECT_EQ(priority_told("priority: HIGH").usual, kHigh);
  EXPECT_EQ(priority_told("priority: LOW").usual, kLow);
  EXPECT_EQ(priority_told("priority: LOW priority_trust { max: HIGH }"),
            (config::PriorityRule{.usual = kLow, .raised_to = kHigh}));
  EXPECT_EQ(priority_told("priority_trust {}").raised_to, kNormal);
}

const std::string kState = "envoy.extensions.http.stateful_session.";

std::string session_route(const std::string& per_route) {
  return "name: 'r' virtual_hosts { name: 'v' domains: '*' routes { match { prefix: '/' } route { "
         "cluster: 'c' } typed_per_filter_config { key: 'envoy.filters.http.stateful_session' "
         "value { " +
         any("envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute",
             per_route) +
         " } } } }";
}

std::string stateful(const std::string& type, const std::string& content,
                     const std::string& more = {}) {
  return "stateful_session { session_state { name: 's' typed_config { " +
         any(kState + type, content) + " } } " + more + " }";
}

std::shared_ptr<const SessionPersistence> session_of(const std::string& per_route) {
  Read read;
  const auto routes = read.routes(session_route(per_route));
  if (routes.virtual_hosts.empty()) return nullptr;
  return std::get<config::ForwardAction>(routes.virtual_hosts[0].routes[0].action).session;
}

std::string refused_session(const std::string& per_route) {
  Findings findings;
  const auto read = routes_from_proto(
      from_text<envoy::config::route::v3::RouteConfiguration>(session_route(per_route)),
      FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

TEST(Sessions, CookieOrHeader) {
  const auto cookie = session_of(stateful(
      "cookie.v3.CookieBasedSessionState",
      "cookie { name: 'cart' path: '/shop' ttl { seconds: 60 } attributes { name: 'Secure' } "
      "attributes { name: 'SameSite' value: 'Lax' } }",
      "strict: true"));
  ASSERT_NE(cookie, nullptr);
  EXPECT_EQ(cookie->by, SessionPersistence::By::kCookie);
  EXPECT_EQ(cookie->name, "cart");
  EXPECT_EQ(cookie->path, "/shop");
  EXPECT_EQ(cookie->lifetime, 60s);
  EXPECT_EQ(cookie->attributes, "; Secure; SameSite=Lax");
  EXPECT_TRUE(cookie->strict);
  const auto header = session_of(stateful("header.v3.HeaderBasedSessionState", "name: 'X-Cart'"));
  ASSERT_NE(header, nullptr);
  EXPECT_EQ(header->by, SessionPersistence::By::kHeader);
  EXPECT_EQ(header->name, "x-cart");
  EXPECT_EQ(session_of("disabled: true"), nullptr);
  EXPECT_EQ(session_of("stateful_session {}"), nullptr) << "Envoy: no state, no session";
}

TEST(Sessions, WhatWouldBreakTheFieldIsRefused) {
  const std::string at =
      "virtual_hosts[0].routes[0].typed_per_filter_config[\"envoy.filters.http.stateful_session\"]."
      "stateful_session.session_state.typed_config";
  EXPECT_EQ(
      refused_session(stateful("cookie.v3.CookieBasedSessionState", "cookie { name: 'a;b' }")),
      at + ".cookie.name: \"a;b\" is not a cookie's name");
  EXPECT_EQ(refused_session(
                stateful("cookie.v3.CookieBasedSessionState", "cookie { name: 'a' path: '/;x' }")),
            at + ".cookie.path: is not a cookie's path");
  EXPECT_EQ(refused_session(stateful("header.v3.HeaderBasedSessionState", "name: 'host'")),
            at + ".name: host does not name a session");
}

}  // namespace
}  // namespace weft::xds
