// Balancing, localities and hash policies as they come over the wire, and what is refused of them.
#include <gtest/gtest.h>

#include "tests/xds/read.h"
#include "tests/xds/text.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_maglev.pb.h"
#include "xds/proto/lb_peak_ewma.pb.h"
#include "xds/proto/lb_random.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/lb_round_robin.pb.h"
#include "xds/proto/weft_config.pb.h"

namespace weft::xds {
namespace {

using config::BalancerKind;
using config::HashFunction;
using config::LocalityPreference;
using namespace std::chrono_literals;

const std::string kFamily = "envoy.extensions.load_balancing_policies.";

std::string policy(const std::string& type, const std::string& content = {}) {
  return "policies { typed_extension_config { name: 'p' typed_config { " + any(type, content) +
         " } } }";
}

config::Balancing typed(const std::string& policies) {
  Read read;
  return read.cluster(cluster("load_balancing_policy { " + policies + " }")).balancing;
}

config::Balancing old(const std::string& text) {
  Read read;
  return read.cluster(cluster(text)).balancing;
}

std::string refused(const std::string& text) {
  Findings findings;
  const auto read = cluster_from_proto(
      from_text<envoy::config::cluster::v3::Cluster>(cluster(text)), FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

std::string refused_action(const std::string& text) {
  Findings findings;
  const auto read =
      routes_from_proto(from_text<envoy::config::route::v3::RouteConfiguration>(action(text)),
                        FromProtoOptions{}, findings);
  return read ? "" : read.error().detail;
}

TEST(Balancing, TheFirstPolicyWeKnowIsTaken) {
  EXPECT_EQ(typed(policy("envoy.config.route.v3.Route") +
                  policy(kFamily + "least_request.v3.LeastRequest") +
                  policy(kFamily + "random.v3.Random"))
                .kind,
            BalancerKind::kLeastRequest);
}

TEST(Balancing, RingHashInBothPlaces) {
  const config::Balancing expected{.kind = BalancerKind::kRingHash,
                                   .ring_size_min = 64,
                                   .ring_size_max = 4096,
                                   .ring_hash = HashFunction::kMurmurHash2,
                                   .bounded_load_percent = 150,
                                   .hash_by_host_name = true};
  EXPECT_EQ(old("lb_policy: RING_HASH ring_hash_lb_config { minimum_ring_size { value: 64 } "
                "maximum_ring_size { value: 4096 } hash_function: MURMUR_HASH_2 } common_lb_config "
                "{ consistent_hashing_lb_config { use_hostname_for_hashing: true "
                "hash_balance_factor { value: 150 } } }"),
            expected);
  EXPECT_EQ(typed(policy(kFamily + "ring_hash.v3.RingHash",
                         "minimum_ring_size { value: 64 } maximum_ring_size { value: 4096 } "
                         "hash_function: MURMUR_HASH_2 use_hostname_for_hashing: true "
                         "hash_balance_factor { value: 150 }")),
            expected);
  EXPECT_EQ(typed(policy(kFamily + "ring_hash.v3.RingHash",
                         "minimum_ring_size { value: 64 } maximum_ring_size { value: 4096 } "
                         "hash_function: MURMUR_HASH_2 hash_balance_factor { value: 999 } "
                         "consistent_hashing_lb_config { use_hostname_for_hashing: true "
                         "hash_balance_factor { value: 150 } }")),
            expected)
      << "the newer message replaces the older fields";
  EXPECT_EQ(old("lb_policy: RING_HASH"), (config::Balancing{.kind = BalancerKind::kRingHash}));
}

TEST(Balancing, MaglevInBothPlaces) {
  const config::Balancing expected{
      .kind = BalancerKind::kMaglev, .maglev_table_size = 65'537, .bounded_load_percent = 125};
  EXPECT_EQ(old("lb_policy: MAGLEV common_lb_config { consistent_hashing_lb_config { "
                "hash_balance_factor { value: 125 } } }"),
            expected);
  EXPECT_EQ(typed(policy(kFamily + "maglev.v3.Maglev",
                         "table_size { value: 65537 } consistent_hashing_lb_config { "
                         "hash_balance_factor { value: 125 } }")),
            expected);
}

TEST(Balancing, PeakEwmaIsOurOwnPolicyWithAnotherOneBehindIt) {
  EXPECT_EQ(typed(policy("weft.lb.v1.PeakEwma",
                         "decay { seconds: 5 } slow_start_config { slow_start_window { seconds: 30 "
                         "} }") +
                  policy(kFamily + "least_request.v3.LeastRequest")),
            (config::Balancing{
                .kind = BalancerKind::kPeakEwma, .ewma_decay = 5s, .slow_start = {.window = 30s}}));
  EXPECT_EQ(typed(policy("weft.lb.v1.PeakEwma")).ewma_decay, 10s);
}

TEST(Balancing, SlowStartOfAllWhoHaveIt) {
  const std::string slow =
      "slow_start_config { slow_start_window { seconds: 60 } aggression { default_value: 2 } "
      "min_weight_percent { value: 5 } }";
  const config::SlowStart expected{.window = 60s, .aggression = 2.0, .min_weight_percent = 5.0};
  EXPECT_EQ(old("round_robin_lb_config { " + slow + " }").slow_start, expected);
  EXPECT_EQ(old("lb_policy: LEAST_REQUEST least_request_lb_config { " + slow + " }").slow_start,
            expected);
  EXPECT_EQ(typed(policy(kFamily + "round_robin.v3.RoundRobin", slow)).slow_start, expected);
  EXPECT_EQ(typed(policy(kFamily + "least_request.v3.LeastRequest", slow)).slow_start, expected);
  EXPECT_EQ(typed(policy("weft.lb.v1.PeakEwma", slow)).slow_start, expected);
}

TEST(Balancing, WeightedLocalitiesInAllPlaces) {
  const std::string weighted = "locality_lb_config { locality_weighted_lb_config {} }";
  EXPECT_EQ(old("common_lb_config { locality_weighted_lb_config {} }").localities,
            LocalityPreference::kWeighted);
  for (const char* type :
       {"round_robin.v3.RoundRobin", "least_request.v3.LeastRequest", "random.v3.Random"}) {
    EXPECT_EQ(typed(policy(kFamily + type, weighted)).localities, LocalityPreference::kWeighted);
  }
  EXPECT_EQ(typed(policy("weft.lb.v1.PeakEwma", weighted)).localities,
            LocalityPreference::kWeighted);
  EXPECT_EQ(
      typed(policy(kFamily + "ring_hash.v3.RingHash", "locality_weighted_lb_config {}")).localities,
      LocalityPreference::kWeighted);
  EXPECT_EQ(
      typed(policy(kFamily + "maglev.v3.Maglev", "locality_weighted_lb_config {}")).localities,
      LocalityPreference::kWeighted);
  EXPECT_EQ(old("").localities, LocalityPreference::kNone);
}

TEST(Balancing, OurOwnZoneFirstWhenWeftSaysSo) {
  EXPECT_EQ(old("typed_extension_protocol_options { key: 'weft' value { " +
                any("weft.config.v1.ClusterPolicy", "own_zone_first: true") + " } }")
                .localities,
            LocalityPreference::kOwnZone);
}

TEST(Balancing, IsRefusedByTheNameOfTheField) {
  const std::string typed_at =
      "load_balancing_policy.policies[0].typed_extension_config.typed_config";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"lb_policy: RING_HASH ring_hash_lb_config { minimum_ring_size { value: 9 } "
       "maximum_ring_size { value: 8 } }",
       "ring_hash_lb_config.minimum_ring_size: is more than maximum_ring_size"},
      {"lb_policy: RING_HASH ring_hash_lb_config { minimum_ring_size { value: 9000000 } "
       "maximum_ring_size { value: 9000000 } }",
       "ring_hash_lb_config.minimum_ring_size: is 9000000, must be at most 8388608; "
       "ring_hash_lb_config.maximum_ring_size: is 9000000, must be at most 8388608"},
      {"lb_policy: MAGLEV maglev_lb_config { table_size { value: 65536 } }",
       "maglev_lb_config.table_size: 65536 is not a prime number"},
      {"lb_policy: MAGLEV maglev_lb_config { table_size {} }",
       "maglev_lb_config.table_size: 0 is not a prime number"},
      {"lb_policy: MAGLEV common_lb_config { consistent_hashing_lb_config { hash_balance_factor { "
       "value: 99 } } }",
       "common_lb_config.consistent_hashing_lb_config.hash_balance_factor: is 99, must be at least "
       "100"},
      {"round_robin_lb_config { slow_start_config { slow_start_window { seconds: 1 } aggression { "
       "default_value: 0 } } }",
       "round_robin_lb_config.slow_start_config.aggression: must be more than 0"},
      {"load_balancing_policy { " + policy("weft.lb.v1.PeakEwma", "decay {}") + " }",
       typed_at + ".decay: is 0s, must be at least 0.1s"},
      {"load_balancing_policy { " +
           policy(kFamily + "maglev.v3.Maglev",
                  "consistent_hashing_lb_config { hash_policy { header { header_name: 'a' } } }") +
           " }",
       typed_at + ".consistent_hashing_lb_config.hash_policy: is not supported"},
      {"load_balancing_policy { " + policy("envoy.config.route.v3.Route") + " }",
       "load_balancing_policy.policies: has no policy known here: envoy.config.route.v3.Route"},
  };
  for (const auto& [text, error] : rows) EXPECT_EQ(refused(text), error) << text;
}

TEST(Ejection, ByRatesIsReadAndSwitchedOff) {
  Read read;
  const auto on = read.cluster(cluster(
      "outlier_detection { success_rate_minimum_hosts { value: 3 } success_rate_request_volume { "
      "value: 20 } success_rate_stdev_factor { value: 2500 } enforcing_failure_percentage { value: "
      "100 } failure_percentage_threshold { value: 30 } failure_percentage_minimum_hosts { value: "
      "2 } failure_percentage_request_volume { value: 10 } }"));
  using Outlier = config::OutlierDetection;
  EXPECT_EQ(on.outlier->success_rate,
            (Outlier::SuccessRate{.endpoints_min = 3, .requests_min = 20, .stdev_factor = 2.5}));
  EXPECT_EQ(on.outlier->failure_percent,
            (Outlier::FailurePercent{.endpoints_min = 2, .requests_min = 10, .percent = 30}));
  const auto off = read.cluster(cluster("outlier_detection { enforcing_success_rate {} }"));
  EXPECT_FALSE(off.outlier->success_rate);
  EXPECT_EQ(refused("outlier_detection { failure_percentage_threshold { value: 101 } }"),
            "outlier_detection.failure_percentage_threshold: is 101, must be at most 100");
}

TEST(Localities, HaveWeightsAndEndpointsKnowTheirs) {
  Read read;
  const auto set = read.endpoints(
      "cluster_name: 'c' endpoints { locality { region: 'r' zone: 'a' sub_zone: '1' } "
      "load_balancing_weight { value: 3 } " +
      endpoint("10.0.0.1",
               "metadata { filter_metadata { key: 'envoy.lb' value { fields { key: "
               "'hash_key' value { string_value: 'one' } } } } }") +
      endpoint("10.0.0.2") + " } endpoints { locality { zone: 'b' } priority: 1 " +
      endpoint("10.0.0.3") + " }");
  ASSERT_EQ(set.localities.size(), 2U);
  EXPECT_EQ(set.localities[0],
            (config::Locality{.region = "r", .zone = "a", .sub_zone = "1", .weight = 3}));
  EXPECT_EQ(set.localities[1].weight, 0U);
  ASSERT_EQ(set.endpoints.size(), 3U);
  EXPECT_EQ(set.endpoints[0].hash_key, "one");
  EXPECT_EQ(set.endpoints[0].locality, 0U);
  EXPECT_EQ(set.endpoints[1].locality, 0U);
  EXPECT_EQ(set.endpoints[2].locality, 1U);
}

TEST(HashPolicies, OfEverySort) {
  using Of = config::HashPolicy::Of;
  Read read;
  const auto routes = read.routes(action(
      "hash_policy { header { header_name: 'X-User' regex_rewrite { pattern { regex: '@.*' } "
      "substitution: '' } } terminal: true } hash_policy { header { header_name: ':path' } } "
      "hash_policy { cookie { name: 'who' ttl { seconds: 60 } path: '/shop' attributes { name: "
      "'SameSite' value: 'Strict' } } } hash_policy { cookie { name: 'old' } } hash_policy { "
      "query_parameter { name: 'q' } } hash_policy { connection_properties { source_ip: true } } "
      "hash_policy { connection_properties {} } hash_policy { filter_state { key: "
      "'io.grpc.channel_id' } }"));
  const auto& policies =
      std::get<config::ForwardAction>(routes.virtual_hosts[0].routes[0].action).hash_policies;
  ASSERT_EQ(policies.size(), 6U);
  EXPECT_EQ(policies[0].of, Of::kHeader);
  EXPECT_EQ(policies[0].name, "x-user");
  EXPECT_TRUE(policies[0].terminal);
  ASSERT_TRUE(policies[0].rewrite);
  EXPECT_EQ(policies[0].rewrite->value, "@.*");
  EXPECT_EQ(policies[1].of, Of::kPath);
  EXPECT_EQ(policies[2].of, Of::kCookie);
  EXPECT_EQ(policies[2].cookie_ttl, 60s);
  EXPECT_EQ(policies[2].cookie_path, "/shop");
  EXPECT_EQ(policies[2].cookie_attributes, "; SameSite=Strict");
  EXPECT_FALSE(policies[3].cookie_ttl) << "only read, never made";
  EXPECT_EQ(policies[4].of, Of::kQueryParameter);
  EXPECT_EQ(policies[5].of, Of::kSourceAddress);
}

TEST(HashPolicies, AreRefusedByTheNameOfTheField) {
  const std::string at = "virtual_hosts[0].routes[0].route.hash_policy[0]";
  const std::vector<std::pair<std::string, std::string>> rows{
      {"hash_policy {}",
       at + ": one of header, cookie, connection_properties, query_parameter must be set"},
      {"hash_policy { header { header_name: ':method' } }",
       at + ".header.header_name: :method is not supported"},
      {"hash_policy { cookie { name: 'a;b' } }", at + ".cookie.name: \"a;b\" is not a cookie name"},
      {"hash_policy { cookie { name: 'a' path: '/;x' } }",
       at + ".cookie.path: \"/;x\" is not a cookie path"},
      {"hash_policy { query_parameter {} }", at + ".query_parameter.name: must not be empty"},
      {"hash_policy { header { header_name: 'a' regex_rewrite { pattern { regex: '(' } } } }",
       at + ".header.regex_rewrite.pattern.regex: bad regular expression '(': missing ): ("},
  };
  for (const auto& [text, error] : rows) EXPECT_EQ(refused_action(text), error) << text;
}

}  // namespace
}  // namespace weft::xds
