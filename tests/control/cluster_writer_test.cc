// What a control plane writes into its cluster as the status of objects; before an API server that
// refuses, forgets and is not there.

#include "control/cluster_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/control/writer_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::kConfigMapsPath;
using testing::kMeshConfigsPath;
using testing::kPodsPath;
using testing::kPoliciesPath;
using testing::kRoutesPath;
using testing::kServicesPath;
using testing::kTlsPoliciesPath;
using testing::kVirtualServicesPath;
using testing::make_pod;
using testing::make_policy;
using testing::make_service;
using testing::make_split;
using testing::Replica;
using testing::WriterRig;
using Json = testing::FakeApiServer::Json;

class Writers : public WriterRig {};

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
