// What `weft check` makes of versions, quantities and manifests, and how it says it.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "control/check/checks.h"
#include "control/check/permission.h"
#include "control/check/report.h"
#include "control/check/version_skew.h"

namespace weft::control::check {
namespace {

TEST(VersionSkew, ReadsWhatClustersAndImagesSay) {
  EXPECT_EQ(parse_minor("v1.34.1+k3s1"), (MinorVersion{1, 34}));
  EXPECT_EQ(parse_minor("1.29"), (MinorVersion{1, 29}));
  EXPECT_EQ(parse_minor("0.1.0-debug"), (MinorVersion{0, 1}));
  for (const char* none : {"", "v", "latest", "1", "1.", ".1", "v1.x", "99999999999999999999.1"}) {
    EXPECT_FALSE(parse_minor(none)) << none;
  }
  EXPECT_EQ(tag_of("weft-control:0.1.0"), "0.1.0");
  EXPECT_EQ(tag_of("images.example:5000/weft/control:0.2.0@sha256:0a"), "0.2.0");
  EXPECT_EQ(tag_of("images.example:5000/weft/control"), "");
  EXPECT_EQ(tag_of(""), "");
}

TEST(VersionSkew, LetsSidecarsBeTwoMinorVersionsBehindAndNeverAhead) {
  EXPECT_EQ(judge_skew("1.4.9", "1.4.0"), Skew::kNone);
  EXPECT_EQ(judge_skew("1.3.0", "1.4.0"), Skew::kAllowed);
  EXPECT_EQ(judge_skew("1.2.0", "1.4.0"), Skew::kAllowed);
  EXPECT_EQ(judge_skew("1.1.9", "1.4.0"), Skew::kTooOld);
  EXPECT_EQ(judge_skew("0.9.0", "1.0.0"), Skew::kTooOld);
  EXPECT_EQ(judge_skew("1.5.0", "1.4.0"), Skew::kNewer);
  EXPECT_EQ(judge_skew("2.0.0", "1.4.0"), Skew::kNewer);
  EXPECT_EQ(judge_skew("", "1.4.0"), Skew::kUnknown);
  EXPECT_EQ(judge_skew("1.4.0", "latest"), Skew::kUnknown);
}

TEST(Quantity, IsReadAsKubernetesWritesIt) {
  EXPECT_EQ(parse_quantity("128Mi"), 128.0 * 1024 * 1024);
  EXPECT_EQ(parse_quantity("1.5k"), 1500.0);
  EXPECT_EQ(parse_quantity("100m"), 0.1);
  EXPECT_EQ(parse_quantity("7"), 7.0);
  for (const char* none : {"", "Mi", "1.2.3", "1MiB", "-1", "1 Mi", ".5", "1e3"}) {
    EXPECT_FALSE(parse_quantity(none)) << none;
  }
}

TEST(Figures, AreFoundOnAPageOfMetrics) {
  const std::string page =
      "# TYPE a gauge\na{x=\"1\",y=\"2\"} 3\na{x=\"2\"} 4.5\nab 7\na 1e3\na broken\n\n";
  EXPECT_EQ(figure_in(page, "a"), 1007.5);
  EXPECT_EQ(figure_in(page, "a", "x=\"2\""), 4.5);
  EXPECT_EQ(figure_in(page, "ab"), 7.0);
  EXPECT_FALSE(figure_in(page, "b"));
  EXPECT_FALSE(figure_in(page, "a", "x=\"9\""));
  EXPECT_FALSE(figure_in("", "a"));
}

TEST(Permission, HasTheNamesOfTheApiServer) {
  EXPECT_EQ(plural_of("Deployment"), "deployments");
  EXPECT_EQ(plural_of("NetworkPolicy"), "networkpolicies");
  EXPECT_EQ(plural_of("Gateway"), "gateways");
  EXPECT_EQ(plural_of("Ingress"), "ingresses");
  EXPECT_EQ(plural_of("HorizontalPodAutoscaler"), "horizontalpodautoscalers");
  const Permission one{"patch", "gateway.networking.k8s.io", "httproutes", "status", "cart",
                       "shop"};
  EXPECT_EQ(one.to_string(), "patch httproutes/status.gateway.networking.k8s.io cart in shop");
  EXPECT_EQ(one.attributes(), (Json{{"verb", "patch"},
                                    {"group", "gateway.networking.k8s.io"},
                                    {"resource", "httproutes"},
                                    {"subresource", "status"},
                                    {"name", "cart"},
                                    {"namespace", "shop"}}));
}

bool holds(const std::vector<Permission>& all, std::string_view text) {
  return std::ranges::any_of(all, [&](const Permission& one) { return one.to_string() == text; });
}

TEST(Permission, IsReadOutOfTheManifests) {
  const auto made = cli::manifests({.ha = true});
  const auto install = permissions_to_install(made);
  for (const char* text :
       {"create namespaces", "create customresourcedefinitions.apiextensions.k8s.io",
        "patch deployments.apps in weft-system",
        "create clusterrolebindings.rbac.authorization.k8s.io",
        "create networkpolicies.networking.k8s.io in weft-system",
        "create poddisruptionbudgets.policy in weft-system"}) {
    EXPECT_TRUE(holds(install, text)) << text;
  }
  const auto granted = permissions_granted(made);
  for (const char* text :
       {"watch pods", "list httproutes.gateway.networking.k8s.io",
        "patch httproutes/status.gateway.networking.k8s.io",
        "create tokenreviews.authentication.k8s.io", "get secrets weft-root in weft-system",
        "patch mutatingwebhookconfigurations.admissionregistration.k8s.io weft-injector"}) {
    EXPECT_TRUE(holds(granted, text)) << text;
  }
  EXPECT_FALSE(holds(granted, "get secrets in weft-system"));
}

TEST(Report, SaysLineByLineWhatToDo) {
  Report report;
  report.holds("kubernetes", "v1.34.1");
  report.warn("pods", "shop: 1 pod (a\x1b[31m\n)", "restart it");
  EXPECT_TRUE(report.well());
  EXPECT_EQ(report.text(),
            "holds    kubernetes: v1.34.1\n"
            "warning  pods: shop: 1 pod (a?[31m?)\n"
            "         -> restart it\n"
            "\n1 hold, 1 warn, 0 fail\n");
  report.fail("root", "gone", "look");
  EXPECT_FALSE(report.well());
  const Json json = Json::parse(report.json());
  EXPECT_EQ(json["well"], false);
  EXPECT_EQ(json["findings"].size(), 3U);
  EXPECT_EQ(
      json["findings"][2],
      (Json{{"verdict", "fails"}, {"subject", "root"}, {"text", "gone"}, {"remedy", "look"}}));
  EXPECT_FALSE(json["findings"][0].contains("remedy"));
}

TEST(Report, IsBoundedAndForgetsNoFailure) {
  Report report;
  for (std::size_t i = 0; i < Report::kFindingsMax; ++i) report.holds("x", std::string(5000, 'y'));
  report.fail("z", "beyond the limit", "");
  EXPECT_EQ(report.findings().size(), Report::kFindingsMax);
  EXPECT_EQ(report.findings().front().text.size(), Report::kTextMax);
  EXPECT_FALSE(report.well());
  EXPECT_NE(report.text().find("and 1 more\n"), std::string::npos);
  EXPECT_EQ(Json::parse(report.json())["leftOut"], 1);
}

}  // namespace
}  // namespace weft::control::check
