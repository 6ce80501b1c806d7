// What reads well and is refused all the same: traffic sent nowhere, times that are over.

#include "control/model/objections.h"

#include <gtest/gtest.h>

#include <string>

#include "control/registry.h"
#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::describe_accepted;
using testing::describe_problems;

WallTime new_year() {
  return WallTime(std::chrono::sys_days(std::chrono::year(2027) / 1 / 1).time_since_epoch());
}

SourceFile fault_file(const std::string& kind, const std::string& until,
                      const std::string& what = "abort: {status: 503}",
                      const std::string& annotations = "") {
  return {.name = "f.yaml",
          .text =
              "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: f, "
              "namespace: shop" +
              annotations + "}\nspec:\n  targetRefs: [{kind: " + kind +
              ", name: shop}]\n  faults:\n  - {name: a, until: \"" + until + "\", " + what + "}\n"};
}

std::string problems_of(const std::vector<SourceFile>& files) {
  Registry registry;
  registry.judge_times_by(&new_year);
  registry.set_files(files);
  return describe_problems(registry);
}

TEST(Objections, AreRaisedToFaultsThatAreOverOrFarAway) {
  EXPECT_EQ(problems_of({fault_file("Service", "2027-01-01T00:00:01Z")}), "");
  EXPECT_EQ(problems_of({fault_file("Service", "2027-01-31T00:00:00Z")}), "");
  EXPECT_EQ(problems_of({fault_file("Service", "2027-01-01T00:00:00Z")}),
            "f.yaml:7: spec.faults[0].until: 2027-01-01T00:00:00Z has passed\n");
  EXPECT_EQ(problems_of({fault_file("Service", "2027-01-31T00:00:01Z")}),
            "f.yaml:7: spec.faults[0].until: 2027-01-31T00:00:01Z is more than 30 days away\n");
}

TEST(Objections, AreNotRaisedToWhatHoldsAlready) {
  // Accepted once, kept over a restart; the fault has ended meanwhile.
  const SourceFile file = fault_file("Service", "2026-12-24T00:00:00Z");
  Registry before;
  before.set_files({file});
  EXPECT_EQ(describe_problems(before), "");
  std::vector<Registry::Kept> kept;
  for (const auto& [key, held] : before.accepted()) kept.push_back({key, held.file, held.json});
  Registry after;
  after.judge_times_by(&new_year);
  EXPECT_TRUE(after.restore(kept, 3).empty());
  EXPECT_FALSE(after.set_files({file}));
  EXPECT_EQ(describe_problems(after), "");
  // Its next version is judged, and the one before holds.
  after.set_files({fault_file("Service", "2026-12-25T00:00:00Z")});
  EXPECT_EQ(describe_problems(after),
            "f.yaml:7: spec.faults[0].until: 2026-12-25T00:00:00Z has passed (older holds)\n");
}

TEST(Objections, AreRaisedToAWholeNamespaceThatFails) {
  const std::string until = "2027-01-02T00:00:00Z";
  const std::string refused =
      "f.yaml:7: spec.faults[0] would fail every request to a whole namespace; whoever means it "
      "writes the annotation weft.dev/force: \"true\"\n";
  EXPECT_EQ(problems_of({fault_file("Namespace", until)}), refused);
  EXPECT_EQ(problems_of({fault_file("Namespace", until, "reset: true")}), refused);
  EXPECT_EQ(problems_of({fault_file("Namespace", until, "percent: 99%, reset: true")}), "");
  EXPECT_EQ(problems_of({fault_file("Namespace", until,
                                    "reset: true, match: {headers: [{name: x, value: y}]}")}),
            "");
  EXPECT_EQ(problems_of({fault_file("Namespace", until, "delay: {fixed: 1s}")}), "");
  EXPECT_EQ(problems_of({fault_file("Namespace", until, "reset: true",
                                    ", annotations: {weft.dev/force: \"true\"}")}),
            "");
}

TEST(Objections, AreRaisedToARouteThatLeadsNowhere) {
  const auto route = [](const std::string& rules, const std::string& annotations = "") {
    return SourceFile{.name = "r.yaml",
                      .text =
                          "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
                          "metadata: {name: r, namespace: shop" +
                          annotations +
                          "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n"
                          "  rules:\n" +
                          rules};
  };
  const std::string none = "  - backendRefs: [{name: a, port: 80, weight: 0}]\n";
  const std::string some = "  - backendRefs: [{name: a, port: 80}]\n";
  EXPECT_EQ(problems_of({route(none + none)}),
            "r.yaml:7: spec.rules[0].backendRefs: no backend of any rule has any weight, so every "
            "request would be answered with 500; whoever means it writes the annotation "
            "weft.dev/force: \"true\"\n");
  EXPECT_EQ(problems_of({route(none + some)}), "");
  EXPECT_EQ(problems_of({route(none, ", annotations: {weft.dev/force: \"true\"}")}), "");
}

}  // namespace
}  // namespace weft::control
