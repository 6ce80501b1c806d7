// What lint finds in files that are accepted: each finding with its place.

#include "control/cli/advice.h"

#include <gtest/gtest.h>

#include <string>

#include "control/cli/lint.h"
#include "tests/control/objects.h"

namespace weft::control::cli {
namespace {

const std::string kAdvisedShop =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {selector: "
    "{app: cart}, ports: [{name: http, port: 80}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: beta, namespace: shop}\nspec: {selector: "
    "{app: beta}, ports: [{name: http, port: 80}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-a, namespace: shop, "
    "labels: {app: cart}}\nspec: {address: 127.5.1.1, ports: [{name: http, port: 80, appPort: "
    "9001}]}\n";
// Rules from line 22 on.
std::string route(const std::string& rules, const std::string& name = "cart") {
  return "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: " +
         name +
         ", namespace: shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n"
         "  rules:\n" +
         rules;
}
std::string policy(const std::string& fields, const std::string& name = "p",
                   const std::string& target = "kind: Service, name: cart") {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: " + name +
         ", namespace: shop}\nspec:\n  targetRefs: [{" + target + "}]\n  " + fields + "\n";
}
const std::string kSelf = "    backendRefs: [{name: cart, port: 80}]\n";

// A line each, notes marked.
std::string advice(const std::string& yaml) {
  std::string out;
  for (const Advice& one : advise(*testing::mesh_of(yaml))) {
    out += (one.note ? "note " : "") + one.to_string() + "\n";
  }
  return out;
}

TEST(Advice, IsSilentWhereThereIsNothingToSay) {
  EXPECT_EQ(advice(kAdvisedShop), "");
  EXPECT_EQ(advice(kAdvisedShop + route("  - name: main\n" + kSelf) +
                   policy("timeouts: {attempt: 300ms, request: 1s}\n  retry: {attempts: 2, on: "
                          "[timeout]}\n  limits: {requests: 5}")),
            "");
}

TEST(Advice, FindsTimeoutsShorterThanTheirRetries) {
  EXPECT_EQ(advice(kAdvisedShop + policy("timeouts: {attempt: 500ms, request: 1s}")),
            "t.yaml:21: Service shop/cart port 80: 3 tries of 500ms do not fit into "
            "timeouts.request 1s\n");
  EXPECT_EQ(
      advice(kAdvisedShop + route("  - timeouts: {request: 1s, backendRequest: 1s}\n" + kSelf)),
      "t.yaml:22: Service shop/cart port 80 by HTTPRoute shop/cart rules[0]: 3 tries of 1s "
      "do not fit into timeouts.request 1s\n");
  // Each document is good; together they are not.
  EXPECT_EQ(
      advice(kAdvisedShop + policy("timeouts: {head: 5s}", "a", "kind: Namespace, name: shop") +
             policy("timeouts: {request: 2s}", "b")),
      "t.yaml:21: Service shop/cart port 80: timeouts.head 5s has no effect, "
      "timeouts.request 2s passes first\n");
  EXPECT_EQ(advice(kAdvisedShop + policy("retry: {on: [timeout], attempts: 1}")),
            "t.yaml:21: Service shop/cart port 80: retry.on has timeout, and no try has one: "
            "timeouts.attempt is 0s\n");
}

TEST(Advice, NotesRetriesOfWhatMayHaveBeenProcessed) {
  EXPECT_EQ(advice(kAdvisedShop + route("  - retry: {codes: [503]}\n" + kSelf)),
            "note t.yaml:22: Service shop/cart port 80 by HTTPRoute shop/cart rules[0]: POST and "
            "PATCH are repeated as well on [unprocessed, 503], though they may have been "
            "processed\n");
  EXPECT_EQ(advice(kAdvisedShop +
                   route("  - matches: [{method: GET}]\n    retry: {codes: [503]}\n" + kSelf)),
            "");
  EXPECT_EQ(advice(kAdvisedShop + policy("retry: {on: [unprocessed], methods: Any}")), "");
  EXPECT_EQ(advice(kAdvisedShop + policy("retry: {on: [5xx], methods: Any, attempts: 0}")), "");
}

TEST(Advice, FindsShadowedRules) {
  EXPECT_EQ(
      advice(kAdvisedShop + route("  - name: first\n" + kSelf + "  - name: second\n" + kSelf)),
      "t.yaml:24: rules[1] never takes a request for Service shop/cart port 80: HTTPRoute "
      "shop/cart rules[0] is asked first\n");
  EXPECT_EQ(advice(kAdvisedShop +
                   route("  - matches: [{path: {type: RegularExpression, value: \"/.*\"}}]\n" +
                         kSelf + "  - matches: [{path: {value: /a}}, {method: GET}]\n" + kSelf)),
            "t.yaml:24: rules[1] never takes a request for Service shop/cart port 80: HTTPRoute "
            "shop/cart rules[0] is asked first\n");
  // More specific ones are asked first, so that a wide rule before them takes nothing away.
  EXPECT_EQ(advice(kAdvisedShop +
                   route("  - name: all\n" + kSelf + "  - matches: [{path: {value: /a}}]\n" +
                         kSelf + "  - matches: [{headers: [{name: x, value: y}]}]\n" + kSelf)),
            "");
  EXPECT_EQ(advice(kAdvisedShop + route("  - name: main\n" + kSelf, "a") +
                   route("  - name: main\n" + kSelf, "b")),
            "t.yaml:31: rules[0] never takes a request for Service shop/cart port 80: HTTPRoute "
            "shop/a rules[0] is asked first\n");
}

TEST(Advice, FindsWeightsToNothing) {
  EXPECT_EQ(advice(kAdvisedShop + route("  - backendRefs: [{name: cart, port: 80, weight: 0}]\n")),
            "t.yaml:22: rules[0] answers every request with 500: no backend has any weight\n");
  EXPECT_EQ(advice(kAdvisedShop + route("  - name: empty\n")),
            "t.yaml:22: rules[0] answers every request with 500: it has no backendRefs\n");
  EXPECT_EQ(
      advice(kAdvisedShop + route("  - backendRefs: [{name: cart, port: 80, weight: 9}, {name: "
                                  "beta, port: 80}]\n")),
      "t.yaml:22: rules[0].backendRefs[1]: nothing is ready behind Service shop/beta port "
      "80, which is to take 1 of 10 requests\n");
}

TEST(Advice, DoubtsUnits) {
  EXPECT_EQ(
      advice(kAdvisedShop + policy("timeouts: {connect: 30m, request: 2ms, idle: 48h}")),
      "t.yaml:21: timeouts.connect 30m is longer than most would want: is the unit right?\n"
      "t.yaml:21: timeouts.idle 48h is longer than most would want: is the unit right?\n"
      "t.yaml:21: timeouts.request 2ms is shorter than most would want: is the unit right?\n");
  EXPECT_EQ(advice(kAdvisedShop + route("  - timeouts: {request: 5000s}\n" + kSelf)),
            "t.yaml:22: timeouts.request 1h23m20s is longer than most would want: is the unit "
            "right?\n");
}

TEST(Advice, FindsRateLimitsThatRefuseNobody) {
  EXPECT_EQ(advice(kAdvisedShop +
                   policy("inbound: {rateLimits: [{name: all, rate: 50/1s}, {name: user, key: "
                          "Identity, rate: 100/1s}]}")),
            "t.yaml:21: inbound.rateLimits user refuses nobody: all lets no more through, of all "
            "together\n");
  EXPECT_EQ(
      advice(kAdvisedShop + policy("inbound: {rateLimits: [{name: all, rate: 10/1s, algorithm: "
                                   "SlidingWindow}, {name: user, key: Path, rate: 700/1m, "
                                   "algorithm: SlidingWindow}]}")),
      "t.yaml:21: inbound.rateLimits user refuses nobody: all lets no more through, of all "
      "together\n");
  for (const char* limits :
       {"{name: all, rate: 50/1s}, {name: user, key: Identity, rate: 100/1s, burst: 10}",
        "{name: all, rate: 100/1s}, {name: user, key: Identity, rate: 50/1s}",
        "{name: second, rate: 100/1s, burst: 10}, {name: hour, rate: 1000/1h, burst: 1000}",
        "{name: all, rate: 10/1s, algorithm: SlidingWindow}, {name: user, key: Path, rate: 600/1m, "
        "algorithm: SlidingWindow}"}) {
    EXPECT_EQ(advice(kAdvisedShop + policy("inbound: {rateLimits: [" + std::string(limits) + "]}")),
              "")
        << limits;
  }
}

TEST(Advice, FindsWhatNoRequestMeets) {
  EXPECT_EQ(advice(kAdvisedShop + route("  - backendRefs: [{name: beta, port: 80}]\n") +
                   policy("limits: {requests: 5}")),
            "t.yaml:22: rules[0].backendRefs[0]: nothing is ready behind Service shop/beta port "
            "80, which is to take 1 of 1 requests\n"
            "t.yaml:29: limits.requests is met by no request: the routes of Service shop/cart "
            "lead to other Services, which want a policy of their own\n");
  // A policy that names those as well has been thought about.
  EXPECT_EQ(advice(kAdvisedShop + route("  - backendRefs: [{name: cart, port: 80}]\n", "other") +
                   policy("limits: {requests: 5}")),
            "");
  EXPECT_EQ(advice(kAdvisedShop + route("  - backendRefs: [{name: beta, port: 80}]\n") +
                   policy("limits: {requests: 5}", "p",
                          "kind: Service, name: cart}, {kind: Service, name: beta")),
            "t.yaml:22: rules[0].backendRefs[0]: nothing is ready behind Service shop/beta port "
            "80, which is to take 1 of 1 requests\n");
}

TEST(Advice, IsPartOfLint) {
  const LintReport report =
      lint({{.name = "t.yaml",
             .text = kAdvisedShop + policy("timeouts: {connect: 30m}") +
                     policy("retry: {attempts: 1}", "q", "kind: Service, name: card") +
                     route("  - retry: {codes: [503]}\n" + kSelf)}});
  EXPECT_EQ(report.text(true),
            "warning: t.yaml:23: TrafficPolicy shop/q: there is no Service shop/card "
            "(TargetNotFound)\n"
            "warning: t.yaml:21: timeouts.connect 30m is longer than most would want: is the unit "
            "right?\n");
  EXPECT_NE(report.text(false).find("note: t.yaml:36: "), std::string::npos) << report.text(false);
  EXPECT_NE(report.text(false).find("0 errors, 2 warnings\n"), std::string::npos);
}

TEST(Advice, FindsBalancingThatDoesNotDoWhatItSays) {
  EXPECT_EQ(
      advice(kAdvisedShop + policy("loadBalancer: {type: Maglev, hash: {path: true}, slowStart: "
                                   "10s}")),
      "t.yaml:21: Service shop/cart port 80: loadBalancer.slowStart 10s has no effect with "
      "Maglev\n");
  EXPECT_EQ(advice(kAdvisedShop + policy("loadBalancer: {hash: {header: x-user}}")),
            "t.yaml:21: Service shop/cart port 80: loadBalancer.hash header x-user has no effect "
            "with PeakEwma: RingHash and Maglev hash\n");
  EXPECT_EQ(advice(kAdvisedShop + policy("loadBalancer: {type: RingHash, hash: {source: true}}")),
            "t.yaml:21: Service shop/cart port 80: hashes by the caller's address; where apps "
            "reach their sidecar over 127.0.0.1 they all have that one, and share one instance\n");
  EXPECT_EQ(advice(kAdvisedShop + policy("loadBalancer: {locality: OwnZone}")),
            "note t.yaml:21: Service shop/cart port 80: own zone first, and no Workload behind it "
            "says its zone\n");
  EXPECT_EQ(advice(kAdvisedShop + policy("outlier: {successRate: {minInstances: 3}}")),
            "t.yaml:21: Service shop/cart port 80: outlier.successRate compares at least 3 "
            "instances, and there are 1\n");
}

// ---- Istio's kinds ----

std::string istio_http(const std::string& rules) {
  return "---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: cart, "
         "namespace: shop}\nspec:\n  hosts: [cart]\n  http:\n" +
         rules;
}

TEST(Advice, KnowsVirtualServices) {
  const std::string to = "    route: [{destination: {host: cart}}]\n";
  EXPECT_EQ(advice(kAdvisedShop + istio_http("  - match: [{uri: {prefix: /a}}]\n" + to)), "");
  EXPECT_EQ(
      advice(kAdvisedShop + istio_http("  - match: [{uri: {prefix: /a}}]\n" + to +
                                       "  - match: [{uri: {exact: /ab}}]\n" + to)),
      "t.yaml:24: http[1] never takes a request for Service shop/cart port 80: VirtualService "
      "shop/cart http[0] is asked first\n");
  EXPECT_EQ(
      advice(kAdvisedShop + istio_http("  - retries: {attempts: 2}\n" + to)),
      "note t.yaml:22: Service shop/cart port 80 by VirtualService shop/cart http[0]: POST and "
      "PATCH are repeated as well on [unprocessed, cancelled, unavailable, 503], though they "
      "may have been processed\n");
  EXPECT_EQ(advice(kAdvisedShop + istio_http("  - route: [{destination: {host: beta}}]\n")),
            "t.yaml:22: http[0].route[0]: nothing is ready behind Service shop/beta port 80, which "
            "is to take 1 of 1 requests\n");
}

TEST(Advice, FindsFailuresThatNobodyMayHaveMeant) {
  EXPECT_EQ(
      advice(kAdvisedShop + policy("faults: [{name: a, until: \"2026-12-01T00:00:00Z\", reset: "
                                   "true}]")),
      "t.yaml:21: Service shop/cart port 80: fault a leaves no request an answer of the "
      "app\n");
  EXPECT_EQ(
      advice(kAdvisedShop + policy("faults: [{name: a, until: \"2026-12-01T00:00:00Z\", reset: "
                                   "true, percent: 5%}]")),
      "");
  EXPECT_EQ(
      advice(kAdvisedShop + policy("fallback: {on: [CircuitOpen], response: {}}\n  circuitBreaker: "
                                   "{preset: Off}")),
      "t.yaml:21: Service shop/cart port 80: fallback waits for an open circuit, and "
      "circuitBreaker is Off\n");
  EXPECT_EQ(
      advice(kAdvisedShop + policy("timeouts: {request: 100ms}\n  retry: {backoff: {base: 50ms, "
                                   "max: 80ms}}")),
      "t.yaml:22: Service shop/cart port 80: waits of up to 160ms between tries are more "
      "than timeouts.request 100ms has room for\n");
}

TEST(Advice, OfNodesWithoutAnInstanceOfALocalService) {
  const auto workload = [](const std::string& name, const std::string& app,
                           const std::string& address, const std::string& node) {
    return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
           ", namespace: shop, labels: {app: " + app + "}}\nspec: {address: " + address + node +
           ", ports: [{name: http, port: 80, appPort: 9001}]}\n";
  };
  const std::string agent =
      "apiVersion: v1\nkind: Service\nmetadata: {name: agent, namespace: shop}\nspec: {selector: "
      "{app: agent}, internalTrafficPolicy: Local, ports: [{name: http, port: 80}]}\n";
  EXPECT_EQ(advice(agent + workload("agent-a", "agent", "127.5.3.1", "")),
            "t.yaml:1: Service shop/agent: internalTrafficPolicy is Local, and no Workload behind "
            "it says its node: nobody is answered but by 503\n");
  EXPECT_EQ(advice(agent + workload("agent-a", "agent", "127.5.3.1", ", node: a") +
                   workload("web-a", "web", "127.5.3.2", ", node: a")),
            "");
  EXPECT_EQ(advice(agent + workload("agent-a", "agent", "127.5.3.1", ", node: a") +
                   workload("web-a", "web", "127.5.3.2", ", node: b")),
            "note t.yaml:1: Service shop/agent: internalTrafficPolicy is Local, and 1 of 2 nodes "
            "with sidecars have no instance of it: 503 there\n");
}

TEST(Advice, OfWhatAWorkloadUsesAndNobodyHas) {
  const auto workload = [](const std::string& more) {
    return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-a, namespace: "
           "shop}\nspec: {address: 127.5.1.2" +
           more + "}\n";
  };
  EXPECT_EQ(advice(kAdvisedShop + workload(", uses: [cart, shop/*, \"*/*\"]")), "");
  const std::string said = advice(kAdvisedShop + workload(", uses: [cart, kart, bank/*]"));
  EXPECT_NE(said.find("uses shop/kart: there is no such Service"), std::string::npos) << said;
  EXPECT_NE(said.find("uses bank/*: there is no such Service"), std::string::npos) << said;
  EXPECT_EQ(said.find("uses shop/cart"), std::string::npos) << said;
  EXPECT_NE(advice(kAdvisedShop + workload(", sidecar: false, uses: [cart]")).find("no sidecar"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::control::cli
