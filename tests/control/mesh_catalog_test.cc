// Who is told what of a new Mesh, and in which order; and whoever wants destinations at once.

#include "control/mesh_catalog.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/control/objects.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;

std::string fleet(int endpoints, const std::string& more = "") {
  std::string out;
  for (const char* name : {"cart", "rest"}) {
    out += std::string("---\napiVersion: v1\nkind: Service\nmetadata: {name: ") + name +
           ", namespace: shop}\nspec: {clusterIP: 10.96.0." + (name[0] == 'c' ? "1" : "2") +
           ", selector: {app: " + name + "}, ports: [{name: http, port: 80, targetPort: 8080}]}\n";
  }
  for (int i = 0; i < endpoints; ++i) {
    out += "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: cart-" +
           std::to_string(i) + ", namespace: shop, labels: {app: cart}}\nspec: {address: 10.1.2." +
           std::to_string(1 + i) + ", ports: [{name: http, port: 8080}]}\n";
  }
  return out + more;
}

std::string caller(int number, const std::string& more) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: web-" +
         std::to_string(number) + ", namespace: shop}\nspec: {address: 10.1.1." +
         std::to_string(1 + number) + more + "}\n";
}

class MeshCatalogTest : public ::testing::Test {
 protected:
  class Client final : public xds::Catalog::Subscriber {
   public:
    Client(std::vector<std::string>& order, std::string name)
        : order_(order), name_(std::move(name)) {}
    void on_resources(std::shared_ptr<const xds::ResourceSet> set) override {
      order_.push_back(name_);
      told = std::move(set);
    }
    std::shared_ptr<const xds::ResourceSet> told;
    std::unique_ptr<xds::Catalog::Subscription> subscription;

   private:
    std::vector<std::string>& order_;
    const std::string name_;
  };

  Client& connect(const std::string& workload) {
    clients_.push_back(std::make_unique<Client>(order_, workload));
    xds::NodeInfo node;
    node.id = Node::make_id("10.1.1.1", {"shop", workload});
    node.identity = SpiffeId::make("cluster.local", "shop", "default").value();
    clients_.back()->subscription = catalog_.subscribe(node, *clients_.back());
    return *clients_.back();
  }
  void set_mesh(const std::string& yaml) {
    catalog_.set_mesh(testing::mesh_of(yaml, ++generation_), WallTime());
    settle();
  }
  void settle() {
    while (!catalog_.all_told()) turn_.advance(turn_.now() + 1ms);
  }

  Turn turn_{TimePoint(1h)};
  MeshCatalog catalog_{turn_};
  std::vector<std::string> order_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::uint64_t generation_ = 0;
};

TEST_F(MeshCatalogTest, TellsThoseFirstForWhomSomethingIsNew) {
  std::string callers;
  for (int i = 0; i < 6; ++i) {
    callers += caller(i, i % 2 == 0 ? ", uses: [rest]" : ", uses: [cart]");
  }
  set_mesh(fleet(1, callers));
  for (int i = 0; i < 6; ++i) connect("web-" + std::to_string(i));
  settle();
  EXPECT_EQ(order_.size(), 6U);
  order_.clear();
  set_mesh(fleet(2, callers));
  EXPECT_EQ(order_,
            (std::vector<std::string>{"web-1", "web-3", "web-5", "web-0", "web-2", "web-4"}));
  for (const auto& client : clients_) EXPECT_EQ(client->told->generation, generation_);
}

TEST_F(MeshCatalogTest, AnswersWhoWantsDestinationsAtOnceAndRemembersThem) {
  const std::string config =
      "---\napiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
      "spec: {outbound: {scope: OnDemand}}\n";
  set_mesh(fleet(1, caller(0, ", redirect: true") + config));
  Client& web = connect("web-0");
  settle();
  const std::string cluster = "outbound|80||cart.shop.svc.cluster.local";
  EXPECT_FALSE(web.told->find("envoy.config.cluster.v3.Cluster")->resources.contains(cluster));
  const auto now = web.subscription->want({"10.96.0.1:80", "10.96.0.9:80"});
  ASSERT_NE(now, nullptr);
  EXPECT_EQ(now->generation, generation_);
  EXPECT_TRUE(now->find("envoy.config.cluster.v3.Cluster")->resources.contains(cluster));
  EXPECT_TRUE(now->find("weft.config.v1.Destination")->resources.contains("10.96.0.1:80"));
  EXPECT_FALSE(now->find("weft.config.v1.Destination")->resources.contains("10.96.0.9:80"));
  EXPECT_EQ(catalog_.scopes().on_demand, 1U);
  set_mesh(fleet(2, caller(0, ", redirect: true") + config));
  EXPECT_TRUE(web.told->find("envoy.config.cluster.v3.Cluster")->resources.contains(cluster));
  // What it is told is for it alone.
  xds::NodeInfo stranger;
  stranger.id = Node::make_id("10.1.1.1", {"shop", "web-0"});
  stranger.identity = SpiffeId::make("cluster.local", "shop", "other").value();
  Client other(order_, "other");
  other.subscription = catalog_.subscribe(stranger, other);
  settle();
  EXPECT_EQ(other.subscription->want({"10.96.0.1:80"}), nullptr);
  EXPECT_EQ(other.told, nullptr);
}

}  // namespace
}  // namespace weft::control
