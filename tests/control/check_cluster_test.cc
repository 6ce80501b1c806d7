// `weft check` before an API server: a whole mesh in a cluster, and the same with one thing wrong.

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "control/authority.h"
#include "control/check/checks.h"
#include "control/check/cluster_reader.h"
#include "control/injection/injection.h"
#include "control/injection/pod_wishes.h"
#include "control/kubernetes/kube_config.h"
#include "control/kubernetes/watched_kinds.h"
#include "control/model/crd.h"
#include "control/model/schema.h"
#include "sidecar/config/document.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/buffer.h"
#include "tests/control/fake_api_server.h"

namespace weft::control::check {
namespace {

using namespace std::chrono_literals;
using testing::FakeApiServer;
using testing::make_pod;

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
constexpr const char* kNamespaces = "/api/v1/namespaces";
constexpr const char* kDeployments = "/apis/apps/v1/deployments";
constexpr const char* kSecrets = "/api/v1/secrets";
constexpr const char* kPods = "/api/v1/pods";
constexpr const char* kInjectors =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
constexpr const char* kValidators =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

std::string in_base64(std::string_view text) {
  std::string out(base64_size(text.size()), '=');
  encode_base64(as_bytes(text), out);
  return out;
}

Json own_definition_in_cluster(const std::string& kind) {
  const auto documents = config::parse_documents(crd_of(kind), "crd");
  Json out = Json::parse(config::to_json(documents->front().root));
  out["status"] = {{"conditions", Json::array({{{"type", "Established"}, {"status", "True"}}})}};
  return out;
}

Json foreign_definition(const std::string& name, const std::string& version) {
  return {{"metadata", {{"name", name}}},
          {"spec", {{"versions", Json::array({{{"name", version}, {"served", true}}})}}}};
}

Json labelled_namespace(const std::string& name, Json labels) {
  return {{"metadata", {{"name", name}, {"labels", std::move(labels)}}}};
}

class CheckedCluster : public ::testing::Test, public ClusterReader::Owner {
 protected:
  CheckedCluster() : api(rig) {
    const auto pem = Authority::make_root_pem({});
    EXPECT_TRUE(pem);
    const auto authority = Authority::from_pem(*pem, &read_wall_clock);
    EXPECT_TRUE(authority);
    for (const std::string& kind : kinds_with_schema())
      api.put(kDefinitions, own_definition_in_cluster(kind));
    api.put(kDefinitions, foreign_definition("httproutes.gateway.networking.k8s.io", "v1"));
    api.put(kDefinitions, foreign_definition("grpcroutes.gateway.networking.k8s.io", "v1"));
    api.put(kNamespaces, labelled_namespace("weft-system", Json::object()));
    api.put(kNamespaces, labelled_namespace("shop", {{"weft.dev/inject", "enabled"}}));
    api.put(kNamespaces, labelled_namespace("other", Json::object()));
    api.put(kSecrets, {{"metadata", {{"name", "weft-root"}, {"namespace", "weft-system"}}},
                       {"data", {{"root.pem", in_base64(*pem)}}}});
    deployment = {
        {"metadata", {{"name", "weft-control"}, {"namespace", "weft-system"}, {"generation", 2}}},
        {"spec",
         {{"replicas", 2},
          {"template",
           {{"spec",
             {{"containers",
               Json::array({{{"name", "weft-control"},
                             {"image", "weft-control:" WEFT_VERSION},
                             {"resources", {{"limits", {{"memory", "1Gi"}}}}}}})}}}}}}},
        {"status", {{"observedGeneration", 2}, {"readyReplicas", 2}, {"updatedReplicas", 2}}}};
    api.put(kDeployments, deployment);
    injector = configuration("weft-injector", {"/inject", "/inject/pods"}, authority->root_pem());
    api.put(kInjectors, injector);
    api.put(kValidators, configuration("weft-validator", {"/validate"}, authority->root_pem()));
    api.figures = figures_of("0", "0", 12h);
    api.put(kPods, meshed("cart-a"));
    api.put(kPods, make_pod("quiet", "10.1.0.9", "quiet", false, "other"));
  }
  ~CheckedCluster() override {
    reader.reset();
    client.reset();
    rig.turn.end();
  }

  static Json configuration(const std::string& name, const std::vector<std::string>& paths,
                            const std::string& root) {
    Json out = {{"metadata", {{"name", name}}}, {"webhooks", Json::array()}};
    for (const std::string& path : paths) {
      out["webhooks"].push_back(
          {{"name", "hook" + std::to_string(out["webhooks"].size())},
           {"clientConfig",
            {{"caBundle", in_base64(root)},
             {"service",
              {{"namespace", "weft-system"}, {"name", "weft-control"}, {"path", path}}}}}});
    }
    return out;
  }
  std::string figures_of(const std::string& behind, const std::string& missing, Duration left) {
    const auto expires =
        std::chrono::duration_cast<std::chrono::seconds>((now + left).time_since_epoch()).count();
    return "# HELP weft_control_sidecars Sidecars.\nweft_control_sidecars{state=\"current\"} 4\n"
           "weft_control_sidecars{state=\"behind\"} " +
           behind + "\nweft_control_sidecars{state=\"missing\"} " + missing +
           "\nweft_control_certificate_expiry_timestamp_seconds " + std::to_string(expires) + "\n";
  }
  static Json meshed(const std::string& name, const std::string& version = WEFT_VERSION) {
    injection::InjectionContext context;
    context.name_space = "shop";
    context.namespace_labels[injection::kInjectLabel] = "enabled";
    context.version = version;
    Json pod = make_pod(name, "10.1.0.1", "cart", false);
    for (Json& container : pod["spec"]["containers"]) container["image"] = "cart";
    const auto done = injection::inject(pod, context);
    EXPECT_TRUE(done && done->injected());
    return done ? done->pod : Json();
  }

  void on_read() override { ++read; }

  Report look(bool before_install = false) {
    ClusterReader::Options options{.before_install = before_install, .server = "10.96.0.1:443"};
    for (const std::string& kind : kinds_with_schema())
      options.definitions.push_back(crd_name(kind));
    for (const kube::WatchedKind& one : kube::kWatchedKinds) {
      if (!is_foreign_definition(one.resource)) continue;
      options.definitions.push_back(std::string(one.resource.plural) + "." +
                                    std::string(one.resource.group));
    }
    const auto made = cli::manifests({});
    options.permissions = before_install ? permissions_to_install(made) : permissions_granted(made);
    reader.reset();
    const kube::KubeConfig config{.host = "10.96.0.1", .token = "secret"};
    client = std::make_unique<kube::KubeClient>(rig.turn, rig, kube::KubeIdentity(config));
    reader = std::make_unique<ClusterReader>(*client, *this, std::move(options));
    reader->start();
    rig.pass(10s, 100ms);
    EXPECT_EQ(read, 1);
    return before_install ? check_before_install(reader->facts())
                          : check_installed(reader->facts(), now);
  }
  // What does not hold, a line each.
  std::string complaints(bool before_install = false) {
    std::string out;
    const Report report = look(before_install);
    for (const Finding& one : report.findings()) {
      if (one.verdict == Verdict::kHolds) continue;
      EXPECT_NE(one.remedy, "") << one.text;
      out += std::string(name_of(one.verdict)) + " " + one.subject + ": " + one.text + "\n";
    }
    return out;
  }

  xds::testing::WireRig rig;
  FakeApiServer api;
  Json deployment;
  Json injector;
  WallTime now = read_wall_clock();
  std::unique_ptr<kube::KubeClient> client;
  std::unique_ptr<ClusterReader> reader;
  int read = 0;
};

TEST_F(CheckedCluster, ThatIsWholeHasNothingToComplainOf) {
  const Report report = look();
  EXPECT_TRUE(report.well());
  const std::string text = report.text();
  EXPECT_NE(text.find(" 0 warn, 0 fail\n"), std::string::npos) << text;
  EXPECT_NE(text.find("holds    kubernetes: v1.34.1 at 10.96.0.1:443; 1.29 or later is needed\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("holds    pods: with a sidecar: 1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("holds    webhooks: weft-injector: its 2 webhooks lead to weft-control and "
                      "are believed by the mesh's root\n"),
            std::string::npos)
      << text;
}

TEST_F(CheckedCluster, IsNeverWrittenTo) {
  look();
  read = 0;
  look(true);
  for (const std::string& request : api.requests) {
    const bool question = request.find("accessreviews") != std::string::npos;
    EXPECT_TRUE(request.starts_with("GET ") || question) << request;
  }
}

TEST_F(CheckedCluster, OfTooOldAKubernetes) {
  api.version = "v1.28.9";
  EXPECT_EQ(complaints(),
            "fails kubernetes: v1.28.9 at 10.96.0.1:443: 1.29 or later is needed, for native "
            "sidecars\n");
}

TEST_F(CheckedCluster, WithoutOrWithOtherDefinitions) {
  api.remove(kDefinitions, "", "workloads.weft.dev");
  Json older = own_definition_in_cluster("TrafficPolicy");
  older["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = "older";
  api.put(kDefinitions, older);
  Json refused = own_definition_in_cluster("MeshConfig");
  refused["status"] = Json::object();
  api.put(kDefinitions, refused);
  api.remove(kDefinitions, "", "httproutes.gateway.networking.k8s.io");
  api.put(kDefinitions, foreign_definition("grpcroutes.gateway.networking.k8s.io", "v9"));
  const std::string said = complaints();
  for (const char* line :
       {"fails definitions: workloads.weft.dev: not there\n",
        "warning definitions: trafficpolicies.weft.dev: not as weft " WEFT_VERSION
        " has it, so that what is new is refused\n",
        "fails definitions: meshconfigs.weft.dev: the API server has not established it\n",
        "warning definitions: httproutes.gateway.networking.k8s.io: not there, so nobody can write "
        "a HTTPRoute\n",
        "warning definitions: grpcroutes.gateway.networking.k8s.io: none of its versions is one "
        "that weft reads (v1 is)\n"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "in:\n" << said;
  }
}

TEST_F(CheckedCluster, WhereItsAccountMayNotDoWhatItNeeds) {
  api.denied = {"list pods", "create tokenreviews.authentication.k8s.io"};
  const std::string said = complaints();
  EXPECT_NE(said.find("fails access: weft-control may not list pods\n"), std::string::npos) << said;
  EXPECT_NE(
      said.find("fails access: weft-control may not create tokenreviews.authentication.k8s.io\n"),
      std::string::npos)
      << said;
  ASSERT_FALSE(api.access_reviews.empty());
  EXPECT_EQ(api.access_reviews[0]["spec"]["user"],
            "system:serviceaccount:weft-system:weft-control");
}

TEST_F(CheckedCluster, WhoseControlPlaneIsNotReadyOrAnotherVersion) {
  deployment["status"]["readyReplicas"] = 0;
  deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "weft-control:99.1.0";
  deployment["spec"]["template"]["spec"]["containers"][0]["resources"] = Json::object();
  api.put(kDeployments, deployment);
  const std::string said = complaints();
  for (const char* line :
       {"fails control-plane: weft-control: 0 of 2 replicas are ready\n",
        "warning control-plane: it is weft 99.1.0, and this command is weft " WEFT_VERSION "\n",
        "warning control-plane: weft-control has no limit of memory",
        "warning sidecars: shop: 1 pod (cart-a) with sidecars of weft " WEFT_VERSION
        ", more than 2 minor versions behind weft-control 99.1.0\n"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "in:\n" << said;
  }
}

TEST_F(CheckedCluster, WhoseControlPlaneMissesSidecarsOrItsOwnCertificate) {
  api.figures = figures_of("2", "1", -1h);
  EXPECT_EQ(complaints(),
            "fails certificates: weft-control's own certificate has expired\n"
            "warning sidecars: 2 have not taken the newest configuration yet\n"
            "warning sidecars: 1 are not connected\n");
  read = 0;
  api.figures.clear();
  EXPECT_EQ(complaints(),
            "warning certificates: weft-control's figures are not known: the API server answers "
            "503\n");
}

TEST_F(CheckedCluster, WithoutAWebhookOrWithOneThatIsNotBelieved) {
  injector["webhooks"][0]["clientConfig"].erase("caBundle");
  const auto other = Authority::make_root_pem({});
  const auto authority = Authority::from_pem(*other, &read_wall_clock);
  injector["webhooks"][1]["clientConfig"]["caBundle"] = in_base64(authority->root_pem());
  api.put(kInjectors, injector);
  api.remove(kValidators, "", "weft-validator");
  EXPECT_EQ(complaints(),
            "fails webhooks: weft-injector: hook0: it has no caBundle\n"
            "fails webhooks: weft-injector: hook1: its caBundle is not the mesh's root\n"
            "fails webhooks: weft-validator: not there, so that mistakes are found only after they "
            "are applied\n");
}

TEST_F(CheckedCluster, WhoseWebhooksLeadElsewhere) {
  injector["webhooks"][0]["clientConfig"]["service"]["path"] = "/mutate";
  injector["webhooks"][1]["clientConfig"] = {{"url", "https://example.org"}};
  api.put(kInjectors, injector);
  EXPECT_EQ(complaints(),
            "fails webhooks: weft-injector: hook0: it asks for /mutate\n"
            "fails webhooks: weft-injector: hook1: it asks no Service\n");
}

TEST_F(CheckedCluster, WhoseRootIsBrokenOrEnds) {
  now += 24h * 365 * 30;
  EXPECT_NE(complaints().find("fails root: Secret weft-system/weft-root: the root certificate has "
                              "expired\n"),
            std::string::npos);
  for (const char* data : {"", "!", "bm8gcGVt"}) {
    read = 0;
    api.put(kSecrets, {{"metadata", {{"name", "weft-root"}, {"namespace", "weft-system"}}},
                       {"data", {{"root.pem", data}}}});
    EXPECT_NE(complaints().find("fails root: Secret weft-system/weft-root: "), std::string::npos);
  }
}

TEST_F(CheckedCluster, WithANamespaceInWhichSidecarsCannotBe) {
  api.put(kNamespaces,
          labelled_namespace("shop", {{"weft.dev/inject", "enabled"},
                                      {"istio-injection", "enabled"},
                                      {"pod-security.kubernetes.io/enforce", "baseline"}}));
  Json linkerd = labelled_namespace("pay", {{"weft.dev/inject", "enabled"}});
  linkerd["metadata"]["annotations"] = {{"linkerd.io/inject", "enabled"}};
  api.put(kNamespaces, linkerd);
  api.put("/api/v1/resourcequotas", {{"metadata", {{"name", "q"}, {"namespace", "pay"}}},
                                     {"spec", {{"hard", {{"limits.cpu", "4"}}}}}});
  const std::string said = complaints();
  for (const char* line :
       {"fails namespaces: shop: Istio is asked for its sidecars as well (istio-injection)",
        "fails namespaces: shop: its Pod Security level baseline refuses",
        "fails namespaces: pay: Linkerd is asked for its sidecars as well (linkerd.io/inject)",
        "warning namespaces: pay: its ResourceQuota refuses pods without a CPU limit"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "in:\n" << said;
  }
}

TEST_F(CheckedCluster, WhoseQuotaIsAnsweredByALimitRange) {
  api.put("/api/v1/resourcequotas", {{"metadata", {{"name", "q"}, {"namespace", "shop"}}},
                                     {"spec", {{"hard", {{"limits.cpu", "4"}}}}}});
  api.put("/api/v1/limitranges",
          {{"metadata", {{"name", "l"}, {"namespace", "shop"}}},
           {"spec",
            {{"limits", Json::array({{{"type", "Container"}, {"default", {{"cpu", "1"}}}}})}}}});
  EXPECT_EQ(complaints(), "");
}

TEST_F(CheckedCluster, WithPodsThatShouldBeMeshedAndAreNot) {
  for (const char* name : {"a", "b"}) {
    api.put(kPods, make_pod(name, "10.1.0.2", "cart", false));
  }
  Json host = make_pod("host", "10.0.0.1", "cart", false);
  host["spec"]["hostNetwork"] = true;
  api.put(kPods, host);
  Json refusing = make_pod("refusing", "10.1.0.3", "cart", false);
  refusing["metadata"]["labels"]["weft.dev/inject"] = "disabled";
  api.put(kPods, refusing);
  Json over = make_pod("over", "10.1.0.4", "cart", false);
  over["status"]["phase"] = "Succeeded";
  api.put(kPods, over);
  Json broken = meshed("broken");
  broken["metadata"]["annotations"]["weft.dev/status"] = "{";
  api.put(kPods, broken);
  EXPECT_EQ(
      complaints(),
      "fails pods: shop: 2 pods (a, b) without a sidecar: made before anybody asked, or while "
      "no webhook answered\n"
      "warning pods: shop: 1 pod (host) cannot be meshed: hostNetwork: its traffic is the "
      "node's\n"
      "warning pods: shop: 1 pod (broken) cannot be meshed: weft.dev/status: is weft's own "
      "and cannot be read\n");
}

TEST_F(CheckedCluster, WhoseSidecarsAreTooOldTooNewOrTooSmall) {
  api.put(kPods, meshed("newer", "99.0.0"));
  Json small = meshed("small");
  small["spec"]["initContainers"][1]["resources"]["limits"]["memory"] = "16Mi";
  api.put(kPods, small);
  Json unlimited = meshed("unlimited");
  unlimited["spec"]["initContainers"][1]["resources"].erase("limits");
  api.put(kPods, unlimited);
  const std::string said = complaints();
  for (const char* line :
       {"warning sidecars: shop: 1 pod (newer) with sidecars of weft 99.0.0, newer than "
        "weft-control " WEFT_VERSION "\n",
        "warning sidecars: shop: 1 pod (small) with sidecars with a limit of 16Mi, which is less "
        "than 32Mi\n",
        "warning sidecars: shop: 1 pod (unlimited) with sidecars without a limit of memory"}) {
    EXPECT_NE(said.find(line), std::string::npos) << line << "in:\n" << said;
  }
}

TEST_F(CheckedCluster, IsReadInPages) {
  for (int i = 0; i < 12; ++i)
    api.put(kPods, make_pod("p" + std::to_string(i), "10.1.0.2", "cart", false));
  api.page_max = 4;
  EXPECT_NE(complaints().find("shop: 12 pods (p0, p1, p10, p11, p2, …) without a sidecar"),
            std::string::npos);
}

TEST_F(CheckedCluster, BeforeAnythingIsInstalled) {
  for (const std::string& kind : kinds_with_schema()) api.remove(kDefinitions, "", crd_name(kind));
  api.remove(kNamespaces, "", "weft-system");
  api.remove(kDeployments, "weft-system", "weft-control");
  EXPECT_EQ(complaints(true), "");
  EXPECT_TRUE(api.access_reviews[0]["spec"].contains("resourceAttributes"));
  EXPECT_FALSE(api.access_reviews[0]["spec"].contains("user"));
  for (const std::string& request : api.requests)
    EXPECT_EQ(request.find("/api/v1/pods"), std::string::npos);
}

TEST_F(CheckedCluster, BeforeItIsInstalledByWhoMayNot) {
  api.denied = {"create clusterroles.rbac.authorization.k8s.io"};
  EXPECT_EQ(complaints(true),
            "fails access: who asks may not create clusterroles.rbac.authorization.k8s.io\n");
}

TEST_F(CheckedCluster, ThatCannotBeReachedOrKnowsUsNotIsAskedNothing) {
  api.token = "another";
  look();
  EXPECT_NE(reader->problem().find("does not know who we are"), std::string::npos)
      << reader->problem();
  EXPECT_EQ(api.requests.size(), 1U);
  read = 0;
  rig.cut();
  rig.reachable = false;
  look();
  EXPECT_NE(reader->problem().find("cannot be asked"), std::string::npos) << reader->problem();
}

TEST_F(CheckedCluster, ThatAnswersNonsenseIsWarnedOfAndBreaksNothing) {
  api.refuse = 403;
  const std::string said = complaints();
  EXPECT_EQ(said.find("fails "), std::string::npos) << said;
  EXPECT_NE(said.find("warning root: "), std::string::npos) << said;
  for (const char* body : {"", "[]", "null", "{\"items\":7}", "{\"items\":[1,[],{}]}", "\xff"}) {
    const Answer answer = read_answer(200, body);
    EXPECT_EQ(answer.there, answer.object.is_object());
    ClusterFacts facts;
    facts.namespaces = answer;
    take_namespaces(facts);
    EXPECT_EQ(take_pods(body, facts), "");
    EXPECT_TRUE(facts.pods.empty());
    (void)check_installed(facts, now);
  }
}

}  // namespace
}  // namespace weft::control::check
