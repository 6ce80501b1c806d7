// What a control plane writes into its cluster, and which of several replicas does: status, events,
// the webhooks' caBundle; before an API server that refuses, forgets and is not there.

#include "control/cluster_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "control/control.h"
#include "sidecar/core/base64.h"
#include "tests/control/fake_api_server.h"
#include "tests/control/replica_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::AdminPorts;
using testing::FakeApiServer;
using testing::make_control_pod;
using testing::make_pod;
using testing::make_service;
using testing::Replica;
using Json = FakeApiServer::Json;

constexpr const char* kPodsPath = "/api/v1/pods";
constexpr const char* kServicesPath = "/api/v1/services";
constexpr const char* kSpacesPath = "/api/v1/namespaces";
constexpr const char* kConfigMapsPath = "/api/v1/configmaps";
constexpr const char* kRoutesPath = "/apis/gateway.networking.k8s.io/v1/httproutes";
constexpr const char* kTlsPoliciesPath = "/apis/gateway.networking.k8s.io/v1/backendtlspolicies";
constexpr const char* kPoliciesPath = "/apis/weft.dev/v1alpha1/trafficpolicies";
constexpr const char* kMeshConfigsPath = "/apis/weft.dev/v1alpha1/meshconfigs";
constexpr const char* kVirtualServicesPath = "/apis/networking.istio.io/v1/virtualservices";
constexpr const char* kLeasesPath = "/apis/coordination.k8s.io/v1/leases";
constexpr const char* kInjectorsPath =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
constexpr const char* kValidatorsPath =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

Json make_split(int generation = 1, const std::string& backend = "cart") {
  return {{"apiVersion", "gateway.networking.k8s.io/v1"},
          {"kind", "HTTPRoute"},
          {"metadata",
           {{"name", "split"}, {"namespace", "shop"}, {"uid", "u-1"}, {"generation", generation}}},
          {"spec",
           {{"parentRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "cart"}, {"port", 80}}}},
            {"rules", {{{"backendRefs", {{{"name", backend}, {"port", 80}}}}}}}}}};
}

Json make_policy(int generation = 1) {
  return {{"apiVersion", "weft.dev/v1alpha1"},
          {"kind", "TrafficPolicy"},
          {"metadata",
           {{"name", "calm"}, {"namespace", "shop"}, {"uid", "u-2"}, {"generation", generation}}},
          {"spec",
           {{"targetRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "cart"}}}},
            {"timeouts", {{"request", "5s"}}}}}};
}

std::string as_base64(const std::string& text) {
  std::string out(base64_size(text.size()), '\0');
  encode_base64(as_bytes(text), out);
  return out;
}

class Writers : public ::testing::Test {
 protected:
  Writers() : api(rig) {
    api.serve_core();
    api.serve(kInjectorsPath);
    api.serve(kValidatorsPath);
    api.put(kServicesPath, make_service("cart"));
    api.put(kPodsPath, make_pod("cart-a", "10.1.0.1", "cart"));
  }
  ~Writers() override {
    first.reset();
    second.reset();
    rig.turn.end();
  }

  void start() {
    first = std::make_unique<Replica>(rig, "secret", ports);
    rig.pass(2s);
  }
  void start_second() {
    api.more_tokens.insert("second");
    second = std::make_unique<Replica>(rig, "second", ports);
    rig.pass(2s);
  }
  [[nodiscard]] const Json& status(const std::string& path, const std::string& name,
                                   const std::string& name_space = "shop") const {
    static const Json kNone;
    const Json* held = api.find(path, name_space, name);
    if (held == nullptr || !held->contains("status")) return kNone;
    return (*held)["status"];
  }
  // "Accepted=True/Accepted/1 …" of the first entry.
  [[nodiscard]] static std::string conditions_in(const Json& conditions) {
    std::string out;
    for (const Json& one : conditions) {
      out += (out.empty() ? "" : " ") + one.value("type", "?") + "=" + one.value("status", "?") +
             "/" + one.value("reason", "?") + "/" +
             std::to_string(one.value("observedGeneration", -1));
    }
    return out;
  }
  [[nodiscard]] std::string route_says() const {
    const Json& held = status(kRoutesPath, "split");
    return held.is_null() || held["parents"].empty()
               ? ""
               : conditions_in(held["parents"][0]["conditions"]);
  }
  [[nodiscard]] std::size_t status_writes() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        api.writes, [](const auto& one) { return one.path.ends_with("/status"); }));
  }
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> out;
    for (const auto& one : api.writes) {
      if (one.method != "POST" || one.path.find("/events") == std::string::npos) continue;
      out.push_back(one.body["regarding"].value("kind", "") + " " +
                    one.body["regarding"].value("name", "") + " " + one.body.value("reason", "") +
                    ": " + one.body.value("note", ""));
    }
    return out;
  }

  xds::testing::WireRig rig;
  FakeApiServer api;
  AdminPorts ports{rig};
  std::unique_ptr<Replica> first;
  std::unique_ptr<Replica> second;
};

// ---- status ----

TEST_F(Writers, ARouteSaysWhatBecameOfItAndIsLeftAloneThen) {
  api.put(kRoutesPath, make_split(3));
  start();
  ASSERT_TRUE(first->leads());
  rig.pass(2s);
  const Json& parents = status(kRoutesPath, "split")["parents"];
  ASSERT_EQ(parents.size(), 1u);
  EXPECT_EQ(parents[0]["parentRef"],
            (Json{{"group", ""}, {"kind", "Service"}, {"name", "cart"}, {"port", 80}}))
      << "as it was written";
  EXPECT_EQ(parents[0]["controllerName"], "weft.dev/control");
  EXPECT_EQ(route_says(),
            "Accepted=True/Accepted/3 ResolvedRefs=True/ResolvedRefs/3 "
            "weft.dev/Programmed=False/Reconciling/3");
  EXPECT_EQ(parents[0]["conditions"][2]["message"], "applied by 0 of 1 sidecars");
  EXPECT_EQ(parents[0]["conditions"][0]["lastTransitionTime"], "2026-01-31T12:00:00Z");
  // Our own change comes back by the watch, and is the end of it.
  EXPECT_EQ(status_writes(), 1u);
  rig.pass(2min, 100ms);
  EXPECT_EQ(status_writes(), 1u);
  EXPECT_TRUE(first->says("weft_control_status_writes_total{result=\"written\"} 1"));
}

TEST_F(Writers, ANewGenerationIsObservedAndTimesStay) {
  api.put(kRoutesPath, make_split(3));
  start();
  rig.pass(2s);
  Replica::wall_now += 1h;
  Json next = make_split(4, "nowhere");
  next["status"] = status(kRoutesPath, "split");
  api.put(kRoutesPath, next);
  rig.pass(3s);
  EXPECT_EQ(route_says(),
            "Accepted=True/Accepted/4 ResolvedRefs=False/BackendNotFound/4 "
            "weft.dev/Programmed=False/Reconciling/4");
  const Json& conditions = status(kRoutesPath, "split")["parents"][0]["conditions"];
  EXPECT_EQ(conditions[0]["lastTransitionTime"], "2026-01-31T12:00:00Z");
  EXPECT_EQ(conditions[1]["lastTransitionTime"], "2026-01-31T13:00:00Z");
  Replica::wall_now -= 1h;
}

TEST_F(Writers, WhatOtherControllersSayStays) {
  Json route = make_split();
  const Json theirs = {{"parentRef", {{"name", "edge"}}},
                       {"controllerName", "example.com/gateway"},
                       {"conditions", {{{"type", "Accepted"}, {"status", "True"}}}}};
  route["spec"]["parentRefs"].push_back(Json{{"name", "edge"}});
  route["status"]["parents"] = Json::array({theirs});
  api.put(kRoutesPath, route);
  start();
  rig.pass(2s);
  const Json& parents = status(kRoutesPath, "split")["parents"];
  ASSERT_EQ(parents.size(), 2u);
  EXPECT_EQ(parents[0], theirs);
  EXPECT_EQ(parents[1]["parentRef"]["name"], "cart");
  // A route that is no longer ours keeps theirs alone.
  Json other = *api.find(kRoutesPath, "shop", "split");
  other["spec"]["parentRefs"] = Json::array({Json{{"name", "edge"}}});
  other["metadata"]["generation"] = 2;
  api.put(kRoutesPath, other);
  rig.pass(3s);
  EXPECT_EQ(status(kRoutesPath, "split")["parents"], Json::array({theirs}));
}

TEST_F(Writers, ARefusedTextIsSaidInStatusAndInAnEvent) {
  Json bad = make_split(2);
  bad["spec"]["rules"][0]["matches"] = "all";
  api.put(kRoutesPath, bad);
  start();
  rig.pass(3s);
  EXPECT_EQ(route_says(), "Accepted=False/UnsupportedValue/2");
  ASSERT_EQ(events().size(), 1u);
  EXPECT_TRUE(events()[0].starts_with("HTTPRoute split Refused: HTTPRoute shop/split:"))
      << events()[0];
  const auto event = std::ranges::find_if(
      api.writes, [](const auto& one) { return one.path.find("/events") != std::string::npos; });
  EXPECT_EQ(event->path, "/apis/events.k8s.io/v1/namespaces/shop/events");
  EXPECT_EQ(event->body["regarding"]["uid"], "u-1");
  EXPECT_EQ(event->body["type"], "Warning");
  // The same is not told again.
  api.put(kPodsPath, make_pod("cart-b", "10.1.0.2", "cart"));
  rig.pass(5min, 200ms);
  EXPECT_EQ(events().size(), 1u);
}

TEST_F(Writers, PoliciesAndTheMeshConfigHaveTheirConditions) {
  api.put(kPoliciesPath, make_policy(5));
  api.put(kMeshConfigsPath, {{"apiVersion", "weft.dev/v1alpha1"},
                             {"kind", "MeshConfig"},
                             {"metadata", {{"name", "default"}, {"generation", 2}}},
                             {"spec", {{"accessLog", {{"mode", "All"}}}}}});
  start();
  rig.pass(3s);
  const Json& ancestors = status(kPoliciesPath, "calm")["ancestors"];
  ASSERT_EQ(ancestors.size(), 1u);
  EXPECT_EQ(ancestors[0]["ancestorRef"],
            (Json{{"group", ""}, {"kind", "Service"}, {"name", "cart"}}));
  EXPECT_EQ(conditions_in(ancestors[0]["conditions"]),
            "Accepted=True/Accepted/5 Programmed=False/Reconciling/5");
  EXPECT_EQ(ancestors[0]["conditions"][1]["message"], "applied by 0 of 1 sidecars");
  const Json& mesh = status(kMeshConfigsPath, "default", "");
  EXPECT_EQ(mesh["observedGeneration"], 2);
  EXPECT_EQ(conditions_in(mesh["conditions"]),
            "Accepted=True/Accepted/2 Programmed=False/Reconciling/2");
  // Refused: the policy says so, and what it was before holds.
  Json bad = make_policy(6);
  bad["spec"]["timeouts"]["request"] = "soon";
  bad["status"] = status(kPoliciesPath, "calm");
  api.put(kPoliciesPath, bad);
  rig.pass(3s);
  const Json& now = status(kPoliciesPath, "calm")["ancestors"][0]["conditions"];
  EXPECT_EQ(conditions_in(now), "Accepted=False/Invalid/6");
  EXPECT_NE(now[0].value("message", "").find("the version before holds"), std::string::npos);
}

TEST_F(Writers, AConflictIsTriedAgainWithWhatIsThereThen) {
  api.put(kRoutesPath, make_split());
  int conflicts = 3;
  api.intercept = [&](const std::string& method, const std::string& path, bool done) {
    std::optional<http::Reply> instead;
    if (!done && method == "PATCH" && path.ends_with("/status") && conflicts-- > 0) {
      instead = http::Reply{.status = 409, .body = R"({"message":"modified"})"};
    }
    return instead;
  };
  start();
  rig.pass(10s);
  EXPECT_TRUE(route_says().starts_with("Accepted=True")) << route_says();
  EXPECT_TRUE(first->says("weft_control_status_writes_total{result=\"conflict\"} 3"));
}

// It was read, and changed by somebody before it was written.
TEST_F(Writers, AnOldVersionWritesNothing) {
  api.put(kRoutesPath, make_split());
  api.intercept = [&, once = true](const std::string& method, const std::string& path,
                                   bool done) mutable {
    if (!done && method == "PATCH" && path.ends_with("/status") && std::exchange(once, false)) {
      api.put(kRoutesPath, make_split(9));
    }
    return std::optional<http::Reply>();
  };
  start();
  rig.pass(5s);
  EXPECT_TRUE(first->says("weft_control_status_writes_total{result=\"conflict\"} 1"));
  EXPECT_TRUE(route_says().starts_with("Accepted=True/Accepted/9")) << route_says();
}

TEST_F(Writers, AnObjectThatIsGoneIsForgotten) {
  api.put(kRoutesPath, make_split());
  api.intercept = [&, once = true](const std::string& method, const std::string& path,
                                   bool done) mutable {
    if (!done && method == "PATCH" && path.ends_with("/status") && std::exchange(once, false)) {
      api.remove(kRoutesPath, "shop", "split");
    }
    return std::optional<http::Reply>();
  };
  start();
  rig.pass(1min, 100ms);
  EXPECT_EQ(status_writes(), 1u);
  EXPECT_EQ(api.writes.back().path.find("/status"), std::string::npos);
  EXPECT_TRUE(first->says("weft_control_status_waiting 0"));
}

TEST_F(Writers, AnApiServerThatTakesNoStatusIsAskedEverMoreSeldom) {
  for (int i = 0; i < 50; ++i) {
    Json route = make_split();
    route["metadata"]["name"] = "split-" + std::to_string(i);
    api.put(kRoutesPath, route);
  }
  std::size_t asked = 0;
  api.intercept = [&](const std::string& method, const std::string& path, bool done) {
    std::optional<http::Reply> instead;
    if (!done && method == "PATCH" && path.ends_with("/status")) {
      ++asked;
      instead = http::Reply{.status = 403, .body = R"({"message":"forbidden"})"};
    }
    return instead;
  };
  start();
  rig.pass(5min, 100ms);
  EXPECT_GT(asked, 3u);
  EXPECT_LT(asked, 200u);
  EXPECT_TRUE(first->leads()) << "the Lease goes on";
  api.intercept = nullptr;
  rig.pass(5min, 100ms);
  EXPECT_FALSE(status(kRoutesPath, "split-49").is_null());
  EXPECT_TRUE(first->says("weft_control_status_waiting 0"));
}

TEST_F(Writers, SomebodyWhoAlwaysWritesSomethingElseIsNotRaced) {
  api.put(kRoutesPath, make_split());
  start();
  rig.pass(2s);
  std::size_t before = status_writes();
  for (int i = 0; i < 300; ++i) {
    Json route = *api.find(kRoutesPath, "shop", "split");
    if (!route["status"]["parents"].empty()) {
      route["status"]["parents"] = Json::array();
      api.put(kRoutesPath, route);
    }
    rig.pass(1s, 100ms);
  }
  const std::size_t written = status_writes() - before;
  EXPECT_GT(written, 2u);
  EXPECT_LT(written, 60u) << "in five minutes";
}

TEST_F(Writers, ManyObjectsAreWrittenAtABoundedRate) {
  for (int i = 0; i < 300; ++i) {
    Json route = make_split();
    route["metadata"]["name"] = "split-" + std::to_string(i);
    api.put(kRoutesPath, route);
  }
  start();
  rig.pass(1s);
  EXPECT_LT(status_writes(), 110u);
  rig.pass(20s);
  EXPECT_EQ(status_writes(), 300u) << "each once";
}

// ---- who writes ----

TEST_F(Writers, OfTwoReplicasOneWritesAndBothServe) {
  api.put(kRoutesPath, make_split());
  start();
  start_second();
  rig.pass(30s);
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(second->leads());
  EXPECT_EQ(second->control->state(), "LIVE");
  EXPECT_EQ(second->control->registry().mesh()->http_routes.size(), 1u);
  EXPECT_EQ(first->control->authority().root_pem(), second->control->authority().root_pem());
  EXPECT_TRUE(first->says("weft_control_leader 1"));
  EXPECT_TRUE(second->says("weft_control_leader 0"));
  for (const auto& write : api.writes) {
    if (write.status >= 300) continue;
    EXPECT_EQ(write.token, "secret") << write.method << " " << write.path;
  }
}

TEST_F(Writers, ALeaderThatIsKilledIsReplacedWithinFifteenSeconds) {
  api.put(kRoutesPath, make_split());
  start();
  start_second();
  rig.pass(3s);
  ASSERT_TRUE(first->leads());
  const TimePoint killed = rig.turn.now();
  first.reset();
  rig.turn.end();
  api.put(kRoutesPath, make_split(2));
  const std::size_t before = api.writes.size();
  while (!second->leads() && rig.turn.now() < killed + 1min) rig.pass(50ms);
  EXPECT_LE((rig.turn.now() - killed) / 1ms, 15'000);
  EXPECT_GE((rig.turn.now() - killed) / 1ms, 9'000);
  for (std::size_t i = before; i < api.writes.size(); ++i) {
    EXPECT_FALSE(api.writes[i].path.ends_with("/status")) << "before anybody leads";
  }
  rig.pass(2s);
  EXPECT_TRUE(route_says().starts_with("Accepted=True/Accepted/2")) << route_says();
  const Json& lease = *api.find(kLeasesPath, "weft-system", "weft-control");
  EXPECT_TRUE(lease["spec"]["holderIdentity"].get<std::string>().starts_with("second_"));
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 1);
  EXPECT_TRUE(second->says("weft_control_leader_transitions_total{to=\"acquired\"} 1"));
}

TEST_F(Writers, ALeaderThatDrainsGivesItsPlaceAtOnce) {
  start();
  start_second();
  ASSERT_TRUE(first->leads());
  first->control->drain();
  rig.pass(3s);
  EXPECT_TRUE(first->drained);
  EXPECT_TRUE(second->leads());
  EXPECT_FALSE(first->leads());
}

// A write is under way and the API server is cut off: nothing is written under a Lease that is
// over.
TEST_F(Writers, ALeaseThatIsLostMidWriteWritesNoMore) {
  start();
  ASSERT_TRUE(first->leads());
  api.put(kRoutesPath, make_split());
  rig.pass(250ms, 10ms);
  rig.reachable = false;
  rig.cut();
  rig.pass(6s);
  EXPECT_TRUE(first->says("weft_control_leader 1") || !first->leads());
  rig.pass(2s);
  EXPECT_FALSE(first->leads());
  EXPECT_TRUE(first->says("weft_control_leader 0"));
  EXPECT_TRUE(first->says("weft_control_leader_transitions_total{to=\"lost\"} 1"));
  EXPECT_EQ(first->control->state(), "LIVE") << "and serves on";
  // Another one has it meanwhile.
  Json lease = *api.find(kLeasesPath, "weft-system", "weft-control");
  lease["spec"]["holderIdentity"] = "another";
  lease["spec"]["leaseDurationSeconds"] = 600;
  api.put(kLeasesPath, lease);
  const std::size_t before = status_writes();
  rig.reachable = true;
  rig.pass(90s, 100ms);
  EXPECT_EQ(status_writes(), before);
  EXPECT_FALSE(first->leads());
}

TEST_F(Writers, AnApiServerThatIsBackGivesTheLeaseBack) {
  api.put(kRoutesPath, make_split());
  start();
  rig.pass(2s);
  rig.reachable = false;
  rig.cut();
  rig.pass(1min, 100ms);
  EXPECT_FALSE(first->leads());
  api.put(kRoutesPath, make_split(2));
  rig.reachable = true;
  rig.pass(90s, 100ms);
  EXPECT_TRUE(first->leads());
  EXPECT_TRUE(route_says().starts_with("Accepted=True/Accepted/2")) << route_says();
}

TEST_F(Writers, WithoutTheRightToALeaseNothingIsWrittenAndEverythingServed) {
  api.put(kRoutesPath, make_split());
  api.intercept = [](const std::string&, const std::string& path, bool) {
    std::optional<http::Reply> instead;
    if (path.find("/leases") != std::string::npos) instead = http::Reply{.status = 403};
    return instead;
  };
  start();
  rig.pass(30s);
  EXPECT_EQ(first->control->state(), "LIVE");
  EXPECT_FALSE(first->leads());
  EXPECT_EQ(status_writes(), 0u);
}

TEST_F(Writers, ReplicasAskEachOtherWhomTheyServe) {
  api.put(kPodsPath, make_control_pod("secret", "10.9.0.1"));
  api.put(kPodsPath, make_control_pod("second", "10.9.0.2"));
  api.put(kPodsPath, make_control_pod("third", "10.9.0.3"));
  start();
  start_second();
  ports.at["10.9.0.1:15014"] = &first->control->admin();
  ports.at["10.9.0.2:15014"] = &second->control->admin();
  rig.pass(5s);
  EXPECT_TRUE(first->leads());
  EXPECT_TRUE(first->says("weft_control_replicas_known 1"))
      << "itself it knows, the third is silent";
  EXPECT_TRUE(second->says("weft_control_replicas_known 1")) << "who does not write knows as well";
  // One that is gone counts for ten seconds.
  ports.at.clear();
  rig.cut();
  rig.pass(30s);
  EXPECT_TRUE(first->says("weft_control_replicas_known 0"));
}

// ---- webhooks ----

Json make_injector(const std::string& bundle) {
  Json ours = {{"name", "pod.inject.weft.dev"},
               {"clientConfig", {{"service", {{"name", "weft-control"}}}}}};
  if (!bundle.empty()) ours["clientConfig"]["caBundle"] = bundle;
  return {{"apiVersion", "admissionregistration.k8s.io/v1"},
          {"kind", "MutatingWebhookConfiguration"},
          {"metadata", {{"name", "weft-injector"}}},
          {"webhooks",
           {ours,
            {{"name", "elsewhere.example"},
             {"clientConfig", {{"url", "https://elsewhere.example"}}}}}}};
}

TEST_F(Writers, TheWebhooksBelieveTheMeshsRootAgainAfterEveryEdit) {
  api.put(kInjectorsPath, make_injector(""));
  Json foreign = make_injector("");
  foreign["metadata"]["name"] = "somebody-elses";
  api.put(kInjectorsPath, foreign);
  start();
  start_second();
  const std::string root = as_base64(first->control->authority().root_pem());
  const auto bundle = [&](int at = 0, const char* name = "weft-injector") {
    const Json& held = *api.find(kInjectorsPath, "", name);
    return held["webhooks"][at]["clientConfig"].value("caBundle", "");
  };
  EXPECT_EQ(bundle(), root);
  EXPECT_EQ(bundle(1), "") << "one that calls a URL is none of ours";
  EXPECT_EQ(bundle(0, "somebody-elses"), "");
  // A validator that is installed later, a bundle that somebody has overwritten.
  Json validator = make_injector("AAAA");
  validator["metadata"]["name"] = "weft-validator";
  api.put(kValidatorsPath, validator);
  api.put(kInjectorsPath, make_injector(as_base64("another root")));
  rig.pass(3s);
  EXPECT_EQ(bundle(), root);
  EXPECT_EQ(
      (*api.find(kValidatorsPath, "", "weft-validator"))["webhooks"][0]["clientConfig"]["caBundle"],
      root);
  const auto patches =
      static_cast<std::size_t>(std::ranges::count_if(api.writes, [](const auto& one) {
        return one.path.find("webhookconfigurations/") != std::string::npos;
      }));
  EXPECT_LE(patches, 8u) << "both replicas want the same";
  const std::size_t before = api.writes.size();
  rig.pass(1min, 100ms);
  for (std::size_t i = before; i < api.writes.size(); ++i) {
    EXPECT_EQ(api.writes[i].path.find("webhookconfigurations"), std::string::npos);
  }
}

TEST(BundlePatch, HoldsOnlyForTheVersionThatWasSeen) {
  Json seen = make_injector("AAAA");
  seen["metadata"]["resourceVersion"] = "7";
  const Json patch = Json::parse(kube::bundle_patch(seen, "BBBB"));
  Json done = seen.patch(patch);
  EXPECT_EQ(done["webhooks"][0]["clientConfig"]["caBundle"], "BBBB");
  EXPECT_EQ(done["webhooks"][1], seen["webhooks"][1]);
  Json later = seen;
  later["metadata"]["resourceVersion"] = "8";
  EXPECT_THROW((void)later.patch(patch), Json::exception);
  EXPECT_EQ(kube::bundle_patch(done, "BBBB"), "");
  for (const char* odd : {"null", "[]", "{}", R"({"webhooks":7})", R"({"webhooks":[7,null]})"}) {
    EXPECT_EQ(kube::bundle_patch(Json::parse(odd), "BBBB"), "") << odd;
  }
}

// ---- pods without a sidecar ----

TEST_F(Writers, APodThatCannotBeMeshedSaysWhy) {
  api.put(kSpacesPath,
          {{"metadata", {{"name", "shop"}, {"labels", {{"weft.dev/inject", "enabled"}}}}}});
  Json host = make_pod("host", "10.1.0.7", "cart", false);
  host["spec"]["hostNetwork"] = true;
  host["metadata"]["uid"] = "u-host";
  api.put(kPodsPath, host);
  Json early = make_pod("early", "10.1.0.8", "cart", false);
  api.put(kPodsPath, early);
  Json content = make_pod("content", "10.1.0.9", "cart", false);
  content["metadata"]["labels"]["weft.dev/inject"] = "disabled";
  api.put(kPodsPath, content);
  api.put(kPodsPath, make_pod("elsewhere", "10.2.0.1", "cart", false, "other"));
  start();
  rig.pass(30s);
  std::vector<std::string> told = events();
  std::ranges::sort(told);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].starts_with("Pod early NotMeshed: no sidecar: the pod was made before"));
  EXPECT_EQ(told[1], "Pod host NotMeshed: no sidecar: hostNetwork: its traffic is the node's");
  EXPECT_TRUE(first->says("weft_control_unmeshed_pods 2"));
  rig.pass(5min, 200ms);
  EXPECT_EQ(events().size(), 2u) << "once";
  // The namespace is told later, and a pod is made anew under its name.
  api.put(kSpacesPath,
          {{"metadata", {{"name", "other"}, {"labels", {{"weft.dev/inject", "enabled"}}}}}});
  rig.pass(15s);
  EXPECT_EQ(events().size(), 3u);
}

TEST(UnmeshedPods, AsTheInjectorReadsLabels) {
  using kube::asks_for_sidecar;
  const Labels none;
  const Labels on = {{"weft.dev/inject", "enabled"}};
  const Labels off = {{"weft.dev/inject", "disabled"}};
  const Labels v2 = {{"weft.dev/rev", "v2"}};
  EXPECT_FALSE(asks_for_sidecar(none, none, "default"));
  EXPECT_TRUE(asks_for_sidecar(on, none, "default"));
  EXPECT_TRUE(asks_for_sidecar(none, on, "default"));
  EXPECT_TRUE(asks_for_sidecar(on, off, "default"));
  EXPECT_FALSE(asks_for_sidecar(off, on, "default"));
  EXPECT_FALSE(asks_for_sidecar(none, off, "default"));
  EXPECT_FALSE(asks_for_sidecar(none, v2, "default"));
  EXPECT_TRUE(asks_for_sidecar(none, v2, "v2"));
  EXPECT_TRUE(asks_for_sidecar(v2, on, "v2"));
  EXPECT_FALSE(asks_for_sidecar(v2, on, "default"));
}

TEST_F(Writers, EventsAreBoundedAndNeverHoldAnythingUp) {
  for (int i = 0; i < 400; ++i) {
    Json bad = make_split();
    bad["metadata"]["name"] = "bad-" + std::to_string(i);
    bad["spec"]["rules"][0]["matches"] = "all";
    api.put(kRoutesPath, bad);
  }
  api.intercept = [](const std::string&, const std::string& path, bool done) {
    std::optional<http::Reply> instead;
    if (done && path.find("/events") != std::string::npos) instead = http::Reply{.status = 500};
    return instead;
  };
  start();
  rig.pass(1min, 100ms);
  EXPECT_EQ(status_writes(), 400u);
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(first->says("weft_control_events_total{result=\"dropped\"} 0"));
  EXPECT_LT(events().size(), 20u + 2u * 62u);
}

TEST(KubeEvents, AreOfOneFormAndBounded) {
  const kube::KubeEvent event{.api_version = "v1",
                              .kind = "Pod",
                              .name_space = "shop",
                              .name = "cart-a",
                              .uid = "u",
                              .reason = "NotMeshed",
                              .action = "Inject",
                              .note = std::string(2000, 'x')};
  const Json read =
      Json::parse(kube::event_text(event, "weft-control-0_1", Replica::wall_now, 0xabc));
  EXPECT_EQ(read["metadata"]["name"], "cart-a.0000000000000abc");
  EXPECT_EQ(read["metadata"]["namespace"], "shop");
  EXPECT_EQ(read["eventTime"], "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(read["reportingController"], "weft.dev/control");
  EXPECT_EQ(read["note"].get<std::string>().size(), kube::KubeEvent::kNoteMax);
  kube::KubeEvent of_the_mesh = event;
  of_the_mesh.name_space.clear();
  const Json mesh = Json::parse(kube::event_text(of_the_mesh, "x", Replica::wall_now, 1));
  EXPECT_EQ(mesh["metadata"]["namespace"], "default");
  EXPECT_FALSE(mesh["regarding"].contains("namespace"));
}

TEST_F(Writers, AnIstioObjectThatIsRefusedSaysSoInItsStatusAndInAnEvent) {
  Json bad = {
      {"apiVersion", "networking.istio.io/v1"},
      {"kind", "VirtualService"},
      {"metadata", {{"name", "cart"}, {"namespace", "shop"}, {"uid", "u-9"}, {"generation", 2}}},
      {"spec", {{"hosts", "cart"}}},
      {"status", {{"conditions", {{{"type", "Theirs"}, {"status", "True"}}}}}}};
  api.put(kVirtualServicesPath, bad);
  start();
  rig.pass(3s);
  ASSERT_EQ(events().size(), 1u);
  EXPECT_TRUE(events()[0].starts_with("VirtualService cart Refused: ")) << events()[0];
  const Json& refused = status(kVirtualServicesPath, "cart");
  EXPECT_EQ(conditions_in(refused["conditions"]),
            "Theirs=True/?/-1 PassedAnalysis=False/errorsFound/-1 Reconciled=False/refused/-1");
  EXPECT_EQ(refused["observedGeneration"], 2);
  EXPECT_EQ(refused["validationMessages"][0]["type"]["code"], "IST0106");
  EXPECT_EQ(status_writes(), 1u);
  // Mended: every sidecar of it is behind, and then nothing more is written.
  bad["spec"] = {{"hosts", {"cart"}},
                 {"http", {{{"route", {{{"destination", {{"host", "cart"}}}}}}}}}};
  bad["metadata"]["generation"] = 3;
  bad["status"] = refused;
  api.put(kVirtualServicesPath, bad);
  rig.pass(2min, 100ms);
  const Json& taken = status(kVirtualServicesPath, "cart");
  EXPECT_EQ(conditions_in(taken["conditions"]),
            "Theirs=True/?/-1 PassedAnalysis=True/noErrorsFound/-1 "
            "Reconciled=False/stillPropagating/-1");
  EXPECT_EQ(taken["conditions"][2]["message"], "0/1 proxies up to date");
  EXPECT_FALSE(taken.contains("validationMessages"));
  EXPECT_EQ(status_writes(), 2u);
}

// ---- what is read for it ----

TEST_F(Writers, ABackendsCertificatesComeFromConfigMaps) {
  const std::string root = Authority::make_root_pem({.wall_clock = &read_wall_clock}).value();
  const std::string end = "-----END CERTIFICATE-----\n";
  const std::size_t begin = root.find("-----BEGIN CERTIFICATE");
  const std::string pem = root.substr(begin, root.find(end) + end.size() - begin);
  api.put(kTlsPoliciesPath,
          {{"apiVersion", "gateway.networking.k8s.io/v1"},
           {"kind", "BackendTLSPolicy"},
           {"metadata", {{"name", "ledger"}, {"namespace", "shop"}, {"generation", 4}}},
           {"spec",
            {{"targetRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "ledger"}}}},
             {"validation",
              {{"hostname", "ledger.example"},
               {"caCertificateRefs",
                {{{"group", ""}, {"kind", "ConfigMap"}, {"name", "ledger-ca"}}}}}}}}});
  api.put(kServicesPath, make_service("ledger"));
  api.put(kConfigMapsPath, {{"metadata", {{"name", "unrelated"}, {"namespace", "shop"}}},
                            {"data", {{"a.txt", std::string(100'000, 'x')}}}});
  start();
  rig.pass(3s);
  const auto says = [&] {
    const Json& held = status(kTlsPoliciesPath, "ledger");
    return held.is_null() ? "" : conditions_in(held["ancestors"][0]["conditions"]);
  };
  EXPECT_NE(says().find("ResolvedRefs=False"), std::string::npos) << says();
  EXPECT_FALSE(
      first->control->registry().accepted().contains({Kind::kConfigMap, {"shop", "unrelated"}}))
      << "what is no certificate is not kept";
  api.put(kConfigMapsPath, {{"metadata", {{"name", "ledger-ca"}, {"namespace", "shop"}}},
                            {"data", {{"ca.crt", pem}}}});
  rig.pass(3s);
  EXPECT_EQ(says(), "Accepted=True/Accepted/4 ResolvedRefs=True/ResolvedRefs/4");
  const BackendTls* tls =
      first->control->registry().mesh()->backend_tls.find({"shop", "ledger"}, 80);
  ASSERT_NE(tls, nullptr);
  EXPECT_NE(tls->roots_pem.find("BEGIN CERTIFICATE"), std::string::npos);
  api.remove(kConfigMapsPath, "shop", "ledger-ca");
  rig.pass(3s);
  EXPECT_NE(says().find("ResolvedRefs=False"), std::string::npos) << says();
}

}  // namespace
}  // namespace weft::control
