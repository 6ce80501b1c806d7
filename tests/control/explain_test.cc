// `weft explain` and `weft route`: what people are told about a Service and about one request.

#include "control/cli/explain.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "control/cli/mesh_source.h"
#include "control/cli/route_query.h"
#include "control/mesh_page.h"
#include "tests/control/objects.h"

namespace weft::control::cli {
namespace {

const std::string kExplainedShop =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {selector: "
    "{app: cart}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
    "apiVersion: v1\nkind: Service\nmetadata: {name: beta, namespace: shop}\nspec: {selector: "
    "{app: beta}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-a, namespace: shop, "
    "labels: {app: cart, version: v1}}\nspec: {address: 127.5.1.1, ports: [{name: http, port: "
    "8080, appPort: 9001}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-a, namespace: front, "
    "labels: {app: web}}\nspec: {address: 127.5.1.2}\n---\n"
    "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: cart, namespace: "
    "shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n  rules:\n"
    "  - name: beta\n    matches: [{headers: [{name: canary, value: \"true\"}]}]\n"
    "    timeouts: {request: 3s}\n    backendRefs: [{name: beta, port: 80}]\n"
    "  - name: main\n    backendRefs: [{name: cart, port: 80, weight: 9}, {name: beta, port: 80}]\n"
    "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: p, namespace: "
    "shop}\nspec:\n  targetRefs: [{kind: Service, name: cart}]\n  limits:\n    requests: 7\n"
    "  retry: {attempts: 1}\n"
    "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: q, namespace: "
    "front}\nspec:\n  targetRefs: [{kind: Service, name: cart, namespace: shop}]\n  timeouts: "
    "{request: 5s}\n"
    "---\napiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: z, namespace: "
    "shop}\nspec:\n  targetRefs: [{kind: Service, name: cart}]\n  retry: {attempts: 9}\n";

std::string lines_with(const std::string& text, const std::string& word) {
  std::string out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    if (line.find(word) == std::string::npos) continue;
    // One space where a column is filled up.
    std::string thin;
    for (const char c : line) {
      if (c != ' ' || (!thin.empty() && thin.back() != ' ')) thin += c;
    }
    out += thin + "\n";
  }
  return out;
}

std::string explained(const ExplainQuestion& question) {
  const auto answer = explain(*testing::mesh_of(kExplainedShop), question);
  return answer ? answer->text() : "error: " + answer.error().detail;
}

TEST(Explain, NamesForEachFieldTheDocumentAndTheLine) {
  const std::string text = explained({.service = "cart"});
  EXPECT_EQ(lines_with(text, "  limits.requests "),
            "limits.requests 7 TrafficPolicy shop/p t.yaml:40\n");
  EXPECT_EQ(lines_with(text, "timeouts.connect"), "timeouts.connect 2s weft's default\n");
  EXPECT_EQ(lines_with(text, "timeouts.request"),
            "timeouts.request 3s HTTPRoute shop/cart t.yaml:29\n"
            "timeouts.request 0s weft's default\n");
  EXPECT_EQ(lines_with(text, "requests by"),
            "its requests by HTTPRoute shop/cart rule beta\n"
            "its requests by HTTPRoute shop/cart rule main\n");
  EXPECT_EQ(lines_with(text, "to Service"),
            "to Service shop/beta:80, a destination of its own\n"
            "to Service shop/beta:80, a destination of its own\n");
  EXPECT_EQ(lines_with(text, "warning"),
            "warning: TrafficPolicy shop/z: Service shop/cart: t.yaml:34 of TrafficPolicy shop/p "
            "holds instead (Conflicted)\n");
}

TEST(Explain, AsksForACallerARouteAndAPort) {
  EXPECT_EQ(lines_with(explained({.service = "shop/cart", .from = "front"}), "timeouts.request"),
            "timeouts.request 3s HTTPRoute shop/cart t.yaml:29\n"
            "timeouts.request 5s TrafficPolicy front/q t.yaml:48\n");
  EXPECT_EQ(lines_with(explained({.service = "cart", .route = "cart:main"}), "requests by"),
            "its requests by HTTPRoute shop/cart rule main\n");
  EXPECT_EQ(explained({.service = "cart", .port = 81}), "error: Service shop/cart has no port 81");
  EXPECT_EQ(explained({.service = "card"}), "error: there is no Service card");
  EXPECT_EQ(explained({.service = "cart", .route = "main"}),
            "error: no rule of a route to Service shop/cart is 'main'");
  EXPECT_EQ(lines_with(explained({.service = "beta"}), "no route"),
            "its requests, which no route takes\n");
}

TEST(Explain, SpeaksJson) {
  const auto page = nlohmann::json::parse(
      explain(*testing::mesh_of(kExplainedShop), {.service = "cart", .route = "shop/cart:main"})
          ->json());
  const auto& port = page["ports"][0];
  EXPECT_EQ(port["port"], 80);
  EXPECT_EQ(port["destination"].size() + port["requests"][0]["fields"].size(), kPolicyFields);
  EXPECT_EQ(port["requests"][0]["rule"], "main");
  EXPECT_EQ(port["requests"][0]["backends"][0], "shop/beta:80");
}

TEST(Explain, SaysTheSameOfWhatAControlPlaneTells) {
  Registry registry;
  registry.set_files({{.name = "t.yaml", .text = kExplainedShop}});
  bool has_lines = true;
  const auto files = files_of_config_page(make_config_page(registry), has_lines);
  ASSERT_TRUE(files.has_value());
  EXPECT_TRUE(has_lines);
  Registry again;
  again.set_files(*files);
  EXPECT_EQ(testing::describe_problems(again), "");
  const auto before = explain(*registry.mesh(), {.service = "cart"});
  const auto after = explain(*again.mesh(), {.service = "cart"});
  ASSERT_TRUE(before && after);
  for (std::size_t i = 0; i < before->ports[0].destination.size(); ++i) {
    EXPECT_EQ(before->ports[0].destination[i].value, after->ports[0].destination[i].value);
    EXPECT_EQ(before->ports[0].destination[i].document, after->ports[0].destination[i].document);
    EXPECT_EQ(before->ports[0].destination[i].place, after->ports[0].destination[i].place);
  }
  EXPECT_FALSE(files_of_config_page("[]", has_lines).has_value());
  EXPECT_FALSE(files_of_config_page("{\"objects\": 1}", has_lines).has_value());
}

TEST(ConfigPage, KeepsTheLinesOfEveryFileUntilARestart) {
  const std::vector<SourceFile> written = {
      {.name = "a.yaml",
       .text =
           "# first\n\n--- {apiVersion: weft.dev/v1alpha1, kind: TrafficPolicy, metadata: {name: "
           "one, namespace: shop}, spec: {targetRefs: [{kind: Namespace, name: shop}],\n"
           "  timeouts: {request: 1s}}}\n"},
      {.name = "b.yaml", .text = "# before\n" + kExplainedShop}};
  Registry registry;
  registry.set_files(written);
  EXPECT_EQ(testing::describe_problems(registry), "");
  const auto places = [](const Mesh& mesh) {
    std::string out;
    for (const auto& [place, policy] : mesh.policies.all()) {
      each_policy_field(
          [&](const PolicyField& field, const auto& setting) {
            if (!setting.value) return;
            out += policy->metadata.place + " " + std::string(field.name) + " " +
                   std::to_string(setting.line) + "\n";
          },
          policy->fields);
    }
    return out;
  };
  bool has_lines = true;
  Registry again;
  again.set_files(*files_of_config_page(make_config_page(registry), has_lines));
  EXPECT_TRUE(has_lines);
  EXPECT_EQ(testing::describe_problems(again), "");
  EXPECT_EQ(places(*again.mesh()), places(*registry.mesh()));
  EXPECT_NE(places(*again.mesh()).find("a.yaml:3 timeouts.request 4\n"), std::string::npos);

  std::vector<Registry::Kept> kept;
  for (const auto& [key, held] : registry.accepted()) kept.push_back({key, held.file, held.json});
  Registry restarted;
  EXPECT_TRUE(restarted.restore(kept, 7).empty());
  EXPECT_TRUE(files_of_config_page(make_config_page(restarted), has_lines).has_value());
  EXPECT_FALSE(has_lines);
  restarted.set_files(written);
  has_lines = true;
  EXPECT_TRUE(files_of_config_page(make_config_page(restarted), has_lines).has_value());
  EXPECT_TRUE(has_lines);
}

// ---- route ----

std::string asked(const RouteQuery& query) {
  const auto answer = ask_route(testing::mesh_of(kExplainedShop), query);
  return answer ? answer->text() : "error: " + answer.error().detail + "\n";
}

TEST(RouteQuestion, IsAnsweredWithGroupsEndpointsAndPolicies) {
  EXPECT_EQ(asked({.url = "http://cart.shop/api", .from = "web"}),
            "from   Workload front/web-a\n"
            "to     cart.shop.svc.cluster.local:80\n"
            "route  shop/cart/main\n"
            "       forwarded\n"
            "\n"
            "group  outbound|80||cart.shop.svc.cluster.local, weight 9\n"
            "       127.5.1.1:8080 cart-a v1\n"
            "\n"
            "group  outbound|80||beta.shop.svc.cluster.local, weight 1\n"
            "       nobody is ready: 503\n"
            "\n"
            "FIELD             VALUE  FROM                   WHERE\n"
            "timeouts.request  5s     TrafficPolicy front/q  t.yaml:48\n"
            "retry.attempts    1      TrafficPolicy shop/p   t.yaml:41\n");
}

TEST(RouteQuestion, MatchesAsTheSidecarDoes) {
  const std::string canary =
      asked({.url = "http://cart.shop/api", .headers = {{"Canary", "true"}}, .from = "front"});
  EXPECT_EQ(lines_with(canary, "route "), "route shop/cart/beta\n");
  EXPECT_EQ(lines_with(canary, "timeouts.request"),
            "timeouts.request 3s HTTPRoute shop/cart t.yaml:29\n");
  EXPECT_EQ(lines_with(asked({.url = "http://CART/", .from = "cart-a"}), "route "),
            "route shop/cart/main\n")
      << "a bare name is of the caller's namespace";
  EXPECT_EQ(lines_with(asked({.url = "http://cart/", .from = "web-a"}), "404"),
            "answered with 404: nobody in the mesh has that name\n");
}

TEST(RouteQuestion, KnowsTheCallersNode) {
  std::string local = kExplainedShop;
  local.replace(local.find("spec: {selector: "), 7, "spec: {internalTrafficPolicy: Local, ");
  const auto mesh = testing::mesh_of(local);
  const auto answer = ask_route(mesh, {.url = "http://cart.shop/api", .from = "web"});
  ASSERT_TRUE(answer);
  EXPECT_NE(answer->text().find("nobody is ready on the caller's node, and the Service's "
                                "internalTrafficPolicy is Local: 503"),
            std::string::npos)
      << answer->text();
  const auto explained = explain(*mesh, {.service = "shop/cart"});
  ASSERT_TRUE(explained);
  EXPECT_NE(explained->text().find("Local: instances on the caller's node, else 503"),
            std::string::npos);
}

TEST(RouteQuestion, RefusesWhatItCannotAsk) {
  EXPECT_EQ(asked({.url = "https://cart/"}),
            "error: 'https://cart/': the mesh encrypts by itself; ask for http://\n");
  EXPECT_EQ(asked({.url = "http:///x"}), "error: 'http:///x': want http://HOST[:PORT]/PATH\n");
  EXPECT_EQ(asked({.url = "http://cart/", .from = "nobody"}),
            "error: no Workload with a sidecar is, belongs to or lives in 'nobody'\n");
}

}  // namespace
}  // namespace weft::control::cli
