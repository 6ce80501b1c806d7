// What routes say besides forwarding: faults, copies, fallbacks, limits on how often, CORS; from
// Envoy's messages and from ours.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/xds/read.h"
#include "xds/proto/cors.pb.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/local_ratelimit.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kFaultType = "envoy.extensions.filters.http.fault.v3.HTTPFault";
constexpr std::string_view kCorsType = "envoy.extensions.filters.http.cors.v3.CorsPolicy";
constexpr std::string_view kLimitType =
    "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit";
constexpr std::string_view kWrapType = "envoy.config.route.v3.FilterConfig";
const std::string kFirstRoute = "virtual_hosts[0].routes[0]";

std::string per_filter(std::string_view key, std::string_view type, std::string_view content) {
  return fmt::format("typed_per_filter_config {{ key: '{}' value {{ {} }} }} ", key,
                     any(type, content));
}

std::string route_with(std::string_view beside) {
  return route(fmt::format("route {{ cluster: 'c' }} {}", beside));
}

std::string route_policy(std::string_view content) {
  return route_with(
      fmt::format("metadata {{ typed_filter_metadata {{ key: 'weft.config.v1.RoutePolicy' value {{ "
                  "{} }} }} }}",
                  any("weft.config.v1.RoutePolicy", content)));
}

const config::RouteExtras& extras_of(const config::RouteConfig& routes, std::size_t index = 0) {
  static const config::RouteExtras none;
  const auto& extras = routes.virtual_hosts.at(0).routes.at(index).extras;
  EXPECT_NE(extras, nullptr);
  return extras != nullptr ? *extras : none;
}

std::string why_not(const std::string& text) {
  Findings findings;
  const auto read = routes_from_proto(from_text<envoy::config::route::v3::RouteConfiguration>(text),
                                      FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

TEST(RouteFilters, APlainRouteHasNoExtras) {
  Read read;
  EXPECT_EQ(read.routes(action("")).virtual_hosts[0].routes[0].extras, nullptr);
}

TEST(RouteFilters, EnvoysFaultBecomesOneForEachPercentage) {
  Read read;
  const auto routes = read.routes(route_with(per_filter(
      "envoy.filters.http.fault", kFaultType,
      "delay { fixed_delay { seconds: 2 } percentage { numerator: 10 } } abort { grpc_status: 14 "
      "percentage { numerator: 5 denominator: MILLION } } response_rate_limit { fixed_limit { "
      "limit_kbps: 3 } percentage { numerator: 100 } } headers { name: 'end-user' exact_match: "
      "'jason' } upstream_cluster: 'c' max_active_faults { value: 7 }")));
  const config::RouteExtras& extras = extras_of(routes);
  EXPECT_TRUE(extras.own_faults);
  ASSERT_EQ(extras.faults.size(), 3U);
  EXPECT_EQ(extras.faults[0].delay, 2s);
  EXPECT_EQ(extras.faults[0].per_million, 100'000U);
  EXPECT_EQ(extras.faults[1].abort->grpc_status, 14);
  EXPECT_EQ(extras.faults[1].per_million, 5U);
  EXPECT_EQ(extras.faults[2].slow_body, 3072U);
  for (const config::FaultPolicy& fault : extras.faults) {
    EXPECT_EQ(fault.headers.at(0).name, "end-user");
    EXPECT_EQ(fault.only_cluster, "c");
    EXPECT_EQ(fault.active_max, 7U);
    EXPECT_FALSE(fault.until);
  }
}

TEST(RouteFilters, AnAbsentPercentageIsNone) {
  Read read;
  const auto routes =
      read.routes(route_with(per_filter("f", kFaultType, "abort { http_status: 503 }")));
  EXPECT_EQ(extras_of(routes).faults.at(0).per_million, 0U) << "as Envoy";
}

TEST(RouteFilters, TheMostSpecificLevelWinsWhole) {
  Read read;
  const std::string of_table =
      per_filter("f", kFaultType, "abort { http_status: 500 percentage { numerator: 100 } }");
  const std::string of_host =
      per_filter("f", kFaultType, "abort { http_status: 501 percentage { numerator: 100 } }") +
      per_filter("cors", kCorsType, "allow_origin_string_match { exact: '*' }");
  const std::string of_route =
      per_filter("f", kFaultType, "abort { http_status: 502 percentage { numerator: 100 } }");
  const std::string off = per_filter("envoy.filters.http.fault", kWrapType, "disabled: true");
  const auto routes = read.routes(
      "name: 'r' " + of_table + "virtual_hosts { name: 'h' domains: 'a' " + of_host +
      "routes { match { prefix: '/1' } route { cluster: 'c' } " + of_route +
      "} routes { match { prefix: '/2' } route { cluster: 'c' } } routes { match { prefix: '/3' } "
      "route { cluster: 'c' } " +
      off +
      "} } virtual_hosts { name: 'i' domains: 'b' routes { match { prefix: '/' } route { "
      "cluster: 'c' } } }");
  const auto status = [&](std::size_t host, std::size_t index) {
    const auto& faults = routes.virtual_hosts[host].routes[index].extras->faults;
    return faults.empty() ? 0 : faults[0].abort->http_status.value_or(0);
  };
  EXPECT_EQ(status(0, 0), 502);
  EXPECT_EQ(status(0, 1), 501);
  EXPECT_EQ(status(0, 2), 0) << "switched off for this route";
  EXPECT_TRUE(extras_of(routes, 2).own_faults) << "of the listener's faults too";
  EXPECT_EQ(status(1, 0), 500);
  EXPECT_TRUE(extras_of(routes, 0).cors->any_origin) << "filter by filter";
}

TEST(RouteFilters, AFilterMayComeWrapped) {
  Read read;
  const auto routes = read.routes(
      route_with(per_filter("cors", kWrapType,
                            "config { " +
                                any(kCorsType,
                                    "allow_methods: 'GET' allow_credentials { value: true } "
                                    "forward_not_matching_preflights {}") +
                                " }")));
  const config::CorsPolicy& cors = extras_of(routes).cors.value();
  EXPECT_EQ(cors.methods, "GET");
  EXPECT_TRUE(cors.credentials);
  EXPECT_FALSE(cors.forward_unmatched_preflights);
}

TEST(RouteFilters, CorsWithEverythingWeRead) {
  Read read;
  const auto routes = read.routes(route_with(per_filter(
      "envoy.filters.http.cors", kCorsType,
      "allow_origin_string_match { exact: 'https://a' } allow_origin_string_match { safe_regex { "
      "regex: 'https://.*' } } allow_methods: 'GET,POST' allow_headers: 'x' expose_headers: 'y' "
      "max_age: '60' allow_private_network_access { value: true } filter_enabled { default_value "
      "{ numerator: 50 } }")));
  const config::CorsPolicy& cors = extras_of(routes).cors.value();
  EXPECT_FALSE(cors.any_origin);
  ASSERT_EQ(cors.origins.size(), 2U);
  EXPECT_TRUE(cors.origins[1].matches("https://b.example"));
  EXPECT_EQ(cors.methods + "|" + cors.headers + "|" + cors.expose + "|" + cors.max_age,
            "GET,POST|x|y|60");
  EXPECT_TRUE(cors.private_network && !cors.credentials && cors.forward_unmatched_preflights);
  EXPECT_EQ(cors.per_million, 500'000U);
}

TEST(RouteFilters, EnvoysLocalRateLimit) {
  Read read;
  const std::string on =
      "filter_enabled { default_value { numerator: 100 } } filter_enforced { "
      "default_value { numerator: 100 } } ";
  const std::string bucket =
      "token_bucket { max_tokens: 10 tokens_per_fill { value: 5 } fill_interval { seconds: 60 } } ";
  const auto routes = read.routes(host(
      per_filter("l", kLimitType, "stat_prefix: 'host' " + on + bucket) +
      "routes { name: 'one' match { prefix: '/1' } route { cluster: 'c' } } routes { match { "
      "prefix: '/2' } route { cluster: 'c' } " +
      per_filter("l", kLimitType,
                 "stat_prefix: 'own' status { code: ServiceUnavailable } response_headers_to_add { "
                 "header { key: 'x' value: 'y' } } " +
                     on + bucket) +
      "} routes { match { prefix: '/3' } route { cluster: 'c' } " +
      per_filter("l", kLimitType, "stat_prefix: 'off' " + bucket) + "}"));
  const config::RateLimit& of_host = extras_of(routes, 0).rate_limits.at(0);
  EXPECT_EQ(of_host.scope, "h") << "one bucket for all routes of the host";
  EXPECT_EQ(of_host.requests, 5U);
  EXPECT_EQ(of_host.interval, 60s);
  EXPECT_EQ(of_host.burst, 10U);
  EXPECT_EQ(of_host.status, 429);
  const config::RateLimit& own = extras_of(routes, 1).rate_limits.at(0);
  EXPECT_EQ(own.scope, "h/1");
  EXPECT_EQ(own.status, 503);
  EXPECT_EQ(own.response_headers.at(0).name, "x");
  EXPECT_EQ(routes.virtual_hosts[0].routes[2].extras, nullptr) << "0 % unless it is said";
}

TEST(RouteFilters, MirrorsOfTheRouteElseOfItsHostElseOfAll) {
  Read read;
  const auto routes = read.routes(
      "name: 'r' request_mirror_policies { cluster: 'table' } virtual_hosts { name: 'h' domains: "
      "'a' request_mirror_policies { cluster: 'host' } routes { match { prefix: '/1' } route { "
      "cluster: 'c' request_mirror_policies { cluster: 'm' runtime_fraction { default_value { "
      "numerator: 25 } } disable_shadow_host_suffix_append: true trace_sampled { value: true } } "
      "request_mirror_policies { cluster: 'n' } } } routes { match { prefix: '/2' } route { "
      "cluster: 'c' } } } virtual_hosts { name: 'i' domains: 'b' routes { match { prefix: '/' } "
      "route { cluster: 'c' } } }");
  const auto& own = extras_of(routes, 0).mirrors;
  ASSERT_EQ(own.size(), 2U);
  EXPECT_EQ(own[0].per_million, 250'000U);
  EXPECT_FALSE(own[0].suffix_host);
  EXPECT_EQ(own[0].sampled, true);
  EXPECT_EQ(own[1].per_million, config::kAlways);
  EXPECT_TRUE(own[1].suffix_host);
  EXPECT_EQ(extras_of(routes, 1).mirrors.at(0).cluster, "host");
  EXPECT_EQ(routes.virtual_hosts[1].routes[0].extras->mirrors.at(0).cluster, "table");
}

TEST(RoutePolicy, WithEverythingWeRead) {
  Read read;
  const auto routes = read.routes(route_policy(
      "faults { name: 'slow' percent { value: 0.5 } until { seconds: 1800000000 nanos: 5 } headers "
      "{ name: 'x' present_match: true } delay { fixed { seconds: 2 } jitter { nanos: 100000000 } "
      "} abort { http_status: 418 } } faults { name: 'cut' until { seconds: 1 } reset: true } "
      "faults { name: 'drip' until { seconds: 1 } slow_body { bytes_per_second: 10 } } "
      "fallback { on: CIRCUIT_OPEN on: RETRIES_EXHAUSTED response { status: 200 headers { key: 'a' "
      "value: 'b' } body: 'later' } } empty_backend: FAIL backoff_jitter: DECORRELATED "
      "rate_limits { name: 'each' key: HEADER header: 'X-Key' requests: 100 interval { seconds: 1 "
      "} burst: 20 } rate_limits { name: 'all' requests: 5 interval { seconds: 60 } } rate_limits "
      "{ "
      "name: 'window' requests: 3 interval { seconds: 60 } algorithm: SLIDING_WINDOW }"));
  const config::RouteExtras& extras = extras_of(routes);
  ASSERT_EQ(extras.faults.size(), 3U);
  const config::FaultPolicy& slow = extras.faults[0];
  EXPECT_EQ(slow.per_million, 5000U);
  EXPECT_EQ(slow.until, WallTime(1800000000s + 5ns));
  EXPECT_EQ(slow.delay, 2s);
  EXPECT_EQ(slow.delay_jitter, 100ms);
  EXPECT_EQ(slow.abort->http_status, 418);
  EXPECT_TRUE(extras.faults[1].reset);
  EXPECT_EQ(extras.faults[1].per_million, config::kAlways);
  EXPECT_EQ(extras.faults[2].slow_body, 10U);
  EXPECT_EQ(extras.fallback->on, config::kOnCircuitOpen | config::kOnRetriesExhausted);
  EXPECT_EQ(extras.fallback->response.body, "later");
  ASSERT_EQ(extras.rate_limits.size(), 3U);
  EXPECT_EQ(extras.rate_limits[0].header, "x-key");
  EXPECT_EQ(extras.rate_limits[0].algorithm, RateLimiter::Algorithm::kTokenBucket);
  EXPECT_EQ(extras.rate_limits[2].algorithm, RateLimiter::Algorithm::kSlidingWindow);
  EXPECT_EQ(extras.rate_limits[2].requests, 3U);
  EXPECT_EQ(extras.rate_limits[0].burst, 20U);
  EXPECT_EQ(extras.rate_limits[1].burst, 5U) << "as many as requests, unless it is said";
  EXPECT_EQ(extras.rate_limits[1].scope, "h/0");
  const auto& forward = std::get<config::ForwardAction>(routes.virtual_hosts[0].routes[0].action);
  EXPECT_FALSE(forward.redistribute_empty);
  EXPECT_EQ(forward.retry.jitter, config::BackoffJitter::kDecorrelated);
}

TEST(RoutePolicy, RedistributesUnlessItSaysOtherwiseAndEnvoyDoesNot) {
  Read read;
  const auto of = [&](const std::string& text) {
    const auto routes = read.routes(text);
    return std::get<config::ForwardAction>(routes.virtual_hosts[0].routes[0].action)
        .redistribute_empty;
  };
  EXPECT_TRUE(of(route_policy("")));
  EXPECT_FALSE(of(action("")));
}

TEST(RoutePolicy, WhatCannotBeMeantIsRefused) {
  const std::string at =
      kFirstRoute + ".metadata.typed_filter_metadata[\"weft.config.v1.RoutePolicy\"]";
  const auto policy = [](std::string_view content) { return why_not(route_policy(content)); };
  EXPECT_EQ(policy("faults { name: 'a' reset: true }"), at + ".faults[0].until: is required");
  EXPECT_EQ(policy("faults { name: 'a' until {} }"),
            at + ".faults[0]: one of delay, abort, reset, slow_body must be set");
  EXPECT_EQ(policy("faults { name: 'a' until { seconds: 300000000000 } reset: true }"),
            at + ".faults[0].until: is not a point in time");
  EXPECT_EQ(policy("faults { name: 'a' until {} delay { fixed { seconds: 1 } jitter { seconds: 2 } "
                   "} }"),
            at + ".faults[0].delay.jitter: is more than fixed");
  EXPECT_EQ(policy("faults { until {} reset: true }"), at + ".faults[0].name: must not be empty");
  EXPECT_EQ(policy("faults { name: 'a' until {} percent { value: 101 } reset: true }"),
            at + ".faults[0].percent.value: is 101, must be at most 100");
  EXPECT_EQ(policy("faults { name: 'a' until {} abort {} }"),
            at + ".faults[0].abort: one of http_status, grpc_status must be set");
  EXPECT_EQ(policy("faults { name: 'a' until {} abort { http_status: 99 } }"),
            at + ".faults[0].abort.http_status: is 99, must be at least 200");
  EXPECT_EQ(policy("fallback { cluster: 'c' }"), at + ".fallback.on: needs at least 1 item");
  EXPECT_EQ(policy("fallback { on: OVERLOADED }"),
            at + ".fallback: one of cluster, response must be set");
  EXPECT_EQ(policy("fallback { on: OVERLOADED response { status: 200 headers { key: "
                   "'Content-Length' value: '1' } } }"),
            at + ".fallback.response.headers[0].key: Content-Length may not be set");
  EXPECT_EQ(policy("rate_limits { name: 'a' interval { seconds: 1 } }"),
            at + ".rate_limits[0].requests: is 0, must be more than 0");
  EXPECT_EQ(policy("rate_limits { name: 'a' requests: 1 }"),
            at + ".rate_limits[0].interval: is required");
  EXPECT_EQ(policy("rate_limits { name: 'a' key: HEADER requests: 1 interval { seconds: 1 } }"),
            at + ".rate_limits[0].header: is required for HEADER");
  EXPECT_EQ(policy("rate_limits { name: 'a' header: 'x' requests: 1 interval { seconds: 1 } }"),
            at + ".rate_limits[0].header: is for HEADER only");
  EXPECT_EQ(
      policy("rate_limits { name: 'a' requests: 1 interval { seconds: 1 } burst: 2 algorithm: "
             "SLIDING_WINDOW }"),
      at + ".rate_limits[0].burst: is for TOKEN_BUCKET only");
}

TEST(RouteFilters, WhatCannotBeMeantIsRefused) {
  const std::string at = kFirstRoute + ".typed_per_filter_config[\"f\"]";
  const auto filter_of = [](std::string_view type, std::string_view content) {
    return why_not(route_with(per_filter("f", type, content)));
  };
  EXPECT_EQ(filter_of(kFaultType, "abort {}"),
            at + ".abort: one of http_status, grpc_status must be set");
  EXPECT_EQ(filter_of(kFaultType, "abort { header_abort {} }"),
            at + ".abort.header_abort: is not supported");
  EXPECT_EQ(filter_of(kFaultType, "delay { header_delay {} }"),
            at + ".delay.header_delay: is not supported");
  EXPECT_EQ(filter_of(kFaultType, "downstream_nodes: 'n'"),
            at + ".downstream_nodes: is not supported");
  EXPECT_EQ(filter_of(kCorsType, "allow_origin_string_match { safe_regex { regex: '(' } }"),
            at + ".allow_origin_string_match[0].safe_regex.regex: bad regular expression '(': "
                 "missing ): (");
  EXPECT_EQ(filter_of(kLimitType,
                      "stat_prefix: 's' token_bucket { max_tokens: 1 fill_interval { "
                      "nanos: 1000000 } }"),
            at + ".token_bucket.fill_interval: must be at least 0.05s");
  EXPECT_EQ(filter_of(kLimitType, "stat_prefix: 's' descriptors {}"),
            at + ".descriptors: is not supported");
  EXPECT_EQ(filter_of(kLimitType,
                      "stat_prefix: 's' local_rate_limit_per_downstream_connection: "
                      "true"),
            at + ".local_rate_limit_per_downstream_connection: is not supported");
}

TEST(RouteFilters, AListenersFaultsHoldWhereRoutesHaveNone) {
  Read read;
  const auto in_list = [](std::string_view type, std::string_view content) {
    return fmt::format("http_filters {{ name: 'f' typed_config {{ {} }} }}", any(type, content));
  };
  const auto listener = read.listener(
      manager(in_list("envoy.extensions.filters.http.cors.v3.Cors", "") +
              in_list(kFaultType, "abort { http_status: 503 percentage { numerator: 1 } }")));
  const auto& http = std::get<config::HttpSettings>(listener.chains.at(0).what);
  ASSERT_EQ(http.faults.size(), 1U);
  EXPECT_EQ(http.faults[0].per_million, 10'000U);
  EXPECT_TRUE(std::get<config::HttpSettings>(
                  read.listener(manager(in_list(kFaultType, ""))).chains.at(0).what)
                  .faults.empty());
  Findings findings;
  const auto refused = listener_from_proto(
      from_text<envoy::config::listener::v3::Listener>(
          manager(in_list(kLimitType,
                          "stat_prefix: 's' token_bucket { max_tokens: 1 fill_interval { "
                          "seconds: 1 } }"))),
      FromProtoOptions{}, findings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().detail,
            "filter_chains[0].filters[0].typed_config.http_filters[0].typed_config.token_bucket: "
            "is supported in routes and virtual hosts only");
}

}  // namespace
}  // namespace weft::xds
