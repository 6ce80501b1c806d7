// Of files that change only these are looked at, where that is enough; what comes of it is what
// looking at all of them would have given.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/registry.h"
#include "sidecar/core/random.h"
#include "tests/control/objects.h"

namespace weft::control {
namespace {

// A document of a small world: some stand in several files, some are bad, some say what has no
// effect; a file may be broken.
std::string drawn_document(Random& random) {
  const std::string name = fmt::format("s{}", random.below(12));
  switch (random.below(14)) {
    case 0:
      return fmt::format(
          "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n"
          "spec: {{ports: [{{port: 0}}]}}\n",
          name);
    case 1:
      return "a: [1,\n";
    case 2:
      return fmt::format(
          "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n"
          "spec: {{sessionAffinity: None, healthCheckNodePort: 7, "
          "ports: [{{port: 80}}]}}\n",
          name);
    case 3:
    case 4:
    case 5:
    case 6:
      return fmt::format(
          "apiVersion: v1\nkind: Service\nmetadata: {{name: {}}}\n"
          "spec: {{selector: {{app: {}}}, ports: [{{port: {}}}]}}\n",
          name, name, 80 + random.below(2));
    default:
      return fmt::format(
          "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {{name: {}-{}, "
          "labels: {{app: {}}}}}\nspec: {{address: 127.1.{}.{}, ports: [{{port: "
          "80, appPort: 8080}}]}}\n",
          name, random.below(3), name, random.below(4), 1 + random.below(4));
  }
}

std::string drawn_file(Random& random, bool clean) {
  std::string out;
  for (std::uint64_t i = random.below(4); i > 0; --i) {
    out += "---\n";
    if (!clean) {
      out += drawn_document(random);
      continue;
    }
    // Nobody else's, and good.
    out += fmt::format(
        "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {{name: w{}}}\n"
        "spec: {{address: 127.2.{}.{}}}\n",
        random.next() % 100'000, random.below(250), 1 + random.below(250));
  }
  return out;
}

std::string state_of(const Registry& registry) {
  std::string out = fmt::format("{}\n", registry.mesh()->generation);
  for (const auto& [key, held] : registry.accepted()) {
    out += fmt::format("{} {} {} {} {}\n", key.to_string(), held.file, held.generation, held.json,
                       held.laid_out);
  }
  for (const auto& [name, workload] : registry.mesh()->workloads) {
    out += fmt::format("{} {}\n", name.to_string(), workload->address.to_string());
  }
  for (const std::string& note : registry.notes()) out += note + "\n";
  return out + testing::describe_problems(registry);
}

TEST(RegistryEdits, GiveWhatLookingAtEveryFileGives) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    Random random(seed);
    std::map<std::string, std::string> texts;
    Registry quick;
    Registry thorough;
    for (int edit = 0; edit < 30; ++edit) {
      const bool clean = seed % 2 == 0 || edit % 7 > 3;
      for (std::uint64_t i = random.below(3); i > 0; --i) {
        const std::string name = fmt::format("f{}.yaml", random.below(6));
        if (random.below(5) == 0) {
          texts.erase(name);
        } else {
          texts[name] = drawn_file(random, clean);
        }
      }
      if (!clean && random.below(6) == 0) texts.clear();
      std::vector<SourceFile> files;
      for (const auto& [name, text] : texts) files.push_back({.name = name, .text = text});
      const bool changed = quick.set_files(files);
      thorough.fix_trust_domain("");  // whatever it was sure of, it is no longer
      ASSERT_EQ(changed, thorough.set_files(files));
      ASSERT_EQ(state_of(quick), state_of(thorough)) << "edit " << edit;
    }
  }
}

TEST(RegistryEdits, AnObjectMayMoveFromFileToFile) {
  const std::string cart =
      "apiVersion: v1\nkind: Service\nmetadata: {name: cart}\n"
      "spec: {ports: [{port: 80}]}\n";
  Registry registry;
  registry.set_files({{.name = "a.yaml", .text = cart}, {.name = "b.yaml", .text = ""}});
  EXPECT_FALSE(
      registry.set_files({{.name = "a.yaml", .text = ""}, {.name = "b.yaml", .text = cart}}));
  EXPECT_EQ(testing::describe_accepted(registry), "Service default/cart of b.yaml\n");
  EXPECT_TRUE(registry.set_files({{.name = "a.yaml", .text = ""}}));
  EXPECT_EQ(testing::describe_accepted(registry), "");
}

}  // namespace
}  // namespace weft::control
