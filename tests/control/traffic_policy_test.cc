// What a TrafficPolicy may say, field by field, and how each mistake is told.

#include "control/model/traffic_policy.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::mistakes_in;

const std::string kHead =
    "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: cart, namespace: "
    "shop}\nspec:\n  targetRefs: [{group: \"\", kind: Service, name: cart}]\n";
std::string of_service(const std::string& line) { return kHead + "  " + line + "\n"; }
std::string of_route(const std::string& line) {
  return "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: cart, namespace: "
         "shop}\nspec:\n  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: "
         "cart, sectionName: main}]\n  " +
         line + "\n";
}
std::string with_targets(const std::string& targets) {
  return "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: cart, namespace: "
         "shop}\nspec:\n  targetRefs: " +
         targets + "\n";
}

struct Case {
  std::string yaml;
  std::string mistakes;
};

TEST(TrafficPolicy, OfTheWholeSchemaSaysWhatIsBuilt) {
  EXPECT_EQ(mistakes_in(kHead +
                        "  timeouts: {connect: 1s, head: 2s, attempt: 3s, request: 10s, idle: 0s, "
                        "stream: 1h}\n"
                        "  retry: {attempts: 3, on: [unprocessed, reset, 503], methods: Any, "
                        "backoff: {base: 10ms, max: 1s, jitter: Full}, maxRetryAfter: 2s, "
                        "bufferLimit: 128Ki}\n"
                        "  retryBudget: {percent: 10%, interval: 20s, min: 30/10s}\n"
                        "  circuitBreaker: {preset: Fast, window: 20s, minRequests: 5, "
                        "failureRatio: 50%, consecutiveFailures: 3, slowCalls: {threshold: 1s, "
                        "ratio: 80%}, openFor: 10s, maxOpenFor: 2m, trials: 2, count: [Timeout, "
                        "Connect, Reset, ServerError, RateLimited]}\n"
                        "  outlier: {gatewayErrors: 2, localFailures: 3, errors5xx: 4, interval: "
                        "5s, ejectFor: 6s, maxEjectFor: 7s, maxEjected: 50%}\n"
                        "  limits: {connections: 1, requests: 2, pending: 3, pendingTimeout: 4s, "
                        "requestsPerConnection: 5, whenFull: Reject}\n"
                        "  loadBalancer: {type: Random, locality: Auto, panicBelow: 10%, "
                        "slowStart: 0s}\n"
                        "  connection: {protocol: Http1, idleTimeout: 30s, maxAge: 0s, minIdle: "
                        "0}\n"),
            "");
}

TEST(TrafficPolicy, RefusesByNameWhatIsNotBuilt) {
  EXPECT_EQ(mistakes_in(kHead +
                        "  hedge: {after: p95}\n  health: {tcp: "
                        "{}}\n  emptyBackend: Fail\n  fallback: {}\n  faults: []\n  inbound: {}\n"),
            "6:10: spec.hedge: not supported yet\n"
            "7:11: spec.health: not supported yet\n"
            "8:17: spec.emptyBackend: not supported yet\n"
            "9:13: spec.fallback: not supported yet\n"
            "10:11: spec.faults: not supported yet\n"
            "11:12: spec.inbound: not supported yet\n");
  EXPECT_EQ(mistakes_in(kHead + "  timeouts: {adaptive: {percentile: 99}}\n"
                                "  retry: {backoff: {jitter: Decorrelated}}\n"
                                "  outlier: {successRate: {}, failurePercent: {}}\n"
                                "  limits: {whenFull: DropOldest, adaptive: {}}\n"
                                "  loadBalancer: {locality: Strict, slowStart: 10s}\n"
                                "  connection: {maxAge: 1h, minIdle: 2}\n"),
            "6:24: spec.timeouts.adaptive: not supported yet\n"
            "7:29: spec.retry.backoff.jitter: Decorrelated is not supported yet, only Full\n"
            "8:26: spec.outlier.successRate: not supported yet\n"
            "8:46: spec.outlier.failurePercent: not supported yet\n"
            "9:22: spec.limits.whenFull: DropOldest is not supported yet, only Reject\n"
            "9:44: spec.limits.adaptive: not supported yet\n"
            "10:28: spec.loadBalancer.locality: Strict is not supported yet, only Auto\n"
            "10:47: spec.loadBalancer.slowStart: not supported yet\n"
            "11:24: spec.connection.maxAge: not supported yet\n"
            "11:37: spec.connection.minIdle: not supported yet\n");
}

TEST(TrafficPolicy, TellsMistakesInACircuitBreaker) {
  const std::vector<Case> cases = {
      {of_service("circuitBreaker: {}"),
       "6:19: spec.circuitBreaker: want a preset, failureRatio, consecutiveFailures or "
       "slowCalls\n"},
      {of_service("circuitBreaker: {openFor: 5s}"),
       "6:19: spec.circuitBreaker: want a preset, failureRatio, consecutiveFailures or "
       "slowCalls\n"},
      {of_service("circuitBreaker: {preset: fast}"),
       "6:28: spec.circuitBreaker.preset: want one of Off, Standard, Fast, Slow, Critical, found "
       "'fast'\n"},
      {of_service("circuitBreaker: {preset: Off, trials: 1}"),
       "6:28: spec.circuitBreaker.preset: Off leaves nothing to say besides it\n"},
      {of_service("circuitBreaker: {consecutiveFailures: 0}"),
       "6:41: spec.circuitBreaker.consecutiveFailures: want a number from 1 to 1000000, found "
       "0\n"},
      {of_service("circuitBreaker: {failureRatio: 0%}"),
       "6:34: spec.circuitBreaker.failureRatio: want more than 0%\n"},
      {of_service("circuitBreaker: {failureRatio: 0.5}"),
       "6:34: spec.circuitBreaker.failureRatio: want a percentage from 0% to 100%, found '0.5'\n"},
      {of_service("circuitBreaker: {slowCalls: {ratio: 50%}}"),
       "6:31: spec.circuitBreaker.slowCalls.threshold: is required\n"},
      {of_service("circuitBreaker: {preset: Fast, openFor: 2m, maxOpenFor: 1m}"),
       "6:59: spec.circuitBreaker.maxOpenFor: must not be less than openFor\n"},
      {of_service("circuitBreaker: {preset: Fast, window: 0s}"),
       "6:42: spec.circuitBreaker.window: want 1ms to 1h, found 0s\n"},
      {of_service("circuitBreaker: {preset: Fast, count: [5xx]}"),
       "6:41: spec.circuitBreaker.count: want Timeout, Connect, Reset, ServerError or "
       "RateLimited, found '5xx'\n"},
      {of_service("circuitBreaker: {preset: Fast, count: []}"),
       "6:41: spec.circuitBreaker.count: want what counts as a failure\n"},
      {of_route("circuitBreaker: {preset: Fast}"),
       "6:19: spec.circuitBreaker: belongs to a destination, which all routes to it share: let "
       "the policy name a Service or a Namespace\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

TEST(TrafficPolicy, TellsUnitMistakes) {
  const std::vector<Case> cases = {
      {of_service("timeouts: {request: 5}"),
       "6:23: spec.timeouts.request: want a duration with its unit, as 250ms, 5s or 1h30m, found "
       "'5'\n"},
      {of_service("timeouts: {connect: 0s}"),
       "6:23: spec.timeouts.connect: want 1ms to 1h, found 0s\n"},
      {of_service("timeouts: {idle: 9000h}"),
       "6:20: spec.timeouts.idle: want 0s for none, or 1ms to 8760h, found 9000h\n"},
      {of_service("retryBudget: {percent: 20}"),
       "6:26: spec.retryBudget.percent: want a percentage from 0% to 100%, found '20'\n"},
      {of_service("retryBudget: {min: \"10\"}"),
       "6:22: spec.retryBudget.min: want a rate with a whole number each second, as 10/1s, found "
       "'10'\n"},
      {of_service("retryBudget: {min: 10/3s}"),
       "6:22: spec.retryBudget.min: want a rate with a whole number each second, as 10/1s, found "
       "'10/3s'\n"},
      {of_service("retryBudget: {interval: 500ms}"),
       "6:27: spec.retryBudget.interval: want 1s to 10m\n"},
      {of_service("retry: {bufferLimit: 64}"),
       "6:24: spec.retry.bufferLimit: want a size with its unit up to 16Mi, as 64Ki, or 0\n"},
      {of_service("retry: {bufferLimit: 64KB}"),
       "6:24: spec.retry.bufferLimit: want a size with its unit up to 16Mi, as 64Ki, or 0\n"},
      {of_service("retry: {bufferLimit: 17Mi}"),
       "6:24: spec.retry.bufferLimit: want a size with its unit up to 16Mi, as 64Ki, or 0\n"},
      {of_service("outlier: {maxEjected: 0.5}"),
       "6:25: spec.outlier.maxEjected: want a percentage from 0% to 100%, found '0.5'\n"},
      {of_service("outlier: {maxEjected: 0.5%}"),
       "6:25: spec.outlier.maxEjected: want a whole percentage\n"},
      {of_service("limits: {requests: 0}"),
       "6:22: spec.limits.requests: want a number from 1 to 1000000, found 0\n"},
      {of_service("limits: {connections: 10k}"),
       "6:25: spec.limits.connections: want a whole number, found '10k'\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

TEST(TrafficPolicy, RefusesWhatContradictsItself) {
  const std::vector<Case> cases = {
      {of_service("timeouts: {attempt: 2s, request: 1s}"),
       "6:23: spec.timeouts.attempt: must not be longer than request\n"},
      {of_service("timeouts: {head: 2s, request: 1s}"),
       "6:20: spec.timeouts.head: must not be longer than request\n"},
      {of_service("retry: {backoff: {base: 2s, max: 1s}}"),
       "6:36: spec.retry.backoff.max: must not be less than base\n"},
      {of_service("outlier: {ejectFor: 2m, maxEjectFor: 1m}"),
       "6:40: spec.outlier.maxEjectFor: must not be less than ejectFor\n"},
      {of_service("retry: {on: []}"),
       "6:15: spec.retry.on: want a list of 1 to 32; retry.attempts: 0 turns retries off\n"},
      {of_service("retry: {on: [sometimes]}"),
       "6:15: spec.retry.on: want unprocessed, reset, timeout, 5xx, gateway-error, retriable-4xx, "
       "cancelled, deadline-exceeded, internal, resource-exhausted, unavailable, or a status from "
       "400 to 599, found 'sometimes'\n"},
      {of_service("retry: {attempts: 11}"),
       "6:21: spec.retry.attempts: want a number from 0 to 10, found 11\n"},
      {of_service("loadBalancer: {type: Fastest}"),
       "6:24: spec.loadBalancer.type: want one of RoundRobin, Random, LeastRequest, found "
       "'Fastest'\n"},
      {of_service("retries: {attempts: 1}"), "6:3: spec.retries: unknown field\n"},
      {of_service("limits: {max: 1}"), "6:12: spec.limits.max: unknown field\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

TEST(TrafficPolicy, OnARouteHasTimeoutsAndRetriesOnly) {
  EXPECT_EQ(mistakes_in(of_route("timeouts: {head: 1s, attempt: 1s, request: 2s}\n  retry: "
                                 "{attempts: 1, on: [5xx], methods: Idempotent}")),
            "");
  const std::string why =
      "belongs to a destination, which all routes to it share: let the policy name a Service or a "
      "Namespace\n";
  EXPECT_EQ(mistakes_in(of_route("limits: {requests: 1}")), "6:22: spec.limits.requests: " + why);
  EXPECT_EQ(mistakes_in(of_route("timeouts: {connect: 1s}")),
            "6:23: spec.timeouts.connect: " + why);
  EXPECT_EQ(mistakes_in(of_route("outlier: {maxEjected: 10%}")),
            "6:25: spec.outlier.maxEjected: " + why);
  EXPECT_EQ(mistakes_in(of_route("retryBudget: {min: 1/1s}")),
            "6:22: spec.retryBudget.min: " + why);
  EXPECT_EQ(mistakes_in(of_route("loadBalancer: {type: Random}")),
            "6:24: spec.loadBalancer.type: " + why);
}

TEST(TrafficPolicy, NamesOneToSixteenTargetsOfOneKind) {
  std::string many = "[";
  for (int i = 0; i < 17; ++i) many += "{kind: Service, name: s" + std::to_string(i) + "}, ";
  const std::vector<Case> cases = {
      {with_targets("[{kind: Service, name: a, sectionName: http}, {kind: Service, name: a}, "
                    "{group: core, kind: Service, name: a, namespace: other}]"),
       ""},
      {with_targets("[{kind: Namespace, name: shop}]"), ""},
      {with_targets("[]"), "5:15: spec.targetRefs: want 1 to 16 targets\n"},
      {with_targets(many + "]"), "5:15: spec.targetRefs: has 17 items, at most 16 are allowed\n"},
      {with_targets("[{kind: Service, name: a}, {kind: Namespace, name: b}]"),
       "5:49: spec.targetRefs[1].kind: all targets are of one kind, and Service came first\n"},
      {with_targets("[{kind: Service, name: a}, {kind: Service, name: a, namespace: shop}]"),
       "5:42: spec.targetRefs[1]: names the same target as another one\n"},
      {with_targets("[{kind: Deployment, name: a}]"),
       "5:23: spec.targetRefs[0].kind: want one of Service, HTTPRoute, Namespace, found "
       "'Deployment'\n"},
      {with_targets("[{group: apps, kind: Service, name: a}]"),
       "5:24: spec.targetRefs[0].group: want \"\" for kind Service\n"},
      {with_targets("[{group: \"\", kind: HTTPRoute, name: a}]"),
       "5:24: spec.targetRefs[0].group: want \"gateway.networking.k8s.io\" for kind HTTPRoute\n"},
      {with_targets("[{kind: Namespace, name: a, namespace: b, sectionName: c}]"),
       "5:54: spec.targetRefs[0].namespace: a Namespace is in none\n"
       "5:70: spec.targetRefs[0].sectionName: a Namespace has no sections\n"},
      {with_targets("[{kind: Service}]"), "5:16: spec.targetRefs[0].name: is required\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

PolicyFields fields_of(const std::string& yaml) {
  const auto documents = config::parse_documents(yaml, "t.yaml");
  const ReadObject read = read_object(documents->front());
  EXPECT_TRUE(read.object.has_value()) << yaml;
  if (!read.object) return {};
  return std::get<std::shared_ptr<const TrafficPolicy>>(*read.object)->fields;
}

TEST(TrafficPolicy, KnowsEnvoysWordsAndPutsItsOwnInOrder) {
  const PolicyFields fields =
      fields_of(of_service("retry: {on: [503, 5xx, refused-stream, 429, connect-failure, 503]}"));
  EXPECT_EQ(describe(*fields.on.value), "[unprocessed, 5xx, 429, 503]");
  EXPECT_FALSE(fields.methods.value.has_value());
}

TEST(TrafficPolicy, ThatNamesAStatusOfGrpcMeansAnyMethodUnlessItSaysOtherwise) {
  EXPECT_EQ(fields_of(of_service("retry: {on: [unavailable]}")).methods.value, RetryMethods::kAny);
  EXPECT_EQ(fields_of(of_service("retry: {methods: Idempotent, on: [unavailable]}")).methods.value,
            RetryMethods::kIdempotent);
}

TEST(TrafficPolicy, ReadsSizesAndRates) {
  EXPECT_EQ(fields_of(of_service("retry: {bufferLimit: 2Mi}")).buffer_limit.value, 2u << 20);
  EXPECT_EQ(fields_of(of_service("retry: {bufferLimit: 0}")).buffer_limit.value, 0u);
  EXPECT_EQ(fields_of(of_service("retryBudget: {min: 600/1m}")).budget_min.value, 10u);
  EXPECT_EQ(fields_of(of_service("retryBudget: {min: 0/1s}")).budget_min.value, 0u);
}

TEST(TrafficPolicy, HasEachFieldOnceInTheTable) {
  PolicyFields fields;
  std::size_t count = 0;
  std::set<std::string_view> names;
  std::set<const void*> members;
  each_policy_field(
      [&](const PolicyField& field, const auto& setting) {
        ++count;
        names.insert(field.name);
        members.insert(&setting);
      },
      fields);
  EXPECT_EQ(count, kPolicyFields);
  EXPECT_EQ(names.size(), kPolicyFields);
  EXPECT_EQ(members.size(), kPolicyFields);
}

}  // namespace
}  // namespace weft::control
