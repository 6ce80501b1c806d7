// From a file on disk to what a connected node is told; and what a restart brings back.

#include "control/control.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "control/files.h"
#include "tests/control/control_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::ControlRig;
using testing::Subscriber;
using Names = std::set<std::string>;

const std::string kCartId = "sidecar~127.5.1.1~cart-a.shop~shop.svc.cluster.local";
const std::string kWebId = "sidecar~127.5.1.2~web-a.shop~shop.svc.cluster.local";
const std::string kCartCluster = "outbound|80||cart.shop.svc.cluster.local";

std::string workload(const std::string& name, const std::string& address,
                     const std::string& account, const std::string& app) {
  return "apiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         ", namespace: shop, labels: {app: " + app + "}}\nspec: {address: " + address +
         ", serviceAccount: " + account +
         ", ports: [{name: http, port: 8080, appPort: 9001, appProtocol: http}]}\n";
}
std::string service(const std::string& name, int port = 80) {
  return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {selector: {app: " + name +
         "}, ports: [{name: http, port: " + std::to_string(port) + ", targetPort: http}]}\n";
}
std::string route(const std::string& header) {
  return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: cart, "
         "namespace: shop}\nspec:\n  parentRefs: [{group: \"\", kind: Service, name: cart}]\n"
         "  rules:\n  - matches: [{headers: [{name: " +
         header + ", value: \"1\"}]}]\n    backendRefs: [{name: cart, port: 80}]\n";
}

class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    rig_.files.write("cart.yaml",
                     service("cart") + "---\n" + workload("cart-a", "127.5.1.1", "cart", "cart"));
    rig_.files.write("web.yaml", workload("web-a", "127.5.1.2", "web", "web"));
  }
  [[nodiscard]] std::uint64_t generation() const {
    return rig_.control->registry().mesh()->generation;
  }
  [[nodiscard]] nlohmann::json mesh_page() {
    const std::string answer = rig_.page("/mesh");
    return nlohmann::json::parse(answer.substr(answer.find("\r\n\r\n") + 4));
  }
  [[nodiscard]] bool counts(const std::string& line) {
    const std::string page = rig_.page("/metrics");
    return page.find("\n" + line + "\n") != std::string::npos;
  }

  ControlRig rig_;
};

TEST_F(ControlTest, TellsASidecarItsGeneration) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  EXPECT_EQ(cart->generations, "1") << cart->last_error();
  EXPECT_EQ(cart->names("Cluster"), (Names{kCartCluster, "inbound|8080||"}));
  EXPECT_TRUE(cart->names("Listener").contains("outbound"));
  EXPECT_EQ(cart->names("ClusterLoadAssignment"), Names{kCartCluster});
  EXPECT_EQ(cart->names("RouteConfiguration"), Names{"15001"});
}

TEST_F(ControlTest, MakesOneGenerationOfAnEdit) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  const auto endpoints = cart->held["ClusterLoadAssignment"];
  const auto routes = cart->held["RouteConfiguration"];
  const std::size_t arrivals = cart->arrivals;
  rig_.files.replace("cart.yaml", service("cart") + "---\n" +
                                      workload("cart-a", "127.5.1.1", "cart", "cart") + "---\n" +
                                      workload("cart-b", "127.5.1.9", "cart", "cart") + "---\n" +
                                      route("x-beta"));
  rig_.settle();
  EXPECT_EQ(cart->generations, "1 2");
  EXPECT_NE(cart->held["ClusterLoadAssignment"], endpoints);
  EXPECT_NE(cart->held["RouteConfiguration"], routes);
  // Endpoints, routes and the Generation: what did not change is not told again.
  EXPECT_EQ(cart->arrivals, arrivals + 2);
  EXPECT_TRUE(counts("weft_control_push_seconds_count 1"));
}

TEST_F(ControlTest, MakesOneGenerationOfTwoEditsInOneWindow) {
  Control::Options options;
  options.source.settle = 2s;
  options.source.settle_max = 10s;
  rig_.start(options);
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  rig_.files.write("a.yaml", service("a"));
  rig_.pass(1s);  // seen, and not quiet for long enough
  EXPECT_EQ(generation(), 1u);
  rig_.files.write("b.yaml", service("b"));
  rig_.pass(5s);
  EXPECT_EQ(cart->generations, "1 2");
  EXPECT_EQ(cart->names("Cluster").size(), 4u);
}

TEST_F(ControlTest, DoesNotWaitForEverForADirectoryThatIsNeverQuiet) {
  Control::Options options;
  options.source.settle = 2s;
  options.source.settle_max = 5s;
  rig_.start(options);
  for (int i = 0; i < 7; ++i) {
    rig_.files.write("a.yaml", service("a", 81 + i));
    rig_.pass(1s);
  }
  EXPECT_GE(generation(), 2u);
}

TEST_F(ControlTest, TellsNothingOfABadFileButWhereItIsBad) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  const auto before = cart->held;
  rig_.files.replace(
      "cart.yaml", service("cart", 0) + "---\n" + workload("cart-a", "127.5.1.1", "cart", "cart"));
  rig_.settle();
  EXPECT_EQ(cart->generations, "1");
  EXPECT_EQ(cart->held, before);
  const nlohmann::json page = mesh_page();
  ASSERT_EQ(page["problems"].size(), 1u) << page.dump(1);
  EXPECT_EQ(page["problems"][0]["file"], "cart.yaml");
  EXPECT_TRUE(page["problems"][0]["text"].get<std::string>().starts_with("cart.yaml:4:"));
  EXPECT_TRUE(counts("weft_control_problems 1"));
  EXPECT_TRUE(counts("weft_control_objects{kind=\"Service\",state=\"refused\"} 1"));
}

TEST_F(ControlTest, ComesBackFromAKillWithTheSameContents) {
  rig_.start();
  rig_.files.write("a.yaml", service("a"));
  rig_.settle();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  EXPECT_EQ(cart->generations, "2");
  const auto before = cart->held;
  const std::size_t arrivals = cart->arrivals;
  rig_.restart();
  rig_.pass(3s, 50ms);
  EXPECT_EQ(generation(), 2u);
  EXPECT_EQ(cart->held, before);
  EXPECT_EQ(cart->arrivals, arrivals);  // nothing was worth telling
}

TEST_F(ControlTest, NeverCountsBackwards) {
  rig_.start();
  for (int i = 0; i < 3; ++i) {
    rig_.files.write("n" + std::to_string(i) + ".yaml", service("n" + std::to_string(i)));
    rig_.settle();
  }
  EXPECT_EQ(generation(), 4u);
  rig_.files.remove("n0.yaml");  // while nobody looks
  rig_.restart();
  EXPECT_EQ(generation(), 5u);
  // Even when what was kept is lost: from here on the clock counts.
  ASSERT_TRUE(replace_file(rig_.kept / StateDir::kFile, "{}", 0600));
  rig_.restart();
  EXPECT_GT(generation(), 1'000'000'000u);
}

// Replicas number their generations each by itself: whoever comes from one to another must not take
// the lower number for an older state, nor keep what the other one does not have.
TEST_F(ControlTest, ANodeTakesTheStateOfAReplicaWhoseNumbersAreLower) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  for (int i = 0; i < 3; ++i) {
    rig_.files.write("n" + std::to_string(i) + ".yaml", service("n" + std::to_string(i)));
    rig_.settle();
  }
  EXPECT_EQ(cart->generations, "1 2 3 4");
  const std::string before = "outbound|80||n0.shop.svc.cluster.local";
  const std::string after = "outbound|80||other.shop.svc.cluster.local";
  EXPECT_TRUE(cart->names("Cluster").contains(before));
  rig_.files.remove("n0.yaml");
  rig_.files.write("other.yaml", service("other"));
  std::filesystem::remove(rig_.kept / StateDir::kFile);
  rig_.restart();
  rig_.pass(5s, 50ms);
  EXPECT_EQ(generation(), 1u);
  EXPECT_EQ(cart->generations, "1 2 3 4 1");
  EXPECT_FALSE(cart->names("Cluster").contains(before));
  EXPECT_TRUE(cart->names("Cluster").contains(after));
  EXPECT_TRUE(counts("weft_control_sidecars{state=\"current\"} 1"));
}

TEST_F(ControlTest, RestartsIntoABadFileWithTheLastGoodVersion) {
  rig_.start();
  rig_.files.replace("cart.yaml", "a: [1,\n");
  rig_.restart();
  EXPECT_EQ(generation(), 1u);
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  EXPECT_EQ(cart->generations, "1") << cart->last_error();
  EXPECT_TRUE(cart->names("Cluster").contains(kCartCluster));
  EXPECT_EQ(mesh_page()["problems"].size(), 1u);
}

TEST_F(ControlTest, LivesWithoutItsDirectoryOnWhatItKept) {
  EXPECT_EQ(rig_.try_start({}), "");
  const std::string away = rig_.files.path() + ".away";
  std::filesystem::rename(rig_.files.path(), away);
  rig_.restart();
  EXPECT_EQ(generation(), 1u);
  EXPECT_TRUE(counts("weft_control_source_readable 0"));
  EXPECT_EQ(mesh_page()["problems"].size(), 1u);
  std::filesystem::rename(away, rig_.files.path());
  rig_.settle();
  EXPECT_TRUE(counts("weft_control_source_readable 1"));
  EXPECT_EQ(generation(), 1u);
}

TEST_F(ControlTest, LeavesItsPublicRootForPeople) {
  rig_.start();
  EXPECT_EQ(read_file(rig_.kept / Control::kRootFile, 100'000).value(),
            rig_.control->authority().root_pem());
}

TEST_F(ControlTest, DoesNotStartFromNothing) {
  std::filesystem::remove_all(rig_.files.path());
  std::filesystem::remove_all(rig_.kept.path());
  EXPECT_NE(rig_.try_start({}).find("No such file"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(rig_.kept.path()));  // and leaves nothing behind
}

TEST_F(ControlTest, SharesItsStateWithNobody) {
  rig_.start();
  const std::unique_ptr<Control> first = std::move(rig_.control);
  EXPECT_EQ(rig_.try_start({}), "another weft-control keeps its state in " + rig_.kept.path());
}

TEST_F(ControlTest, TellsNothingNewThatItCannotKeep) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  // A directory in the file's place: no rename can replace it, for root neither.
  std::filesystem::remove(rig_.kept / StateDir::kFile);
  std::filesystem::create_directory(rig_.kept / StateDir::kFile);
  rig_.files.write("a.yaml", service("a"));
  rig_.settle();
  EXPECT_EQ(cart->generations, "1");
  EXPECT_TRUE(counts("weft_control_state_saved 0"));
  std::filesystem::remove(rig_.kept / StateDir::kFile);
  rig_.pass(2s);
  EXPECT_EQ(cart->generations, "1 2");
  EXPECT_TRUE(counts("weft_control_state_saved 1"));
}

TEST_F(ControlTest, ServesANodeAsSoonAsItsWorkloadAppears) {
  rig_.start();
  const std::string id = "sidecar~127.5.1.3~late.shop~shop.svc.cluster.local";
  const auto late = Subscriber::sidecar(rig_, id, "late");
  rig_.pass(1s);
  EXPECT_EQ(late->held.size(), 0u);
  EXPECT_EQ(late->last_error(), "");
  rig_.files.write("late.yaml", workload("late", "127.5.1.3", "late", "late"));
  rig_.settle();
  EXPECT_EQ(late->generations, "2");
  // Gone from the files is not gone from the machine: it keeps what it has.
  rig_.files.remove("late.yaml");
  rig_.settle();
  EXPECT_EQ(generation(), 3u);
  EXPECT_EQ(late->generations, "2");
  EXPECT_TRUE(late->names("Listener").contains("outbound"));
}

TEST_F(ControlTest, TellsAStrangerNothingWhenItsWorkloadIsAnothers) {
  rig_.start();
  const std::string id = "sidecar~127.5.1.3~late.shop~shop.svc.cluster.local";
  const auto waiting = Subscriber::sidecar(rig_, id, "web");  // of the namespace, so it may wait
  rig_.files.write("late.yaml", workload("late", "127.5.1.3", "late", "late"));
  rig_.settle();
  EXPECT_EQ(waiting->held.size(), 0u);
}

TEST_F(ControlTest, LetsASlowNodeDelayNobody) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  const auto web = Subscriber::sidecar(rig_, kWebId, "web");
  rig_.run();
  // The web's wire takes nothing more in either direction.
  rig_.pipes[1]->set_wire(0);
  rig_.files.write("a.yaml", service("a"));
  rig_.settle();
  EXPECT_EQ(cart->generations, "1 2");
  EXPECT_EQ(web->generations, "1");
  EXPECT_TRUE(counts("weft_control_sidecars{state=\"current\"} 1"));
  EXPECT_TRUE(counts("weft_control_sidecars{state=\"behind\"} 1"));
  rig_.pipes[1]->set_wire(SIZE_MAX);
  rig_.settle();
  EXPECT_EQ(web->generations, "1 2");
}

TEST_F(ControlTest, ShowsWhoHasWhat) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  cart->refuse = kCartCluster;
  rig_.run();
  const nlohmann::json page = mesh_page();
  ASSERT_EQ(page["sidecars"].size(), 2u) << page.dump(1);
  const nlohmann::json& first = page["sidecars"][0];
  EXPECT_EQ(first["workload"], "shop/cart-a");
  EXPECT_EQ(first["state"], "refused") << page.dump(1);
  EXPECT_EQ(first["admin"], "127.0.0.1:15999");
  EXPECT_EQ(first["refused"][0]["type"], "Cluster");
  EXPECT_EQ(page["sidecars"][1]["state"], "missing");
  EXPECT_TRUE(counts("weft_control_sidecars{state=\"missing\"} 1"));
  EXPECT_TRUE(counts("weft_control_rejections_total{door=\"tls\"} 1"));
}

TEST_F(ControlTest, TakesItsTrustDomainFromTheFilesOnceAndForAll) {
  rig_.files.write("mesh.yaml",
                   "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
                   "spec: {trustDomain: shop.example}\n");
  rig_.start();
  EXPECT_EQ(rig_.control->authority().trust_domain(), "shop.example");
  rig_.files.replace("mesh.yaml",
                     "apiVersion: weft.dev/v1alpha1\nkind: MeshConfig\nmetadata: {name: default}\n"
                     "spec: {trustDomain: other.example}\n");
  rig_.settle();
  EXPECT_EQ(rig_.control->registry().problems().size(), 1u);
  EXPECT_EQ(generation(), 1u);
}

TEST_F(ControlTest, GivesAScraperElsewhereTheFiguresAndNothingElse) {
  rig_.start();
  const std::string pod = "10.1.0.7:15018";
  const std::string page = rig_.scrape("/metrics", pod);
  EXPECT_TRUE(page.starts_with("HTTP/1.1 200 ")) << page.substr(0, 200);
  EXPECT_NE(page.find("\nweft_control_generation 1\n"), std::string::npos);
  for (const char* other : {"/", "/mesh", "/config", "/logging", "/ready"}) {
    EXPECT_TRUE(rig_.scrape(other, pod).starts_with("HTTP/1.1 404 ")) << other;
  }
  // The pages themselves stay with this machine's names.
  EXPECT_TRUE(rig_.page("/metrics", pod).starts_with("HTTP/1.1 421 "));
}

TEST_F(ControlTest, DrainsWithAGoodbye) {
  rig_.start();
  const auto cart = Subscriber::sidecar(rig_, kCartId, "cart");
  rig_.run();
  EXPECT_NE(rig_.page("/ready").find("503"), std::string::npos);  // it does not listen
  rig_.control->drain();
  rig_.pass(3s);
  EXPECT_TRUE(rig_.drained);
  EXPECT_EQ(rig_.control->state(), "DRAINING");
  EXPECT_TRUE(cart->names("Listener").contains("outbound"));
}

}  // namespace
}  // namespace weft::control
