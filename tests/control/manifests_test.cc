// What `weft install` prints, and the same in k8s/install and in the chart.

#include "control/cli/manifests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/cli/manifest_template.h"
#include "control/model/metadata.h"
#include "sidecar/config/document.h"
#include "sidecar/core/pod_contract.h"
#include "tests/control/objects.h"

namespace weft::control::cli {
namespace {

using nlohmann::json;

std::vector<json> documents_in(const std::string& yaml) {
  const auto documents = config::parse_documents(yaml, "printed.yaml");
  EXPECT_TRUE(documents) << documents.error().detail;
  std::vector<json> out;
  if (!documents) return out;
  for (const config::Document& one : *documents) {
    out.push_back(json::parse(config::to_json(one.root)));
  }
  return out;
}

std::vector<json> installed(const InstallOptions& options) {
  std::vector<json> out;
  for (const Manifest& one : manifests(options)) {
    for (json& document : documents_in(one.text)) out.push_back(std::move(document));
  }
  return out;
}

std::string names_of(const std::vector<json>& documents) {
  std::string out;
  for (const json& one : documents) {
    const json& metadata = one["metadata"];
    out += one["kind"].get<std::string>() + " " + metadata.value("namespace", "-") + " " +
           metadata["name"].get<std::string>() + "\n";
  }
  return out;
}

json find_document(const InstallOptions& options, std::string_view kind) {
  for (json& one : installed(options)) {
    if (one["kind"] == kind) return one;
  }
  return {};
}

TEST(ManifestTemplate, FillsWhatHoldsAndLeavesOutWhatDoesNot) {
  const std::string text =
      "a: ${x}\n#if yes\nb: ${x}${x}\n#if no\nc: 1\n#end\n#end\n#helm d\ne: 2\n";
  EXPECT_EQ(fill_template(text, {{"x", "1"}}, {{"yes", ""}}), "a: 1\nb: 11\ne: 2\n");
  EXPECT_EQ(fill_template(text, {{"x", "1"}}, {}), "a: 1\ne: 2\n");
}

TEST(ManifestTemplate, SetsABlockAsFarInAsItsHole) {
  const TemplateWords values = {
      {"x", "1"}, {"inner", "c: ${x}\nd: 2"}, {"block", "b:\n  ${inner}"}};
  EXPECT_EQ(fill_template("a:\n  ${block}\n- ${inner}\n", values, {}),
            "a:\n  b:\n    c: 1\n    d: 2\n- c: 1\n  d: 2\n");
}

TEST(ManifestTemplate, IsAHelmTemplateAsWell) {
  EXPECT_EQ(helm_template("a: ${x}\n#if yes\nb: 1\n#end\n#helm {{- toYaml .Values.c }}\n",
                          {{"x", "{{ .Values.x }}"}}, {{"yes", ".Values.yes"}}),
            "a: {{ .Values.x }}\n{{- if .Values.yes }}\nb: 1\n{{- end }}\n"
            "{{- toYaml .Values.c }}\n");
}

TEST(Install, PrintsEachObjectOnce) {
  EXPECT_EQ(names_of(installed({.crds = false})),
            "Namespace - weft-system\n"
            "ServiceAccount weft-system weft-control\n"
            "ClusterRole - weft-control\n"
            "ClusterRoleBinding - weft-control\n"
            "Role weft-system weft-control\n"
            "RoleBinding weft-system weft-control\n"
            "Service weft-system weft-control\n"
            "Deployment weft-system weft-control\n"
            "NetworkPolicy weft-system weft-control\n"
            "MutatingWebhookConfiguration - weft-injector\n"
            "ValidatingWebhookConfiguration - weft-validator\n");
  const std::string more =
      names_of(installed({.name_space = "mesh", .revision = "v2", .ha = true}));
  EXPECT_NE(more.find("CustomResourceDefinition - trafficpolicies.weft.dev\n"), std::string::npos);
  EXPECT_NE(more.find("PodDisruptionBudget mesh weft-control-v2\n"), std::string::npos);
  EXPECT_NE(more.find("HorizontalPodAutoscaler mesh weft-control-v2\n"), std::string::npos);
  EXPECT_EQ(more.find("weft-system"), std::string::npos);
}

TEST(Install, LeavesNoHole) {
  for (const bool ha : {false, true}) {
    for (const char* revision : {"", "v2"}) {
      for (const Manifest& one : manifests({.revision = revision, .ha = ha})) {
        EXPECT_EQ(one.text.find("${"), std::string::npos) << one.file;
        EXPECT_EQ(one.text.find("{{"), std::string::npos) << one.file;
        EXPECT_EQ(one.text.find("\n#if"), std::string::npos) << one.file;
      }
    }
  }
}

TEST(Install, TheTreeHasWhatIsPrinted) {
  for (const Manifest& one : manifests({.crds = false})) {
    testing::expect_in_tree("k8s/install/base/" + one.file, one.text);
  }
  testing::expect_in_tree("k8s/install/ha/ha.yaml", manifests({.ha = true}).back().text);
  for (const Manifest& one : chart_templates()) {
    testing::expect_in_tree("k8s/helm/weft/templates/" + one.file, one.text);
  }
}

std::vector<std::string> listed(const std::string& path) {
  const std::string text = testing::read_tree_text(path);
  return documents_in(text)[0]["resources"].get<std::vector<std::string>>();
}

TEST(Install, TheKustomizationsNameEveryFile) {
  std::vector<std::string> files;
  for (const Manifest& one : manifests({.crds = false})) files.push_back(one.file);
  files.insert(files.begin() + 1, "../../crds");
  EXPECT_EQ(listed("k8s/install/base/kustomization.yaml"), files);
  EXPECT_EQ(listed("k8s/install/ha/kustomization.yaml"),
            (std::vector<std::string>{"../base", manifests({.ha = true}).back().file}));
  const std::vector<Manifest> all = manifests({});
  std::vector<std::string> crds;
  for (const Manifest& one : all) {
    if (one.file.ends_with(".weft.dev.yaml")) crds.push_back(one.file);
  }
  EXPECT_EQ(listed("k8s/crds/kustomization.yaml"), crds);
}

// Kubernetes' Pod Security Standards, "restricted", which the namespace asks for.
TEST(Install, ThePodMayDoNothing) {
  const json pod = find_document({}, "Deployment")["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["runAsUser"], 65532);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const json context = pod["containers"][0]["securityContext"];
  EXPECT_EQ(context, (json{{"allowPrivilegeEscalation", false},
                           {"readOnlyRootFilesystem", true},
                           {"capabilities", {{"drop", json::array({"ALL"})}}}}));
  EXPECT_EQ(
      find_document({}, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
      "restricted");
}

TEST(Install, LetsAScraperInAtOnePort) {
  const json pod = find_document({}, "Deployment")["spec"]["template"];
  const std::string port = pod["metadata"]["annotations"]["prometheus.io/port"];
  const json& container = pod["spec"]["containers"][0];
  const std::vector<std::string> args = container["args"];
  EXPECT_EQ(std::ranges::count(args, "--metrics=0.0.0.0:" + port), 1);
  EXPECT_EQ(std::ranges::count_if(container["ports"],
                                  [&](const json& one) {
                                    return one["name"] == "metrics" &&
                                           std::to_string(one["containerPort"].get<int>()) == port;
                                  }),
            1);
  std::size_t doors = 0;
  const json policy = find_document({}, "NetworkPolicy");
  for (const json& rule : policy["spec"]["ingress"]) {
    const bool marked = rule.contains("from") && rule["from"].size() == 2;
    for (const json& one : rule["ports"]) {
      doors += one["port"] == "metrics" ? 1 : 0;
      // Whoever is marked may have the figures and no more.
      EXPECT_EQ(marked, one["port"] == "metrics") << one;
    }
  }
  EXPECT_EQ(doors, 1U);
}

TEST(Install, SelectorsFindTheirPods) {
  for (const char* revision : {"", "v2"}) {
    const InstallOptions options{.revision = revision, .ha = true};
    const json labels =
        find_document(options, "Deployment")["spec"]["template"]["metadata"]["labels"];
    std::vector<json> selectors = {
        find_document(options, "Deployment")["spec"]["selector"]["matchLabels"],
        find_document(options, "Service")["spec"]["selector"],
        find_document(options, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
        find_document(options, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"]};
    const json pod = find_document(options, "Deployment")["spec"]["template"]["spec"];
    for (const json& one : pod["topologySpreadConstraints"]) {
      selectors.push_back(one["labelSelector"]["matchLabels"]);
    }
    EXPECT_EQ(selectors.size(), 6U);
    for (const json& selector : selectors) {
      EXPECT_EQ(selector.size(), 2U);
      for (const auto& [key, value] : selector.items()) EXPECT_EQ(labels.value(key, ""), value);
    }
  }
}

// ---- the webhooks ----

// As the API server reads a label selector.
bool selects_labels(const json& selector, const Labels& labels) {
  for (const json& one : selector["matchExpressions"]) {
    const auto held = labels.find(one["key"].get<std::string>());
    const json values = one.value("values", json::array());
    const bool in = held != labels.end() && std::ranges::any_of(values, [&](const json& value) {
                      return value == held->second;
                    });
    const std::string how = one["operator"];
    if ((how == "In" && !in) || (how == "NotIn" && in) ||
        (how == "DoesNotExist" && held != labels.end())) {
      return false;
    }
  }
  return true;
}

// Which paths are asked about a pod.
std::vector<std::string> asked_at(const InstallOptions& options, Labels space, const Labels& pod,
                                  const std::string& name = "shop") {
  space["kubernetes.io/metadata.name"] = name;
  std::vector<std::string> out;
  const json injector = find_document(options, "MutatingWebhookConfiguration");
  for (const json& one : injector["webhooks"]) {
    if (selects_labels(one["namespaceSelector"], space) &&
        selects_labels(one["objectSelector"], pod)) {
      out.push_back(one["clientConfig"]["service"]["path"]);
    }
  }
  return out;
}

TEST(Install, TheApiServerAsksAboutThePodsThatTheInjectorMeans) {
  const Labels none;
  const Labels on = {{"weft.dev/inject", "enabled"}};
  const Labels off = {{"weft.dev/inject", "disabled"}};
  const Labels v2 = {{"weft.dev/rev", "v2"}};
  const InstallOptions only{};
  const InstallOptions second{.revision = "v2"};
  using Paths = std::vector<std::string>;
  EXPECT_EQ(asked_at(only, none, none), Paths{});
  EXPECT_EQ(asked_at(only, on, none), Paths{"/inject"});
  EXPECT_EQ(asked_at(only, on, off), Paths{});
  EXPECT_EQ(asked_at(only, none, on), Paths{"/inject/pods"});
  EXPECT_EQ(asked_at(only, off, on), Paths{"/inject/pods"});
  EXPECT_EQ(asked_at(only, off, none), Paths{});
  EXPECT_EQ(asked_at(only, v2, on), Paths{}) << "the namespace is another revision's";
  EXPECT_EQ(asked_at(second, v2, none), Paths{"/inject"});
  EXPECT_EQ(asked_at(second, none, v2), Paths{"/inject/pods"});
  EXPECT_EQ(asked_at(second, on, none), Paths{});
  EXPECT_EQ(asked_at(second, v2, off), Paths{});
  for (const char* own : {"kube-system", "kube-public", "kube-node-lease", "weft-system"}) {
    EXPECT_EQ(asked_at(only, on, on, own), Paths{}) << own;
    EXPECT_EQ(asked_at(second, v2, v2, own), Paths{}) << own;
  }
}

TEST(Install, TheWebhooksLeadToTheControlPlaneOfTheirRevision) {
  for (const char* revision : {"", "v2"}) {
    const InstallOptions options{.revision = revision};
    const std::string service = find_document(options, "Service")["metadata"]["name"];
    std::vector<std::string> names;
    for (const char* kind : {"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"}) {
      const json configuration = find_document(options, kind);
      for (const json& one : configuration["webhooks"]) {
        EXPECT_EQ(one["clientConfig"]["service"]["name"], service);
        EXPECT_EQ(one["clientConfig"]["service"]["namespace"], "weft-system");
        EXPECT_FALSE(one["clientConfig"].contains("caBundle")) << "weft-control's to write";
        EXPECT_EQ(one["sideEffects"], "None");
        EXPECT_EQ(one["admissionReviewVersions"], json::array({"v1"}));
        EXPECT_LE(one["timeoutSeconds"].get<int>(), 10);
        names.push_back(one["name"]);
      }
    }
    const std::vector<std::string> all = names;
    std::ranges::sort(names);
    EXPECT_EQ(std::ranges::unique(names).size(), 0U) << "each has a name of its own";
    EXPECT_EQ(all.size(), *revision == 0 ? 6U : 4U);
  }
  // A namespace that asked for sidecars gets no pod without one; a mesh that is not there keeps
  // nobody from writing.
  const json injector = find_document({}, "MutatingWebhookConfiguration");
  for (const json& one : injector["webhooks"]) {
    EXPECT_EQ(one["failurePolicy"], "Fail");
    EXPECT_EQ(one["reinvocationPolicy"], "IfNeeded");
  }
  const json validator = find_document({}, "ValidatingWebhookConfiguration");
  for (const json& one : validator["webhooks"]) {
    EXPECT_EQ(one["failurePolicy"], "Ignore");
  }
  const json container =
      find_document({.revision = "v2"}, "Deployment")["spec"]["template"]["spec"]["containers"][0];
  const std::vector<std::string> args = container["args"];
  for (const char* wanted :
       {"--webhook=0.0.0.0:15017", "--revision=v2", "--inject-image=weft-sidecar:" WEFT_VERSION,
        "--inject-control=weft-control-v2.weft-system.svc:15012"}) {
    EXPECT_NE(std::ranges::find(args, wanted), args.end()) << wanted;
  }
}

TEST(Install, RefusesWhatCannotStandInAManifest) {
  const auto said = [](const InstallOptions& options) {
    const Status good = check_install(options);
    return good ? std::string() : good.error().detail;
  };
  EXPECT_EQ(said({}), "");
  EXPECT_EQ(said({.revision = "v2", .image = "images.example:5000/weft/control@sha256:0a"}), "");
  EXPECT_EQ(said({.name_space = "mesh"}),
            "--namespace: 'mesh' is not supported yet, only weft-system");
  EXPECT_NE(said({.name_space = "a\nb"}), "");
  EXPECT_NE(said({.revision = "default"}), "");
  EXPECT_NE(said({.revision = std::string(41, 'a')}), "");
  EXPECT_NE(said({.image = ""}), "");
  EXPECT_NE(said({.image = "a b"}), "");
  EXPECT_NE(said({.image = "-a"}), "");
  EXPECT_NE(said({.image = "a\nb: c"}), "");
  EXPECT_NE(said({.bind = "10.0.0.1"}), "");
}

TEST(Uninstall, NamesTheSameObjectsTheOtherWayRound) {
  const std::vector<json> made = installed({.ha = true, .crds = false});
  std::vector<json> gone = documents_in(uninstall_heads({.ha = true, .crds = false}));
  std::ranges::reverse(gone);
  EXPECT_EQ(names_of(gone), names_of(made));
  EXPECT_EQ(gone.front()["kind"], "Namespace");
}

TEST(Uninstall, OfARevisionLeavesTheNamespaceAndTheRootInIt) {
  const std::string heads = uninstall_heads({.revision = "v2", .crds = false});
  EXPECT_EQ(heads.find("kind: Namespace\n"), std::string::npos);
  EXPECT_NE(heads.find("name: weft-control-v2\n"), std::string::npos);
}

TEST(Uninstall, TakesTheDefinitionsOnlyWhenTold) {
  EXPECT_EQ(uninstall_heads({.crds = false}).find("CustomResourceDefinition"), std::string::npos);
  EXPECT_NE(uninstall_heads({.crds = true}).find("CustomResourceDefinition"), std::string::npos);
}

TEST(Images, HoldNothingButBinariesAndRunAsWhoTheyAre) {
  const std::string sidecar = testing::read_tree_text("k8s/sidecar.Dockerfile");
  const std::string control = testing::read_tree_text("k8s/control.Dockerfile");
  for (const std::string& file : {sidecar, control}) {
    EXPECT_NE(file.find("\nFROM scratch\n"), std::string::npos);
    EXPECT_EQ(file.find("\nRUN "), std::string::npos);
    EXPECT_NE(file.find("VERSION=" WEFT_VERSION "\n"), std::string::npos);
  }
  const std::string uid = std::to_string(pod::kUid);
  EXPECT_NE(sidecar.find("\nUSER " + uid + ":" + std::to_string(pod::kGid) + "\n"),
            std::string::npos);
  const json pod = find_document({}, "Deployment")["spec"]["template"]["spec"];
  const std::string user = std::to_string(pod["securityContext"]["runAsUser"].get<int>());
  EXPECT_NE(control.find("\nUSER " + user + ":" + user + "\n"), std::string::npos);
}

TEST(Chart, HasTheVersionAndTheImageOfThisTree) {
  const json chart = documents_in(testing::read_tree_text("k8s/helm/weft/Chart.yaml"))[0];
  EXPECT_EQ(chart["version"], WEFT_VERSION);
  EXPECT_EQ(chart["appVersion"], WEFT_VERSION);
  const json values = documents_in(testing::read_tree_text("k8s/helm/weft/values.yaml"))[0];
  EXPECT_EQ(values["image"], InstallOptions{}.image);
  EXPECT_EQ(values["sidecarImage"], InstallOptions{}.sidecar_image);
  EXPECT_EQ(values["bind"], InstallOptions{}.bind);
  const json schema = json::parse(testing::read_tree_text("k8s/helm/weft/values.schema.json"));
  for (const auto& [key, value] : values.items()) {
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
  }
}

}  // namespace
}  // namespace weft::control::cli
