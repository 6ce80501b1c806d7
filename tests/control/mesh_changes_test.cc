// A Mesh that is changed is the Mesh that would have been made.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "control/mesh.h"
#include "control/registry.h"
#include "sidecar/core/random.h"

namespace weft::control {
namespace {

std::string described(const Mesh& mesh) {
  std::string out;
  for (const auto& [name, workload] : mesh.workloads) {
    out +=
        fmt::format("{} {} {}\n", name.to_string(), workload->address.to_string(), workload->ready);
  }
  for (const auto& [name, service] : mesh.services) {
    for (const MeshPort& port : service.ports) {
      out += fmt::format("{}:{} meshed={}", name.to_string(), port.port, port.meshed);
      for (const Instance& instance : port.instances) {
        out += fmt::format(" {}:{}:{}", instance.workload->metadata.name.name, instance.port,
                           instance.identity.uri());
      }
      for (const std::string& identity : port.identities) out += " " + identity;
      out += "\n";
    }
  }
  for (const Condition& condition : mesh.conditions) {
    out +=
        fmt::format("{} {} {}\n", condition.about.to_string(), condition.reason, condition.message);
  }
  return out;
}

std::shared_ptr<const Workload> random_workload(const ObjectName& name, Random& random) {
  Workload out;
  out.metadata.name = name;
  out.metadata.labels = {{"app", fmt::format("app-{}", random.below(3))},
                         {"tier", random.below(2) == 0 ? "front" : "back"}};
  // Sometimes somebody else's.
  out.address = IpAddress::v4(static_cast<std::uint32_t>(0x0a000000 + random.below(400)));
  if (random.below(4) != 0) out.ports.push_back({.name = "http", .port = 8080, .app_port = 8080});
  out.sidecar = random.below(5) != 0;
  out.ready = random.below(3) != 0;
  out.service_account = fmt::format("account-{}", random.below(2));
  return std::make_shared<const Workload>(std::move(out));
}

std::shared_ptr<const Service> service_of(const ObjectName& name, Labels selector) {
  Service out;
  out.metadata.name = name;
  out.selector = std::move(selector);
  out.ports = {{.name = "http", .port = 80, .target_name = "http"}};
  return std::make_shared<const Service>(std::move(out));
}

TEST(ChangeWorkloads, GivesWhatMakingItAnewWouldGive) {
  std::size_t changed = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    Objects objects;
    for (const char* name_space : {"shop", "bank"}) {
      for (int i = 0; i < 3; ++i) {
        const ObjectName name{name_space, fmt::format("app-{}", i)};
        objects[{Kind::kService, name}] = service_of(name, {{"app", name.name}});
      }
      const ObjectName both{name_space, "front"};
      objects[{Kind::kService, both}] = service_of(both, {{"app", "app-1"}, {"tier", "front"}});
    }
    std::shared_ptr<const Mesh> mesh = make_mesh(objects, 1);
    for (std::uint64_t step = 2; step < 60; ++step) {
      WorkloadChanges changes;
      for (std::uint64_t i = 0; i <= random.below(3); ++i) {
        const ObjectName name{random.below(2) == 0 ? "shop" : "bank",
                              fmt::format("w-{}", random.below(12))};
        const bool gone = random.below(4) == 0;
        changes[name] = gone ? nullptr : random_workload(name, random);
        if (gone) {
          objects.erase({Kind::kWorkload, name});
        } else {
          objects[{Kind::kWorkload, name}] = changes[name];
        }
      }
      const std::shared_ptr<const Mesh> whole = make_mesh(objects, step);
      const std::shared_ptr<const Mesh> next = change_workloads(*mesh, changes, step);
      if (next != nullptr) {
        ++changed;
        ASSERT_EQ(described(*next), described(*whole)) << "seed " << seed << " step " << step;
        ASSERT_EQ(next->generation, step);
      }
      mesh = next != nullptr ? next : whole;
    }
  }
  EXPECT_GT(changed, 500u) << "and mostly it need not be made anew";
}

TEST(ChangeWorkloads, LeavesWhatDependsOnMoreToTheWhole) {
  Random random(1);
  Objects objects;
  std::shared_ptr<const Mesh> empty = make_mesh(objects, 1);
  // The first of its namespace makes a namespace, which policies may name.
  EXPECT_EQ(change_workloads(*empty, {{{"shop", "a"}, random_workload({"shop", "a"}, random)}}, 2),
            nullptr);
}

TEST(KeyedChanges, KeepTheLastGoodTextOfEach) {
  Registry registry;
  const ObjectKey key{Kind::kService, {"shop", "cart"}};
  const auto good = service_of(key.name, {{"app", "cart"}});
  EXPECT_TRUE(registry.apply({{key, KeyedChange::Text{.json = "1", .object = good}}}));
  EXPECT_FALSE(registry.apply({{key, KeyedChange::Text{.json = "1", .object = good}}}));
  EXPECT_FALSE(registry.apply({{key, KeyedChange::Text{.json = "2", .mistakes = {"bad"}}}}));
  EXPECT_NE(registry.mesh()->find_service(key.name), nullptr);
  ASSERT_EQ(registry.problems().size(), 1u);
  EXPECT_TRUE(registry.problems()[0].older_holds);
  EXPECT_EQ(registry.problems()[0].file, "Service shop/cart");
  const ObjectKey other{Kind::kService, {"shop", "web"}};
  EXPECT_FALSE(registry.apply({{other, KeyedChange::Text{.mistakes = {"bad too"}}}}));
  ASSERT_EQ(registry.problems().size(), 2u);
  EXPECT_FALSE(registry.problems()[1].older_holds);
  EXPECT_FALSE(registry.apply({{other, std::nullopt}}));
  EXPECT_TRUE(registry.apply({{key, std::nullopt}}));
  EXPECT_TRUE(registry.problems().empty());
  EXPECT_EQ(registry.mesh()->find_service(key.name), nullptr);
}

}  // namespace
}  // namespace weft::control
