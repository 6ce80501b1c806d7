// What `weft status` says of each policy: whether it holds, who has it, who says its fields
// instead.

#include "control/policy_status.h"

#include <gtest/gtest.h>

#include <string>

#include "control/cli/status.h"

namespace weft::control {
namespace {

const std::string kTwoSidecars =
    "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\nspec: {ports: [{name: "
    "http, port: 80}]}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: a, namespace: shop}\nspec: "
    "{address: 127.5.1.1}\n---\n"
    "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: b, namespace: front}\nspec: "
    "{address: 127.5.1.2}\n";

SourceFile policy_file(const std::string& name, const std::string& fields,
                       const std::string& target = "kind: Service, name: cart, namespace: shop") {
  const std::size_t slash = name.find('/');
  return {.name = name.substr(slash + 1) + ".yaml",
          .text = "apiVersion: weft.dev/v1alpha1\nkind: TrafficPolicy\nmetadata: {name: " +
                  name.substr(slash + 1) + ", namespace: " + name.substr(0, slash) +
                  "}\nspec:\n  targetRefs: [{" + target + "}]\n  " + fields + "\n"};
}

std::vector<ClientReport> answered(std::uint64_t a, std::uint64_t b) {
  std::vector<ClientReport> out;
  out.push_back({.node = "a", .workload = "shop/a", .generation = a});
  out.push_back({.node = "b", .workload = "front/b", .generation = b});
  return out;
}

std::string told_of(const Registry& registry, const std::vector<ClientReport>& clients) {
  std::string out;
  for (const PolicyStatus& one : policy_statuses(registry, clients)) {
    out += one.name.to_string() + " " + one.accepted_reason + " " + one.reason + ": " +
           one.message + "\n";
  }
  return out;
}

TEST(PolicyStatus, CountsTheSidecarsThatAnsweredSinceThePolicyIsAsItIs) {
  Registry registry;
  const SourceFile shop{.name = "shop.yaml", .text = kTwoSidecars};
  registry.set_files({shop});
  registry.set_files({shop, policy_file("shop/one", "retry: {attempts: 1}")});
  EXPECT_EQ(told_of(registry, answered(1, 2)), "shop/one Accepted Reconciling: 1 of 2 sidecars\n");
  EXPECT_EQ(told_of(registry, answered(2, 2)), "shop/one Accepted Programmed: 2 of 2 sidecars\n");
  EXPECT_EQ(told_of(registry, {}), "shop/one Accepted Reconciling: 0 of 2 sidecars\n");
  // Another object changes: this one is where it was.
  registry.set_files({shop, policy_file("shop/one", "retry: {attempts: 1}"),
                      policy_file("front/two", "timeouts: {request: 1s}")});
  EXPECT_EQ(told_of(registry, answered(2, 2)),
            "front/two Accepted Reconciling: 0 of 1 sidecars\n"
            "shop/one Accepted Programmed: 2 of 2 sidecars\n");
  EXPECT_EQ(told_of(registry, answered(2, 3)),
            "front/two Accepted Programmed: 1 of 1 sidecars\n"
            "shop/one Accepted Programmed: 2 of 2 sidecars\n");
}

TEST(PolicyStatus, TellsWhoRefusedPartOfIt) {
  Registry registry;
  registry.set_files({{.name = "shop.yaml", .text = kTwoSidecars},
                      policy_file("shop/one", "retry: {attempts: 1}")});
  auto clients = answered(1, 1);
  clients[1].refused = {{"Cluster", "no"}};
  EXPECT_EQ(told_of(registry, clients), "shop/one Accepted PartiallyProgrammed: 1 of 2 sidecars\n");
}

TEST(PolicyStatus, NamesWhoSaysItsFieldsInstead) {
  Registry registry;
  registry.set_files({{.name = "shop.yaml", .text = kTwoSidecars},
                      policy_file("shop/wide", "retry: {attempts: 1}\n  timeouts: {request: 1s}",
                                  "kind: Namespace, name: shop"),
                      policy_file("shop/near", "retry: {attempts: 2}")});
  EXPECT_EQ(told_of(registry, answered(1, 1)),
            "shop/near Accepted Programmed: 2 of 2 sidecars\n"
            "shop/wide Accepted Programmed: 2 of 2 sidecars; retry.attempts overridden by "
            "TrafficPolicy shop/near\n");
  registry.set_files(
      {{.name = "shop.yaml", .text = kTwoSidecars},
       policy_file("shop/wide", "retry: {attempts: 1}", "kind: Namespace, name: shop"),
       policy_file("shop/near", "retry: {attempts: 2}")});
  EXPECT_NE(told_of(registry, answered(2, 2))
                .find("shop/wide Accepted Overridden: 2 of 2 sidecars; retry.attempts"),
            std::string::npos);
}

TEST(PolicyStatus, SaysWhyOneDoesNotHold) {
  Registry registry;
  registry.set_files({{.name = "shop.yaml", .text = kTwoSidecars},
                      policy_file("shop/a", "retry: {attempts: 1}"),
                      policy_file("shop/b", "retry: {attempts: 2}"),
                      policy_file("shop/c", "retry: {attempts: 3}", "kind: Service, name: card")});
  EXPECT_EQ(told_of(registry, answered(1, 1)),
            "shop/a Accepted Programmed: 2 of 2 sidecars\n"
            "shop/b Conflicted Conflicted: \n"
            "shop/c TargetNotFound TargetNotFound: \n");
}

TEST(PolicyStatus, IsATableOfTheStatusPage) {
  Registry registry;
  registry.set_files({{.name = "shop.yaml", .text = kTwoSidecars},
                      policy_file("shop/a", "retry: {attempts: 1}"),
                      policy_file("shop/b", "retry: {attempts: 2}")});
  const auto page = cli::make_status_page(make_mesh_page({registry, answered(1, 1), "", ""}));
  ASSERT_TRUE(page);
  EXPECT_NE(page->text.find("POLICY  ACCEPTED    PROGRAMMED  MESSAGE\n"
                            "shop/a  yes         yes         2 of 2 sidecars\n"
                            "shop/b  Conflicted  Conflicted\n"),
            std::string::npos)
      << page->text;
}

}  // namespace
}  // namespace weft::control
