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
  EXPECT_EQ(
      mistakes_in(
          kHead +
          "  timeouts: {connect: 1s, head: 2s, attempt: 3s, request: 10s, idle: 0s, "
          "stream: 1h}\n"
          "  retry: {attempts: 3, on: [unprocessed, reset, 503], methods: Any, "
          "backoff: {base: 10ms, max: 1s, jitter: Decorrelated}, maxRetryAfter: 2s, "
          "bufferLimit: 128Ki}\n"
          "  retryBudget: {percent: 10%, interval: 20s, min: 30/10s}\n"
          "  circuitBreaker: {preset: Fast, window: 20s, minRequests: 5, "
          "failureRatio: 50%, consecutiveFailures: 3, slowCalls: {threshold: 1s, "
          "ratio: 80%}, openFor: 10s, maxOpenFor: 2m, trials: 2, count: [Timeout, "
          "Connect, Reset, ServerError, RateLimited]}\n"
          "  outlier: {gatewayErrors: 2, localFailures: 3, errors5xx: 4, interval: "
          "5s, ejectFor: 6s, maxEjectFor: 7s, maxEjected: 50%, successRate: "
          "{factor: 2.5, minInstances: 3, minRequests: 10}, failurePercent: "
          "{enabled: false, threshold: 50%, minInstances: 2, minRequests: 20}}\n"
          "  limits: {connections: 1, requests: 2, pending: 3, pendingTimeout: 4s, "
          "requestsPerConnection: 5, whenFull: DropOldest}\n"
          "  loadBalancer: {type: Maglev, hash: {header: x-user, boundedLoad: "
          "125%}, locality: OwnZone, panicBelow: 10%, slowStart: 10s}\n"
          "  connection: {protocol: Http1, idleTimeout: 30s, maxAge: 1h, minIdle: "
          "2}\n"
          "  health: {http: {path: /healthz, host: cart.example}, interval: 5s, "
          "timeout: 1s, healthy: 1, unhealthy: 2}\n"
          "  emptyBackend: Fail\n"
          "  priority: Low\n"
          "  fallback: {on: [CircuitOpen, Overloaded], response: {status: 200, "
          "headers: [{name: x-a, value: b}], body: later}}\n"
          "  faults:\n"
          "  - {name: slow, match: {headers: [{name: x-t, value: a.*, type: "
          "RegularExpression}]}, percent: 1%, until: \"2026-12-01T00:00:00Z\", "
          "delay: {fixed: 2s, jitter: 100ms}, abort: {status: 503}}\n"
          "  - {name: g, until: \"2026-12-01T00:00:00Z\", abort: {grpc: 14}}\n"
          "  - {name: r, until: \"2026-12-01T00:00:00Z\", reset: true}\n"
          "  - {name: b, until: \"2026-12-01T00:00:00Z\", slowBody: "
          "{bytesPerSecond: 100}}\n"
          "  inbound: {limits: {connections: 1, requests: 2, pending: 3, "
          "pendingTimeout: 4s, whenFull: DropLowest}, priority: {default: Normal, "
          "max: Critical, trustFrom: [Mesh]}, rateLimits: [{name: a, key: Header, header: x-user, "
          "rate: 100/1s, burst: 20}, {name: b, rate: 5/1m}, {name: c, rate: 5/1m, algorithm: "
          "SlidingWindow}, {name: d, rate: 5/1m, algorithm: TokenBucket, burst: 1}]}\n"),
      "");
}

TEST(TrafficPolicy, RefusesByNameWhatIsNotBuilt) {
  EXPECT_EQ(mistakes_in(kHead + "  hedge: {after: p95}\n  timeouts: {adaptive: {percentile: 99}}\n"
                                "  limits: {adaptive: {}}\n"),
            "6:10: spec.hedge: not supported yet\n"
            "7:24: spec.timeouts.adaptive: not supported yet\n"
            "8:22: spec.limits.adaptive: not supported yet\n");
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

// A name that nobody knows is not taken for none.
TEST(TrafficPolicy, RefusesAJitterThatItDoesNotKnow) {
  EXPECT_EQ(mistakes_in(of_service("retry: {backoff: {jitter: Sometimes}}")),
            "6:29: spec.retry.backoff.jitter: want one of Full, Equal, Decorrelated, None, found "
            "'Sometimes'\n");
}

TEST(TrafficPolicy, TellsMistakesInBalancing) {
  const std::string needs =
      " needs hash: what of a request leads it to its instance (header, cookie, query, path or "
      "source)\n";
  const std::vector<Case> cases = {
      {of_service("loadBalancer: {type: RingHash}"),
       "6:24: spec.loadBalancer.type: RingHash" + needs},
      {of_service("loadBalancer: {type: Maglev}"), "6:24: spec.loadBalancer.type: Maglev" + needs},
      {of_service("loadBalancer: {hash: {}}"),
       "6:24: spec.loadBalancer.hash: want one of header, cookie, query, path, source\n"},
      {of_service("loadBalancer: {hash: {header: a, path: true}}"),
       "6:24: spec.loadBalancer.hash: want one of header, cookie, query, path, source\n"},
      {of_service("loadBalancer: {hash: {header: \"a b\"}}"),
       "6:33: spec.loadBalancer.hash.header: 'a b' must be a header's name\n"},
      {of_service("loadBalancer: {hash: {cookie: \"a;b\"}}"),
       "6:33: spec.loadBalancer.hash.cookie: 'a;b' must be a cookie's name\n"},
      {of_service("loadBalancer: {hash: {source: false}}"),
       "6:33: spec.loadBalancer.hash.source: want true, or another one in its place\n"},
      {of_service("loadBalancer: {hash: {path: true, boundedLoad: 99%}}"),
       "6:50: spec.loadBalancer.hash.boundedLoad: want 100% to 1000%: a share of the average "
       "load\n"},
      {of_service("loadBalancer: {locality: Strict}"),
       "6:28: spec.loadBalancer.locality: want one of Auto, OwnZone, Any, found 'Strict'\n"},
      {of_service("loadBalancer: {slowStart: 2h}"),
       "6:29: spec.loadBalancer.slowStart: want 0s for none, or 1ms to 1h, found 2h\n"},
      {of_service("outlier: {successRate: {factor: 0}}"),
       "6:35: spec.outlier.successRate.factor: want a number from 0.1 to 100, found 0\n"},
      {of_service("outlier: {failurePercent: {threshold: 0.5%}}"),
       "6:41: spec.outlier.failurePercent.threshold: want a whole percentage from 1% to 100%\n"},
      {of_service("outlier: {failurePercent: {minRequests: 0}}"),
       "6:43: spec.outlier.failurePercent.minRequests: want a number from 1 to 1000000, found "
       "0\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

TEST(TrafficPolicy, TellsMistakesInFaults) {
  const auto fault = [](const std::string& fields) {
    return of_service("faults: [{name: a, until: \"2026-12-01T00:00:00Z\", " + fields + "}]");
  };
  const std::vector<Case> cases = {
      {of_service("faults: [{name: a, reset: true}]"), "6:12: spec.faults[0].until: is required\n"},
      {of_service("faults: [{name: a, until: \"2026-02-30T00:00:00Z\", reset: true}]"),
       "6:29: spec.faults[0].until: want a time such as \"2026-01-31T08:00:00Z\"\n"},
      {fault("percent: 1%"), "6:12: spec.faults[0]: want delay, abort, reset or slowBody\n"},
      {fault("reset: true, abort: {status: 503}"),
       "6:12: spec.faults[0]: want one of abort, reset, slowBody\n"},
      {fault("reset: true, percent: 0%"),
       "6:75: spec.faults[0].percent: want more than 0%; without the fault there is none\n"},
      {fault("abort: {}"), "6:60: spec.faults[0].abort: want one of status and grpc\n"},
      {fault("abort: {status: 99}"),
       "6:69: spec.faults[0].abort.status: want a number from 200 to 599, found 99\n"},
      {fault("delay: {fixed: 1s, jitter: 2s}"),
       "6:80: spec.faults[0].delay.jitter: must not be more than fixed: it is that much more or "
       "less\n"},
      {fault("slowBody: {}"), "6:63: spec.faults[0].slowBody.bytesPerSecond: is required\n"},
      {fault("reset: true}, {name: a, until: \"2026-12-01T00:00:00Z\", reset: true"),
       "6:74: spec.faults[1].name: is another fault's name already\n"},
  };
  for (const Case& one : cases) EXPECT_EQ(mistakes_in(one.yaml), one.mistakes) << one.yaml;
}

TEST(TrafficPolicy, TellsMistakesInFallbackHealthAndWhatComesIn) {
  const std::vector<Case> cases = {
      {of_service("fallback: {}"), "6:13: spec.fallback: want one of backendRef and response\n"},
      {of_service("fallback: {on: [Sometimes], response: {}}"),
       "6:18: spec.fallback.on: want one or more of CircuitOpen, Overloaded, RetriesExhausted, "
       "each once\n"},
      {of_service("fallback: {backendRef: {name: a}}"),
       "6:26: spec.fallback.backendRef.port: is required\n"},
      {of_service("health: {}"), "6:11: spec.health: want one of http, grpc and tcp\n"},
      {of_service("health: {tcp: {}, grpc: {}}"),
       "6:11: spec.health: want one of http, grpc and tcp\n"},
      {of_service("health: {tcp: {}, interval: 1ms}"),
       "6:31: spec.health.interval: want 10ms to 1h, found 1ms\n"},
      {of_service("inbound: {rateLimits: [{name: a, rate: 0/1s}]}"),
       "6:42: spec.inbound.rateLimits[0].rate: would let nobody in; without the limit there is "
       "none\n"},
      {of_service("inbound: {rateLimits: [{name: a, rate: \"5\"}]}"),
       "6:42: spec.inbound.rateLimits[0].rate: want a rate with its time, as 100/1s, found '5'\n"},
      {of_service("inbound: {rateLimits: [{name: a, key: Header, rate: 5/1s}]}"),
       "6:26: spec.inbound.rateLimits[0].header: is required by key: Header\n"},
      {of_service("inbound: {rateLimits: [{name: a, rate: 5/1s, algorithm: Sliding}]}"),
       "6:59: spec.inbound.rateLimits[0].algorithm: want one of TokenBucket, SlidingWindow, found "
       "'Sliding'\n"},
      {of_service("inbound: {rateLimits: [{name: a, rate: 5/1s, algorithm: SlidingWindow, burst: "
                  "9}]}"),
       "6:81: spec.inbound.rateLimits[0].burst: is for algorithm: TokenBucket; a window saves "
       "nothing up\n"},
      {with_targets("[{kind: Service, name: a, namespace: other}]\n  inbound: {limits: {requests: "
                    "1}}"),
       "6:12: spec.inbound: is for a policy beside its target, in namespace other\n"},
      {of_service("inbound: {priority: {default: Normal, max: Low}}"),
       "6:46: spec.inbound.priority.max: must not be lower than default\n"},
      {of_service("inbound: {priority: {trustFrom: [Mesh, Everyone]}}"),
       "6:35: spec.inbound.priority.trustFrom: want Mesh, callers with a certificate of the mesh, "
       "found 'Everyone'\n"},
      {of_service("inbound: {limits: {whenFull: Wait}}"),
       "6:32: spec.inbound.limits.whenFull: want one of Reject, DropLowest, DropOldest, found "
       "'Wait'\n"},
      {of_service("priority: low"),
       "6:13: spec.priority: want one of Critical, High, Normal, Low, found 'low'\n"},
      {of_route("health: {tcp: {}}"),
       "6:11: spec.health: belongs to a destination, which all routes to it share: let the policy "
       "name a Service or a Namespace\n"},
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
       "6:24: spec.loadBalancer.type: want one of PeakEwma, RoundRobin, Random, LeastRequest, "
       "RingHash, Maglev, found 'Fastest'\n"},
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

TEST(TrafficPolicy, SaysByWhatARequestIsHashed) {
  const auto hash = [](const std::string& what) {
    return describe(*fields_of(of_service("loadBalancer: {hash: {" + what + "}}")).hash.value);
  };
  EXPECT_EQ(hash("header: x-user"), "header x-user");
  EXPECT_EQ(hash("cookie: session, boundedLoad: 150%"), "cookie session, boundedLoad 150%");
  EXPECT_EQ(hash("query: id"), "query id");
  EXPECT_EQ(hash("path: true"), "path");
  EXPECT_EQ(hash("source: true"), "source");
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
