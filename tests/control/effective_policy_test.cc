// Who decides each field, as GEP-713 and behaviour.md 1 have it: levels, conflicts, consumers.

#include "control/planner/effective_policy.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::describe_conditions;
using testing::mesh_of;

const std::string kShop =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec:\n  ports: "
    "[{name: http, port: 80}, {name: admin, port: 8080}]\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: front}\nspec: {ports: "
    "[{port: 80}]}\n---\n"
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: cart, namespace: "
    "shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart, port: 80}]\n  rules:\n"
    "  - name: main\n    backendRefs: [{name: cart, port: 80}]\n";

// "kind name[ section]" as one target, fields as one line.
std::string policy(const std::string& name, const std::string& target, const std::string& fields,
                   const std::string& created = "") {
  const std::size_t slash = name.find('/');
  return "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: " +
         name.substr(slash + 1) + ", namespace: " + name.substr(0, slash) +
         (created.empty() ? "" : ", creationTimestamp: \"" + created + "\"") +
         "}\nspec:\n  targetRefs: [{" + target + "}]\n  " + fields + "\n";
}
std::string config(const std::string& defaults) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\nspec:\n"
         "  defaults: {" +
         defaults + "}\n";
}
const std::string kService = "kind: Service, name: cart, namespace: shop";
const std::string kPort = "kind: Service, name: cart, namespace: shop, sectionName: http";
const std::string kRoute = "kind: HTTPRoute, name: cart, namespace: shop";
const std::string kRule = "kind: HTTPRoute, name: cart, namespace: shop, sectionName: main";
const std::string kNamespace = "kind: Namespace, name: shop";

struct Asked {
  std::uint16_t port = 80;
  std::string from;
  bool by_route = true;
};

// One line for each field that is not weft's default: "field value document".
std::string effective(const Mesh& mesh, const Asked& asked = {}) {
  const MeshService& service = *mesh.find_service({"shop", "cart"});
  PolicyScope scope{service, *service.find_port(asked.port), asked.from};
  const auto* routes = mesh.find_routes({"shop", "cart"}, asked.port, asked.from);
  if (asked.by_route && routes != nullptr) {
    scope.route = routes->front().get();
    scope.rule = &scope.route->rules.front();
  }
  const EffectivePolicy policy(mesh, scope);
  std::string out;
  std::size_t at = 0;
  each_policy_field(
      [&](const PolicyField& field, const auto& setting) {
        const auto source = policy.source_of(at++);
        if (source.place.empty()) return;
        out += std::string(field.name) + " ";
        if constexpr (requires { describe(field, *setting.value); }) {
          out += describe(field, *setting.value);
        } else {
          out += describe(*setting.value);
        }
        out += " " + source.document + "\n";
      },
      policy.fields());
  return out;
}

TEST(EffectivePolicy, IsWeftsDefaultWhereNobodySaysAnything) {
  const auto mesh = mesh_of(kShop);
  EXPECT_EQ(effective(*mesh), "");
  const MeshService& service = *mesh->find_service({"shop", "cart"});
  const EffectivePolicy policy(*mesh, {service, service.ports.front(), ""});
  each_policy_field(
      [](const PolicyField& field, const auto& setting) {
        EXPECT_TRUE(setting.value.has_value()) << field.name;
      },
      policy.fields());
  EXPECT_EQ(policy.source_of(0).document, "weft's default");
}

TEST(EffectivePolicy, LetsTheMostSpecificDecideFieldByField) {
  // Each level says its own field and all the fields of the more specific ones.
  const std::string all[] = {
      config("timeouts: {head: 1s, attempt: 1s, request: 1m, idle: 1s, stream: 1s}, retry: "
             "{attempts: 1}"),
      policy("shop/n", kNamespace,
             "timeouts: {attempt: 2s, request: 1m, idle: 2s, stream: 2s}\n  retry: {attempts: 2}"),
      policy("shop/s", kService,
             "timeouts: {request: 2m, idle: 3s, stream: 3s}\n  retry: {attempts: 3}"),
      policy("shop/p", kPort, "timeouts: {idle: 4s, stream: 4s}\n  retry: {attempts: 4}"),
      policy("shop/r", kRoute, "timeouts: {stream: 5s}\n  retry: {attempts: 5}"),
      policy("shop/u", kRule, "retry: {attempts: 6}")};
  std::string yaml = kShop;
  for (const std::string& one : all) yaml += one;
  EXPECT_EQ(effective(*mesh_of(yaml)),
            "timeouts.head 1s MeshConfig default\n"
            "timeouts.attempt 2s TrafficPolicy shop/n\n"
            "timeouts.request 2m TrafficPolicy shop/s\n"
            "timeouts.idle 4s TrafficPolicy shop/p\n"
            "timeouts.stream 5s TrafficPolicy shop/r\n"
            "retry.attempts 6 TrafficPolicy shop/u\n");
  EXPECT_EQ(effective(*mesh_of(yaml), {.port = 8080}),
            "timeouts.head 1s MeshConfig default\n"
            "timeouts.attempt 2s TrafficPolicy shop/n\n"
            "timeouts.request 2m TrafficPolicy shop/s\n"
            "timeouts.idle 3s TrafficPolicy shop/s\n"
            "timeouts.stream 3s TrafficPolicy shop/s\n"
            "retry.attempts 3 TrafficPolicy shop/s\n");
}

TEST(EffectivePolicy, ReplacesListsWhole) {
  EXPECT_EQ(effective(*mesh_of(kShop + policy("shop/n", kNamespace, "retry: {on: [5xx, 429]}") +
                               policy("shop/s", kService, "retry: {on: [reset]}"))),
            "retry.on [reset] TrafficPolicy shop/s\n");
}

TEST(EffectivePolicy, LetsTheRouteObjectItselfBeatEveryPolicyOnIt) {
  std::string shop = kShop;
  const std::string rule = "  - name: main\n";
  shop.replace(shop.find(rule), rule.size(),
               rule + "    timeouts: {request: 9s}\n    retry: {codes: [503], attempts: 1}\n");
  EXPECT_EQ(effective(*mesh_of(shop + policy("shop/u", kRule,
                                             "timeouts: {request: 1s, attempt: 500ms}\n  retry: "
                                             "{attempts: 7, on: [5xx], methods: Idempotent, "
                                             "backoff: {base: 1s, max: 2s}}"))),
            "timeouts.attempt 500ms TrafficPolicy shop/u\n"
            "timeouts.request 9s HTTPRoute shop/cart\n"
            "retry.attempts 1 HTTPRoute shop/cart\n"
            "retry.on [unprocessed, 503] HTTPRoute shop/cart\n"
            "retry.methods Any HTTPRoute shop/cart\n"
            "retry.backoff.base 1s TrafficPolicy shop/u\n"
            "retry.backoff.max 2s TrafficPolicy shop/u\n");
}

TEST(EffectivePolicy, TakesWhatTheServiceSaysItselfBeforeItsNamespacesPolicy) {
  std::string shop = kShop;
  shop.replace(shop.find("  ports: "), 9,
               "  sessionAffinity: ClientIP\n  trafficDistribution: PreferClose\n  ports: ");
  EXPECT_EQ(effective(*mesh_of(shop + policy("shop/n", kNamespace,
                                             "loadBalancer: {type: Random, locality: Any}"))),
            "loadBalancer.type RingHash Service shop/cart\n"
            "loadBalancer.hash source Service shop/cart\n"
            "loadBalancer.locality OwnZone Service shop/cart\n");
  EXPECT_EQ(effective(*mesh_of(shop + policy("shop/s", kService,
                                             "loadBalancer: {type: Maglev, hash: {path: true}, "
                                             "locality: Auto}"))),
            "loadBalancer.type Maglev TrafficPolicy shop/s\n"
            "loadBalancer.hash path TrafficPolicy shop/s\n"
            "loadBalancer.locality OwnZone Service shop/cart\n");
  const auto mesh = mesh_of(shop);
  const MeshService& service = *mesh->find_service({"shop", "cart"});
  EXPECT_EQ(EffectivePolicy(*mesh, {service, service.ports.front(), ""})
                .source_of(policy_field_index("loadBalancer.type"))
                .place,
            "t.yaml:5");
}

TEST(EffectivePolicy, SaysInWhichLineAFieldWasWritten) {
  const auto mesh = mesh_of(kShop + policy("shop/s", kService, "timeouts:\n    request: 1s"));
  const MeshService& service = *mesh->find_service({"shop", "cart"});
  const EffectivePolicy policy(*mesh, {service, service.ports.front(), ""});
  EXPECT_EQ(policy.source_of(3).place, "t.yaml:27");
}

// ---- two at one level ----

TEST(EffectivePolicy, OfTwoAtOneLevelIsTheOlderOnesWhole) {
  const auto mesh =
      mesh_of(kShop + policy("shop/a", kService, "timeouts: {request: 1s, head: 1s}") +
              policy("shop/b", kService, "timeouts: {request: 2s}", "2026-01-01T00:00:00Z"));
  EXPECT_EQ(effective(*mesh), "timeouts.request 2s TrafficPolicy shop/b\n");
  EXPECT_EQ(describe_conditions(*mesh),
            "TrafficPolicy shop/a Accepted Conflicted: Service shop/cart: t.yaml:28 of "
            "TrafficPolicy shop/b holds instead\n");
}

TEST(EffectivePolicy, OfTwoOfUnknownAgeIsTheFirstNamesWhole) {
  const auto mesh = mesh_of(kShop + policy("shop/b", kPort, "timeouts: {request: 2s}") +
                            policy("shop/a",
                                   "kind: Service, name: cart, namespace: shop, sectionName: "
                                   "\"80\"",
                                   "timeouts: {request: 1s}"));
  EXPECT_EQ(effective(*mesh), "timeouts.request 1s TrafficPolicy shop/a\n");
  EXPECT_EQ(describe_conditions(*mesh),
            "TrafficPolicy shop/b Accepted Conflicted: Service shop/cart port http: t.yaml:28 of "
            "TrafficPolicy shop/a holds instead\n");
}

TEST(EffectivePolicy, NamesWhatIsNotThere) {
  EXPECT_EQ(
      describe_conditions(*mesh_of(
          kShop + policy("shop/a", "kind: Service, name: card", "timeouts: {}") +
          policy("shop/b", "kind: Service, name: cart, sectionName: grpc", "timeouts: {}") +
          policy("shop/c", "kind: HTTPRoute, name: carts", "timeouts: {}") +
          policy("shop/d", "kind: HTTPRoute, name: cart, sectionName: second", "timeouts: {}") +
          policy("shop/e", "kind: Namespace, name: shoppe", "timeouts: {}"))),
      "TrafficPolicy shop/a Accepted TargetNotFound: there is no Service shop/card\n"
      "TrafficPolicy shop/b Accepted TargetNotFound: Service shop/cart has no port grpc\n"
      "TrafficPolicy shop/c Accepted TargetNotFound: there is no HTTPRoute shop/carts\n"
      "TrafficPolicy shop/d Accepted TargetNotFound: HTTPRoute shop/cart has no rule named "
      "second\n"
      "TrafficPolicy shop/e Accepted TargetNotFound: namespace shoppe has neither Services nor "
      "Workloads\n");
}

// ---- policies of a client's namespace ----

TEST(EffectivePolicy, OfAConsumerHoldsForItsOwnTrafficAndBeatsTheProducers) {
  const auto mesh = mesh_of(
      kShop + policy("shop/u", kRule, "timeouts: {request: 1s, head: 1s}\n  retry: {attempts: 1}") +
      policy("front/mine", kService, "timeouts: {request: 5s}\n  retry: {attempts: 5}") +
      policy("front/rule", kRule, "retry: {attempts: 7}"));
  EXPECT_EQ(describe_conditions(*mesh), "");
  EXPECT_EQ(effective(*mesh, {.from = "front"}),
            "timeouts.head 1s TrafficPolicy shop/u\n"
            "timeouts.request 5s TrafficPolicy front/mine\n"
            "retry.attempts 7 TrafficPolicy front/rule\n");
  for (const char* other : {"", "shop", "elsewhere"}) {
    EXPECT_EQ(effective(*mesh, {.from = other}),
              "timeouts.head 1s TrafficPolicy shop/u\n"
              "timeouts.request 1s TrafficPolicy shop/u\n"
              "retry.attempts 1 TrafficPolicy shop/u\n")
        << other;
  }
}

TEST(EffectivePolicy, OfAConsumerOnANamespaceHoldsForAllItsServices) {
  const auto mesh =
      mesh_of(kShop + policy("front/all", kNamespace, "timeouts: {request: 5s}") +
              policy("front/own", "kind: Namespace, name: front", "timeouts: {request: 6s}"));
  EXPECT_EQ(effective(*mesh, {.from = "front"}), "timeouts.request 5s TrafficPolicy front/all\n");
  EXPECT_EQ(effective(*mesh), "");
}

TEST(EffectivePolicy, OfOneConsumerDoesNotConflictWithTheProducersNorAnothers) {
  const auto mesh = mesh_of(kShop + policy("shop/a", kService, "timeouts: {request: 1s}") +
                            policy("front/a", kService, "timeouts: {request: 2s}") +
                            policy("back/a", kService, "timeouts: {request: 3s}") +
                            policy("back/b", kService, "timeouts: {request: 4s}"));
  EXPECT_EQ(describe_conditions(*mesh),
            "TrafficPolicy back/b Accepted Conflicted: Service shop/cart: t.yaml:35 of "
            "TrafficPolicy back/a holds instead\n");
  EXPECT_EQ(effective(*mesh, {.from = "back"}), "timeouts.request 3s TrafficPolicy back/a\n");
}

// ---- defaults that hang together ----

TEST(EffectivePolicy, IdlesAsLongAsItsProtocolDoes) {
  const auto idle = [](const Mesh& mesh) {
    const MeshService& service = *mesh.find_service({"shop", "cart"});
    return describe(
        *EffectivePolicy(mesh, {service, service.ports.front(), ""}).fields().idle_timeout.value);
  };
  EXPECT_EQ(idle(*mesh_of(kShop)), "3s");
  EXPECT_EQ(idle(*mesh_of(kShop + policy("shop/a", kService, "connection: {protocol: Http2}"))),
            "5m");
  EXPECT_EQ(idle(*mesh_of(kShop + config("connection: {idleTimeout: 7s}") +
                          policy("shop/a", kService, "connection: {protocol: Http2}"))),
            "7s");
}

}  // namespace
}  // namespace weft::control
