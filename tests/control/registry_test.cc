// Files come, change, break and go; what was good stays good.

#include "control/registry.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/control/objects.h"

namespace weft::control {
namespace {

using testing::describe_accepted;
using testing::describe_problems;

std::string one_port(const std::string& name, int port = 80) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {ports: [{port: " + std::to_string(port) + "}]}\n";
}
const std::string kBroken = "a: [1,\n";
std::string wrong(const std::string& name) { return one_port(name, 0); }

std::uint16_t port_of(const Registry& registry, const std::string& name) {
  const MeshService* found = registry.mesh()->find_service({"shop", name});
  return found == nullptr || found->ports.empty() ? std::uint16_t{0} : found->ports[0].port;
}

TEST(Registry, MakesAMeshOfFilesAndNumbersItsChanges) {
  Registry registry;
  EXPECT_TRUE(registry.set_files(
      {{.name = "a.yaml", .text = one_port("cart") + "---\n" + one_port("web")}}));
  EXPECT_EQ(registry.mesh()->generation, 1u);
  EXPECT_EQ(describe_accepted(registry),
            "Service shop/cart of a.yaml\nService shop/web of a.yaml\n");
  // The same content, written otherwise, is no change.
  EXPECT_FALSE(registry.set_files(
      {{.name = "a.yaml", .text = "# hello\n" + one_port("web") + "---\n" + one_port("cart")}}));
  EXPECT_EQ(registry.mesh()->generation, 1u);
  EXPECT_TRUE(registry.set_files({{.name = "a.yaml", .text = one_port("cart", 81)}}));
  EXPECT_EQ(registry.mesh()->generation, 2u);
  EXPECT_EQ(describe_accepted(registry), "Service shop/cart of a.yaml\n");
}

TEST(Registry, KeepsTheLastGoodVersionOfAnObjectWhoseTextIsBad) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = one_port("cart") + "---\n" + one_port("web")},
                      {.name = "b.yaml", .text = one_port("ledger")}});
  EXPECT_TRUE(
      registry.set_files({{.name = "a.yaml", .text = wrong("cart") + "---\n" + one_port("web", 81)},
                          {.name = "b.yaml", .text = one_port("ledger")}}));
  EXPECT_EQ(
      describe_problems(registry),
      "a.yaml:4:23: spec.ports[0].port: want a number from 1 to 65535, found 0 (older holds)\n");
  EXPECT_EQ(port_of(registry, "cart"), 80);
  EXPECT_EQ(port_of(registry, "web"), 81);
  EXPECT_EQ(port_of(registry, "ledger"), 80);
}

TEST(Registry, LetsABadFileChangeNothing) {
  Registry registry;
  registry.set_files(
      {{.name = "a.yaml", .text = one_port("cart")}, {.name = "b.yaml", .text = one_port("web")}});
  EXPECT_FALSE(registry.set_files(
      {{.name = "a.yaml", .text = kBroken}, {.name = "b.yaml", .text = one_port("web")}}));
  EXPECT_EQ(registry.mesh()->generation, 1u);
  EXPECT_EQ(describe_accepted(registry),
            "Service shop/cart of a.yaml\nService shop/web of b.yaml\n");
  EXPECT_EQ(registry.problems().size(), 1u);
  EXPECT_TRUE(registry.problems()[0].text.starts_with("a.yaml:2:1: "))
      << registry.problems()[0].text;
  EXPECT_TRUE(registry.problems()[0].older_holds);
  EXPECT_FALSE(registry.set_files({{.name = "a.yaml", .unreadable = "Permission denied"},
                                   {.name = "b.yaml", .text = one_port("web")}}));
  EXPECT_EQ(describe_problems(registry), "a.yaml: Permission denied (older holds)\n");
  EXPECT_FALSE(registry.set_files(
      {{.name = "a.yaml", .text = one_port("cart")}, {.name = "b.yaml", .text = one_port("web")}}));
  EXPECT_EQ(describe_problems(registry), "");
}

TEST(Registry, LetsABadDocumentLeaveItsNeighboursAlone) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = one_port("cart") + "---\n" + one_port("web")}});
  // The document of web is cut short; cart beside it moves, and ledger behind it comes.
  EXPECT_TRUE(registry.set_files(
      {{.name = "a.yaml",
        .text = one_port("cart", 81) + "---\n" + kBroken + "---\n" + one_port("ledger", 82)}}));
  EXPECT_EQ(port_of(registry, "cart"), 81);
  EXPECT_EQ(port_of(registry, "web"), 80);
  EXPECT_EQ(port_of(registry, "ledger"), 82);
  EXPECT_EQ(describe_problems(registry),
            "a.yaml:7:1: end of sequence flow not found (older holds)\n");
  // Once the file is clear again, what it no longer has is gone.
  EXPECT_TRUE(registry.set_files({{.name = "a.yaml", .text = one_port("cart", 81)}}));
  EXPECT_EQ(describe_accepted(registry), "Service shop/cart of a.yaml\n");
}

// threats.md CP-08: refused with its place, and nothing else happens.
TEST(Registry, RefusesHostileText) {
  std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
  for (char c = 'b'; c <= 'i'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i) bomb += std::string("*") + static_cast<char>(c - 1) + ",";
    bomb += "]\n";
  }
  const struct {
    std::string text;
    std::string problem;
  } rows[] = {
      {bomb, "1:4: anchors are not accepted"},
      {"a: *a\n", "1:4: the referenced anchor is not defined"},
      {std::string(10'000, '[') + std::string(10'000, ']'), "1:65: nested deeper than 64"},
      {std::string(10'000, '{'), "1:1: a key must be text of at most 500 bytes"},
      {one_port("web") + "spec: {}\n", "5:1: the key 'spec' is there twice"},
      {"<<: {kind: Service}\n", "1:1: merge keys are not accepted"},
      {"kind: !!str Service\n", "1:7: tags are not accepted"},
      {"kind: !Ref x\n", "1:7: tags are not accepted"},
      {std::string("kind: \0", 7), "1:7: a NUL byte"},
      {"kind: \xc0\xaf\n", "1:7: not UTF-8"},
      {std::string(17 * 1024 * 1024, ' '), "1:1: larger than 16777216 bytes"},
      {"apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 1e999}]}\n",
       "4:23: spec.ports[0].port: want a whole number, found '1e999'"},
  };
  for (const auto& row : rows) {
    Registry registry;
    registry.set_files({{.name = "good.yaml", .text = one_port("cart")}});
    EXPECT_FALSE(registry.set_files(
        {{.name = "bad.yaml", .text = row.text}, {.name = "good.yaml", .text = one_port("cart")}}));
    EXPECT_EQ(describe_problems(registry), "bad.yaml:" + row.problem + "\n");
    EXPECT_EQ(describe_accepted(registry), "Service shop/cart of good.yaml\n");
  }
}

TEST(Registry, ReadsAByteOrderMark) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = "\xef\xbb\xbf" + one_port("cart")}});
  EXPECT_EQ(describe_problems(registry), "");
  EXPECT_EQ(port_of(registry, "cart"), 80);
}

TEST(Registry, BoundsTheDocumentsOfAFile) {
  std::string text;
  for (std::size_t i = 0; i <= Registry::kDocumentsPerFileMax; ++i) text += "---\na\n";
  Registry registry;
  EXPECT_FALSE(registry.set_files({{.name = "a.yaml", .text = text}}));
  EXPECT_EQ(describe_problems(registry), "a.yaml: 10001 documents, at most 10000 are allowed\n");
}

TEST(Registry, ForgetsWhatIsDeleted) {
  Registry registry;
  registry.set_files(
      {{.name = "a.yaml", .text = one_port("cart")}, {.name = "b.yaml", .text = one_port("web")}});
  EXPECT_TRUE(registry.set_files({{.name = "b.yaml", .text = ""}}));
  EXPECT_EQ(describe_accepted(registry), "");
}

TEST(Registry, TakesNothingForDeletedInAFileWithANamelessDocument) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = one_port("cart") + "---\n" + one_port("web")}});
  EXPECT_FALSE(registry.set_files(
      {{.name = "a.yaml", .text = one_port("web") + "---\nkind: Service\napiVersion: v1\n"}}));
  EXPECT_EQ(describe_accepted(registry),
            "Service shop/cart of a.yaml\nService shop/web of a.yaml\n");
}

TEST(Registry, LetsTheFirstOfTwoTextsOfOneObjectWin) {
  Registry registry;
  registry.set_files({{.name = "b.yaml", .text = one_port("cart", 82)},
                      {.name = "a.yaml", .text = one_port("cart", 81)}});
  EXPECT_EQ(port_of(registry, "cart"), 81);
  EXPECT_EQ(describe_problems(registry),
            "b.yaml:1: Service shop/cart is there already, at a.yaml:1 (older holds)\n");
  // Also while the first is broken: a mistake never brings another version into force.
  EXPECT_FALSE(registry.set_files({{.name = "b.yaml", .text = one_port("cart", 82)},
                                   {.name = "a.yaml", .text = wrong("cart")}}));
  EXPECT_EQ(port_of(registry, "cart"), 81);
}

TEST(Registry, LetsAnObjectMoveToAnotherFile) {
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = one_port("cart")}});
  EXPECT_FALSE(registry.set_files({{.name = "z.yaml", .text = one_port("cart")}}));
  EXPECT_EQ(describe_accepted(registry), "Service shop/cart of z.yaml\n");
  EXPECT_FALSE(registry.set_files({{.name = "b.yaml", .text = wrong("cart")}}));
  EXPECT_EQ(port_of(registry, "cart"), 80);
}

TEST(Registry, NeverHadABadObjectThatWasNewlyWritten) {
  Registry registry;
  EXPECT_FALSE(registry.set_files({{.name = "a.yaml", .text = wrong("cart")}}));
  EXPECT_EQ(describe_accepted(registry), "");
  EXPECT_FALSE(registry.problems()[0].older_holds);
}

TEST(Registry, LosesNothingOverARestartWithABadFile) {
  Registry before;
  before.set_files({{.name = "a.yaml", .text = one_port("cart")},
                    {.name = "b.yaml", .text = one_port("web")},
                    {.name = "c.yaml", .text = one_port("gone")}});
  std::vector<Registry::Kept> kept;
  for (const auto& [key, held] : before.accepted()) kept.push_back({key, held.file, held.json});
  Registry after;
  EXPECT_TRUE(after.restore(kept, before.mesh()->generation).empty());
  EXPECT_EQ(after.mesh()->generation, 1u);
  EXPECT_TRUE(after.set_files(
      {{.name = "a.yaml", .text = kBroken}, {.name = "b.yaml", .text = one_port("web")}}));
  EXPECT_EQ(describe_accepted(after), "Service shop/cart of a.yaml\nService shop/web of b.yaml\n");
  EXPECT_EQ(after.mesh()->generation, 2u);
}

TEST(Registry, HasTheSameGenerationAfterARestartWithoutAChange) {
  Registry before;
  before.set_files({{.name = "a.yaml", .text = one_port("cart")}});
  Registry after;
  const auto& held = before.accepted().begin()->second;
  EXPECT_TRUE(
      after.restore({{before.accepted().begin()->first, held.file, held.json}}, 41).empty());
  EXPECT_FALSE(after.set_files({{.name = "a.yaml", .text = one_port("cart")}}));
  EXPECT_EQ(after.mesh()->generation, 41u);
}

TEST(Registry, SaysWhatItCannotRestore) {
  Registry registry;
  const auto dropped = registry.restore(
      {{{Kind::kService, {"shop", "cart"}}, "a.yaml", "{\"kind\":\"Service\"}"}}, 3);
  ASSERT_EQ(dropped.size(), 1u);
  EXPECT_EQ(dropped[0], "Service shop/cart of a.yaml");
}

TEST(Registry, RefusesATrustDomainThatTheRootDoesNotVouchFor) {
  Registry registry;
  registry.fix_trust_domain("cluster.local");
  const std::string config =
      "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n";
  registry.set_files({{.name = "m.yaml", .text = config + "spec: {trustDomain: other}\n"}});
  EXPECT_EQ(
      describe_problems(registry),
      "m.yaml:1: spec.trustDomain: cannot become other: the root vouches for cluster.local\n");
  registry.fix_trust_domain("other");
  EXPECT_TRUE(
      registry.set_files({{.name = "m.yaml", .text = config + "spec: {trustDomain: other}\n"}}));
  EXPECT_EQ(registry.mesh()->config->trust_domain, "other");
}

TEST(Registry, UsesTheRootsTrustDomainWhereNothingIsWritten) {
  Registry registry;
  registry.fix_trust_domain("corp.example");
  registry.set_files({{.name = "a.yaml", .text = one_port("cart")}});
  EXPECT_EQ(registry.mesh()->config->trust_domain, "corp.example");
}

}  // namespace
}  // namespace weft::control
