// What a Planner remembers of the one before changes how much it makes, and never what it says.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "control/planner/planner.h"
#include "control/registry.h"
#include "sidecar/core/random.h"

namespace weft::control {
namespace {

// A mesh in small files, each of which is there in one of several forms or not at all, so that most
// objects are the very same from one generation to the next.
class Drawn final {
 public:
  explicit Drawn(std::uint64_t seed) : random_(seed) {}

  enum class Which { kAll, kSome, kSomeWorkloads };
  void draw(Which which) {
    for (std::size_t file = 0; file < kFiles; ++file) {
      if (which == Which::kSomeWorkloads && (file < 4 || file >= 10)) continue;
      if (which == Which::kAll || random_.below(4) == 0) forms_[file] = random_.below(4);
    }
    std::vector<SourceFile> files;
    for (const auto& [file, form] : forms_) {
      files.push_back({.name = std::to_string(file) + ".yaml", .text = text_of(file, form)});
    }
    registry_.set_files(std::move(files));
    EXPECT_TRUE(registry_.problems().empty()) << registry_.problems()[0].text;
  }
  [[nodiscard]] const std::shared_ptr<const Mesh>& mesh() const { return registry_.mesh(); }

 private:
  static constexpr std::size_t kFiles = 13;

  [[nodiscard]] static std::string text_of(std::size_t file, std::uint64_t form) {
    const std::string number = std::to_string(file % 4);
    const std::string name_space = file % 2 == 0 ? "shop" : "bank";
    if (file == 12) {
      if (form < 2) return "";
      return "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
             "spec: {tracing: {sampling: " +
             std::to_string(form) + "%}, outbound: {scope: " + (form == 3 ? "OnDemand" : "Mesh") +
             "}}\n";
    }
    if (file < 4) {
      if (form == 3) return "";
      return "apiVersion: v1\nkind: Service\nmetadata: {name: s" + number +
             ", namespace: " + name_space + "}\nspec: {clusterIP: 10.96.0.1" + number +
             (form == 1 ? ", internalTrafficPolicy: Local" : "") + ", selector: {app: a" + number +
             "}, ports: [{name: " + (form == 2 ? "tcp" : "http") + ", port: 80, targetPort: http}" +
             (form == 1 ? ", {name: tcp, port: 90, targetPort: http}" : "") + "]}\n";
    }
    if (file < 10) {
      if (form == 3) return "";
      return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: w" +
             std::to_string(file) + ", namespace: " + name_space + ", labels: {app: a" + number +
             "}}\nspec: {address: 127.1.1." + std::to_string(file) +
             ", ready: " + (form == 2 ? "false" : "true") + scope_of(file) +
             ", ports: [{name: http, port: 8080, appPort: " + (form == 1 ? "9001" : "9002") +
             ", appProtocol: http}]}\n";
    }
    if (form == 3) return "";
    return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r" +
           std::to_string(file) + ", namespace: " + name_space +
           "}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: s" + number +
           ", namespace: " + (number == "0" || number == "2" ? "shop" : "bank") +
           "}]\n  rules:\n  - backendRefs: [{name: s" + std::to_string(form) +
           ", namespace: shop, port: 80}]\n";
  }

  // Some know the whole mesh, some say what they use, some are told as they call.
  [[nodiscard]] static std::string scope_of(std::size_t file) {
    switch (file) {
      case 5:
        return ", uses: [s1, \"shop/*\"]";
      case 6:
        return ", redirect: true";
      case 7:
        return ", redirect: true, uses: [shop/s0]";
      case 8:
        return ", uses: [s2]";
      default:
        return "";
    }
  }

  Random random_;
  Registry registry_;
  std::map<std::size_t, std::uint64_t> forms_;
};

// "type name version", a line each.
std::string contents_of(const xds::ResourceSet& set) {
  std::string out = std::to_string(set.generation) + "\n";
  for (const auto& [type, table] : set.types) {
    std::uint64_t digest = 0;
    for (const auto& [name, resource] : table->resources) {
      out += type + " " + name + " " + resource->version + "\n";
      digest += xds::digest_of(*resource);
    }
    EXPECT_EQ(digest, table->digest) << type;
  }
  return out;
}

TEST(PlannerMemory, ChangesNothingOfWhatIsSaid) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Drawn drawn(seed);
    drawn.draw(Drawn::Which::kAll);
    const Planner::Names names = seed % 2 == 0 ? Planner::Names::kOfScope : Planner::Names::kAll;
    const auto fresh = [&](const Node& node, const Planner::Wanted& wanted = {}) {
      return Planner(drawn.mesh(), nullptr, {}, names).plan(node, wanted);
    };
    auto planner = std::make_unique<Planner>(drawn.mesh(), nullptr, WallTime(), names);
    for (int generation = 0; generation < 15; ++generation) {
      // Nodes that no longer exist and gRPC clients ask as well.
      for (std::size_t workload = 4; workload < 10; ++workload) {
        const std::string name_space = workload % 2 == 0 ? "shop" : "bank";
        const Node sidecar{.kind = Node::Kind::kSidecar,
                           .workload = {name_space, "w" + std::to_string(workload)},
                           .client_namespace = name_space};
        // Not everybody asks in every generation.
        if ((seed + workload + static_cast<std::size_t>(generation)) % 5 == 0) continue;
        ASSERT_EQ(contents_of(*planner->plan(sidecar)), contents_of(*fresh(sidecar)));
        if (seed % 3 == 0) continue;
        // More of it is wanted, and less again.
        Planner::Wanted wanted;
        if (generation % 3 != 0) wanted = {"10.96.0.10:80", "127.1.1.8:8080", "10.96.0.77:80"};
        if (generation % 3 == 2) wanted.insert("10.96.0.13:90");
        ASSERT_EQ(contents_of(*planner->plan(sidecar, wanted)),
                  contents_of(*fresh(sidecar, wanted)));
      }
      const Node client{.client_namespace = "bank"};
      ASSERT_EQ(contents_of(*planner->plan(client)), contents_of(*plan(drawn.mesh(), client)));
      drawn.draw(generation % 4 == 0 ? Drawn::Which::kSome : Drawn::Which::kSomeWorkloads);
      planner = std::make_unique<Planner>(drawn.mesh(), planner.get(), WallTime(), names);
    }
  }
}

TEST(PlannerMemory, MakesNothingAnewForAnInstanceMoreElsewhere) {
  const std::string service =
      "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\n"
      "spec: {selector: {app: a}, ports: [{name: http, port: 80, targetPort: http}]}\n";
  const auto workload = [](const std::string& name, int host) {
    return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
           ", namespace: shop, labels: {app: a}}\nspec: {address: 127.1.1." + std::to_string(host) +
           ", ports: [{name: http, port: 8080, appPort: 9001, appProtocol: http}]}\n";
  };
  Registry registry;
  std::vector<SourceFile> files = {{.name = "a.yaml", .text = service},
                                   {.name = "b.yaml", .text = workload("one", 1)},
                                   {.name = "c.yaml", .text = workload("two", 2)}};
  registry.set_files(files);
  const auto of = [](const char* name) {
    return Node{
        .kind = Node::Kind::kSidecar, .workload = {"shop", name}, .client_namespace = "shop"};
  };
  Planner before(registry.mesh());
  const auto one = before.plan(of("one"));
  // Two that say the same share the table.
  EXPECT_EQ(one->find("envoy.config.cluster.v3.Cluster"),
            before.plan(of("two"))->find("envoy.config.cluster.v3.Cluster"));
  files.push_back({.name = "d.yaml", .text = workload("three", 3)});
  registry.set_files(files);
  Planner after(registry.mesh(), &before);
  const auto then = after.plan(of("one"));
  for (const char* type : {"envoy.config.cluster.v3.Cluster", "envoy.config.listener.v3.Listener",
                           "envoy.config.route.v3.RouteConfiguration"}) {
    EXPECT_EQ(then->find(type), one->find(type)) << type;
  }
  EXPECT_NE(then->find("envoy.config.endpoint.v3.ClusterLoadAssignment"),
            one->find("envoy.config.endpoint.v3.ClusterLoadAssignment"));
}

TEST(PlannerMemory, OfAScopeMakesWhatMovedInItAlone) {
  const auto service = [](const std::string& name) {
    return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
           ", namespace: shop}\nspec: {selector: {app: " + name +
           "}, ports: [{name: http, port: 80, targetPort: http}]}\n";
  };
  const auto instance = [](const std::string& app, int host) {
    return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + app +
           "-a, namespace: shop, labels: {app: " + app + "}}\nspec: {address: 127.1.1." +
           std::to_string(host) + ", uses: [" + (app == "web" ? "cart, rest" : "") +
           "], ports: [{name: http, port: 8080, appPort: 9001, appProtocol: http}]}\n";
  };
  std::vector<SourceFile> files = {
      {.name = "a.yaml", .text = service("cart") + service("rest") + service("mail")},
      {.name = "b.yaml", .text = instance("cart", 1)},
      {.name = "c.yaml", .text = instance("rest", 2)},
      {.name = "d.yaml", .text = instance("mail", 3)},
      {.name = "e.yaml", .text = instance("web", 4)}};
  Registry registry;
  registry.set_files(files);
  const Node web{
      .kind = Node::Kind::kSidecar, .workload = {"shop", "web-a"}, .client_namespace = "shop"};
  Planner first(registry.mesh());
  const auto one = first.plan(web);
  // Elsewhere.
  files[3].text = instance("mail", 33);
  registry.set_files(files);
  Planner second(registry.mesh(), &first);
  const auto two = second.plan(web);
  EXPECT_EQ(two->generation, one->generation + 1);
  for (const auto& [type, table] : one->types) {
    const bool numbered = type == "weft.config.v1.Generation";
    EXPECT_EQ(two->find(type) == table.get(), !numbered) << type;
  }
  // In it: the others' endpoints stay, and so does everything that is not endpoints.
  files[1].text = instance("cart", 11);
  registry.set_files(files);
  Planner third(registry.mesh(), &second);
  const auto three = third.plan(web);
  constexpr const char* kEndpoints = "envoy.config.endpoint.v3.ClusterLoadAssignment";
  for (const auto& [type, table] : two->types) {
    const bool numbered = type == "weft.config.v1.Generation" || type == kEndpoints;
    EXPECT_EQ(three->find(type) == table.get(), !numbered) << type;
  }
  const auto endpoint = [&](const xds::ResourceSet& set, const std::string& name) {
    return set.find(kEndpoints)->resources.at("outbound|80||" + name + ".shop.svc.cluster.local");
  };
  EXPECT_EQ(endpoint(*three, "rest"), endpoint(*one, "rest"));
  EXPECT_NE(endpoint(*three, "cart"), endpoint(*one, "cart"));
  EXPECT_EQ(contents_of(*three), contents_of(*plan(registry.mesh(), web)));
}

}  // namespace
}  // namespace weft::control
