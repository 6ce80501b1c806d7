// Sidecars into the files that people apply, and out again.

#include "control/injection/manifest.h"

#include <gtest/gtest.h>

#include "control/injection/pod_wishes.h"
#include "tests/control/objects.h"

namespace weft::control::injection {
namespace {

ManifestResult changed(const std::string& text, ManifestTask task = ManifestTask::kInject,
                       bool json = false) {
  InjectionContext context;
  context.namespace_labels[kInjectLabel] = "enabled";
  const auto done = change_manifest(text, "file.yaml", task, context, json);
  EXPECT_TRUE(done) << done.error().detail;
  return done ? *done : ManifestResult{};
}

TEST(Manifest, LeavesEverythingThatMakesNoPodsAsItIsWritten) {
  const std::string text =
      "# mine\nkind: ConfigMap\nmetadata: {name: a}  # b\n---\n\n---\nkind: Service\n";
  EXPECT_EQ(changed(text).text, text);
  EXPECT_TRUE(changed(text).changes.empty());
}

TEST(Manifest, FindsThePodOfEachKindThatMakesSome) {
  const std::string pod = "{metadata: {}, spec: {containers: [{name: app, image: x}]}}";
  for (const char* kind : {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}) {
    const auto done = changed("kind: " + std::string(kind) +
                              "\nmetadata: {name: a}\nspec: {template: " + pod + "}\n");
    ASSERT_EQ(done.changes.size(), 1U) << kind;
    EXPECT_TRUE(done.changes[0].changed) << kind;
    EXPECT_NE(done.text.find("weft-sidecar"), std::string::npos) << kind;
  }
  EXPECT_TRUE(changed("kind: CronJob\nspec: {jobTemplate: {spec: {template: " + pod + "}}}\n")
                  .changes.at(0)
                  .changed);
  const auto list = changed(
      "kind: List\nitems: [{kind: Service}, {kind: Pod, metadata: {name: a}, "
      "spec: {containers: [{name: app}]}}]\n");
  EXPECT_EQ(list.changes.at(0).object, "Pod default/a");
}

TEST(Manifest, IsTakenBackToTheSameObjects) {
  const std::string example = testing::read_tree_text("k8s/examples/inject/cart.yaml");
  const ManifestResult there = changed(example);
  ASSERT_EQ(there.changes.size(), 1U);
  EXPECT_TRUE(there.changes[0].changed);
  EXPECT_TRUE(there.changes[0].warnings.empty());
  EXPECT_FALSE(changed(there.text).changes[0].changed);
  const std::string back = changed(there.text, ManifestTask::kUninject, true).text;
  // Nothing to put in or take out twice, whatever the spelling.
  EXPECT_EQ(changed(changed(back).text, ManifestTask::kUninject, true).text, back);
  EXPECT_EQ(back.find("weft-"), std::string::npos) << back;
}

TEST(Manifest, SaysWhichObjectCannotBeObeyed) {
  const auto done = change_manifest(
      "kind: Pod\nmetadata: {name: a, annotations: {weft.dev/workers: many}}\nspec: {containers: "
      "[{name: app}]}\n",
      "file.yaml", ManifestTask::kInject, {.namespace_labels = {{kInjectLabel, "enabled"}}}, false);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().detail,
            "file.yaml: Pod default/a: weft.dev/workers: want a number from 1 to 64, found 'many'");
}

}  // namespace
}  // namespace weft::control::injection
