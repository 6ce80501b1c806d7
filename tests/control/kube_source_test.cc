// A whole control plane before an API server: what it knows, whatever that server does.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "control/control.h"
#include "control/planner/planner.h"
#include "control/sources/kubernetes.h"
#include "sidecar/core/base64.h"
#include "tests/control/fake_api_server.h"
#include "tests/control/temporary_directory.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::FakeApiServer;
using testing::make_pod;
using testing::make_service;
using Json = testing::FakeApiServer::Json;

constexpr const char* kPods = "/api/v1/pods";
constexpr const char* kServices = "/api/v1/services";
constexpr const char* kRoutes = "/apis/gateway.networking.k8s.io/v1/httproutes";
constexpr const char* kSecrets = "/api/v1/secrets";

Json make_route(const std::string& backend, int port = 80) {
  return {{"metadata", {{"name", "cart"}, {"namespace", "shop"}, {"generation", 3}}},
          {"spec",
           {{"parentRefs", {{{"group", ""}, {"kind", "Service"}, {"name", "cart"}}}},
            {"rules", {{{"backendRefs", {{{"name", backend}, {"port", port}}}}}}}}}};
}

class WatchedCluster : public ::testing::Test, public Control::Owner {
 protected:
  WatchedCluster() : api_(rig_) {
    wall_now_ = read_wall_clock();
    api_.serve_core();
    api_.put(kServices, make_service("cart"));
    api_.put(kPods, make_pod("cart-a", "10.1.0.1", "cart"));
  }
  ~WatchedCluster() override {
    control_.reset();
    client_.reset();
    rig_.turn.end();
  }

  void on_drained() override {}
  void on_live() override { ++live_; }
  void on_failed(const Error& error) override { failed_ = error.detail; }

  void start() {
    kube::KubeConfig config{.host = "10.96.0.1", .token = "secret"};
    if (!token_file_.empty()) config.token_file = token_file_;
    client_ = std::make_unique<kube::KubeClient>(rig_.turn, rig_, kube::KubeIdentity(config));
    Control::Options options;
    options.kubernetes = client_.get();
    options.cluster.seed = 7;
    options.cluster.reflector.page = page_;
    options.cluster.pods_page = page_;
    options.wall_clock = options.server.wall_clock = [] { return wall_now_; };
    control_ = std::make_unique<Control>(rig_.turn, *this, options);
    ASSERT_TRUE(control_->load());
    rig_.pass(2s);
  }
  void restart() {
    control_.reset();
    client_.reset();
    rig_.turn.end();
    cut();
    live_ = 0;
    start();
  }
  // Nobody gets through while the connections break.
  void cut() {
    rig_.reachable = false;
    rig_.cut();
    rig_.reachable = true;
  }
  [[nodiscard]] const Mesh& mesh() const { return *control_->registry().mesh(); }
  [[nodiscard]] std::string workloads() const {
    std::string out;
    for (const auto& [name, workload] : mesh().workloads) {
      out += name.name + (workload->ready ? " " : "! ");
    }
    return out;
  }
  [[nodiscard]] std::size_t instances(const std::string& service) const {
    const MeshService* found = mesh().find_service({"shop", service});
    return found == nullptr || found->ports.empty() ? 0 : found->ports[0].instances.size();
  }

  static WallTime wall_now_;
  xds::testing::WireRig rig_;
  FakeApiServer api_;
  std::unique_ptr<kube::KubeClient> client_;
  std::unique_ptr<Control> control_;
  std::string token_file_;
  std::uint32_t page_ = 500;
  int live_ = 0;
  std::string failed_;
};

WallTime WatchedCluster::wall_now_{};

TEST_F(WatchedCluster, IsKnownBeforeAnybodyIsTold) {
  rig_.reachable = false;
  start();
  EXPECT_EQ(live_, 0);
  EXPECT_EQ(control_->state(), "INITIALIZING");
  rig_.reachable = true;
  rig_.pass(90s);
  EXPECT_EQ(live_, 1);
  EXPECT_EQ(control_->state(), "LIVE");
  EXPECT_EQ(workloads(), "cart-a ");
  EXPECT_EQ(instances("cart"), 1u);
}

TEST_F(WatchedCluster, AChangeIsKnownAtOnce) {
  start();
  ASSERT_EQ(live_, 1);
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.pass(100ms, 10ms);
  EXPECT_EQ(instances("cart"), 2u);
  api_.remove(kPods, "shop", "cart-a");
  rig_.pass(100ms, 10ms);
  EXPECT_EQ(workloads(), "cart-b ");
  // Deleted and created again under its name.
  api_.remove(kPods, "shop", "cart-b");
  api_.put(kPods, make_pod("cart-b", "10.1.0.77", "cart"));
  rig_.pass(100ms, 10ms);
  EXPECT_EQ(mesh().workloads.at({"shop", "cart-b"})->address.to_string(), "10.1.0.77");
}

TEST_F(WatchedCluster, AnApiServerThatIsGoneForAnHourTakesNothingAway) {
  start();
  const auto before = mesh().generation;
  rig_.reachable = false;
  rig_.cut();
  rig_.pass(1h, 5s);
  EXPECT_EQ(workloads(), "cart-a ");
  EXPECT_EQ(mesh().generation, before);
  EXPECT_NE(control_->mesh_page().find("watch of"), std::string::npos) << "and it is said";
  EXPECT_NE(control_->metrics().find("weft_control_source_readable 0"), std::string::npos);
  // Meanwhile something happened, and nobody remembers the steps.
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  api_.remove(kPods, "shop", "cart-a");
  api_.forget_history();
  rig_.reachable = true;
  rig_.pass(90s);
  EXPECT_EQ(workloads(), "cart-b ");
  EXPECT_NE(control_->metrics().find("weft_control_source_readable 1"), std::string::npos);
}

TEST_F(WatchedCluster, AllIsHeardOfAgainAsSoonAsAnythingIs) {
  start();
  rig_.reachable = false;
  rig_.cut();
  rig_.pass(10min, 5s);
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.reachable = true;
  // Every delay is up to 30 s by now; the shortest of so many ends soon, and nobody waits longer.
  Duration first{};
  const auto asked = [&] {
    return std::ranges::count_if(api_.requests, [](const std::string& request) {
      return request.find("watch=1") != std::string::npos;
    });
  };
  const auto before = asked();
  while (asked() == before && first < 30s) {
    rig_.pass(100ms, 100ms);
    first += 100ms;
  }
  EXPECT_LT(first, 10s);
  rig_.pass(500ms, 100ms);
  EXPECT_EQ(workloads(), "cart-a cart-b ");
  EXPECT_NE(control_->metrics().find("weft_control_source_readable 1"), std::string::npos);
}

TEST_F(WatchedCluster, FiveThousandPodsComeInPagesOfWhichNoneCounts) {
  for (int i = 0; i < 5000; ++i) {
    api_.put(kPods, make_pod("cart-" + std::to_string(i),
                             "10.2." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1),
                             "cart"));
  }
  api_.page_max = 400;
  start();
  EXPECT_EQ(live_, 1);
  EXPECT_EQ(mesh().workloads.size(), 5001u);
  EXPECT_EQ(instances("cart"), 5001u);
}

TEST_F(WatchedCluster, ATokenThatIsReplacedIsUsed) {
  testing::TemporaryDirectory files;
  files.write("token", "secret\n");
  token_file_ = files / "token";
  start();
  ASSERT_EQ(live_, 1);
  api_.token = "another";
  cut();
  rig_.pass(5s);
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.pass(2s);
  EXPECT_EQ(workloads(), "cart-a ") << "refused";
  files.replace("token", "another\n");
  rig_.pass(90s);
  EXPECT_EQ(workloads(), "cart-a cart-b ");
  EXPECT_NE(control_->metrics().find("weft_control_source_readable 1"), std::string::npos)
      << "of what is quiet as well";
  // A volume that is not there for a moment.
  files.remove("token");
  cut();
  api_.put(kPods, make_pod("cart-c", "10.1.0.3", "cart"));
  rig_.pass(90s);
  EXPECT_EQ(workloads(), "cart-a cart-b cart-c ");
}

TEST_F(WatchedCluster, WaitsWhenItIsToldTo) {
  start();
  api_.refuse = 429;
  api_.retry_after = "30";
  cut();
  rig_.pass(1s);
  // But for the Lease, which is of no use when it is late.
  const auto asked = [&] {
    return std::ranges::count_if(api_.requests, [](const std::string& request) {
      return request.find("/leases/") == std::string::npos;
    });
  };
  const auto before = asked();
  rig_.pass(25s);
  EXPECT_EQ(asked(), before);
  api_.refuse.reset();
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.pass(40s);
  EXPECT_EQ(workloads(), "cart-a cart-b ");
}

TEST_F(WatchedCluster, GarbageInAWatchTakesNothingAway) {
  start();
  api_.shout(kPods,
             "garbage\n{\"type\":\"MODIFIED\",\"object\":{\"metadata\":{\"name\":\"cart-a\"}}}\n");
  api_.shout(kPods, R"({"type":"ADDED","object":{"metadata":{"name":"cart-x","namespace":"../etc",)"
                    R"("resourceVersion":"101"},"status":{"podIP":"10.9.9.9"}}})"
                    "\n");
  api_.shout(kPods, "half a line");
  cut();
  rig_.pass(10s);
  EXPECT_EQ(workloads(), "cart-a ");
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.pass(10s);
  EXPECT_EQ(workloads(), "cart-a cart-b ");
}

TEST_F(WatchedCluster, AnObjectTooLargeIsPassedOver) {
  start();
  Json large = make_pod("large", "10.1.0.9", "cart");
  large["metadata"]["annotations"]["x"] = std::string(9 * 1024 * 1024, 'x');
  api_.put(kPods, large);
  api_.put(kPods, make_pod("cart-b", "10.1.0.2", "cart"));
  rig_.pass(2s);
  EXPECT_EQ(workloads(), "cart-a cart-b ");
  EXPECT_NE(control_->metrics().find("weft_control_kube_skipped_total{resource=\"pods\"} 1"),
            std::string::npos);
}

TEST_F(WatchedCluster, ABadRouteChangesNothingButWhatIsSaidOfIt) {
  api_.put(kRoutes, make_route("cart"));
  start();
  ASSERT_EQ(mesh().http_routes.size(), 1u);
  Json bad = make_route("cart");
  bad["spec"]["rules"][0]["matches"] = "all";
  api_.put(kRoutes, bad);
  rig_.pass(200ms, 10ms);
  EXPECT_EQ(mesh().http_routes.size(), 1u);
  ASSERT_EQ(control_->registry().problems().size(), 1u);
  EXPECT_TRUE(control_->registry().problems()[0].older_holds);
  EXPECT_TRUE(control_->registry().problems()[0].text.starts_with("HTTPRoute shop/cart:"));
  api_.put(kRoutes, make_route("cart"));
  rig_.pass(200ms, 10ms);
  EXPECT_EQ(control_->registry().problems().size(), 0u);
  api_.remove(kRoutes, "shop", "cart");
  rig_.pass(200ms, 10ms);
  EXPECT_EQ(mesh().http_routes.size(), 0u);
}

TEST_F(WatchedCluster, AKindThatIsInstalledLaterIsFound) {
  start();
  EXPECT_EQ(mesh().http_routes.size(), 0u);
  api_.put(kRoutes, make_route("cart"));
  rig_.pass(70s, 200ms);
  EXPECT_EQ(mesh().http_routes.size(), 1u);
}

TEST_F(WatchedCluster, EveryReplicaHasTheSameRoot) {
  start();
  ASSERT_EQ(live_, 1);
  const std::string root = control_->authority().root_pem();
  ASSERT_NE(api_.find(kSecrets, "weft-system", "weft-root"), nullptr);
  restart();
  EXPECT_EQ(live_, 1);
  EXPECT_EQ(control_->authority().root_pem(), root);
  std::size_t made = 0;
  for (const std::string& request : api_.requests)
    made += request.starts_with("POST /api/v1/names");
  EXPECT_EQ(made, 1u);
}

TEST_F(WatchedCluster, ARootThatSomebodyElseMakesMeanwhileIsTaken) {
  const std::string theirs = Authority::make_root_pem({.wall_clock = &read_wall_clock}).value();
  std::string text(base64_size(theirs.size()), '\0');
  encode_base64(as_bytes(theirs), text);
  rig_.service.handle("GET", "/api/v1/namespaces/weft-system/secrets/weft-root",
                      [&, first = true](const http::ServiceRequest&) mutable {
                        if (std::exchange(first, false)) return http::Reply{.status = 404};
                        return http::Reply{.body = Json{{"data", {{"root.pem", text}}}}.dump()};
                      });
  rig_.service.handle("POST", "/api/v1/namespaces/weft-system/secrets",
                      [](const http::ServiceRequest&) { return http::Reply{.status = 409}; });
  start();
  ASSERT_EQ(live_, 1);
  EXPECT_NE(theirs.find(control_->authority().root_pem()), std::string::npos);
}

TEST_F(WatchedCluster, AGenerationIsNeverLowerThanBeforeARestart) {
  start();
  const auto before = mesh().generation;
  wall_now_ += 10s;
  restart();
  EXPECT_GT(mesh().generation, before);
  EXPECT_LT(mesh().generation, std::uint64_t{1} << 53) << "JSON carries it";
}

// ---- what a change costs ----

// In things worked out, whatever the machine: times are told by tests/bench/micro_config.
TEST_F(WatchedCluster, OneEndpointOfAThousandIsWorkedOutAlone) {
  constexpr std::size_t kMany = 100;
  for (std::size_t service = 0; service < kMany; ++service) {
    const std::string app = "app-" + std::to_string(service);
    api_.put(kServices, make_service(app));
    for (int i = 0; i < 10; ++i) {
      api_.put(kPods,
               make_pod(app + "-" + std::to_string(i),
                        "10.10." + std::to_string(service) + "." + std::to_string(i + 1), app));
    }
  }
  start();
  rig_.pass(5s);
  const std::shared_ptr<const Mesh> before = control_->registry().mesh();
  ASSERT_EQ(before->workloads.size(), 10 * kMany + 1);
  const Node asker{.kind = Node::Kind::kProxyless, .client_namespace = "shop"};
  Planner first(before);
  const auto told = first.plan(asker);
  EXPECT_EQ(first.worked_out(), 2 * before->services.size())
      << "a cluster and its endpoints for each Service";

  Json pod = make_pod("app-50-5", "10.10.50.6", "app-50");
  pod["status"]["conditions"][0]["status"] = "False";
  api_.put(kPods, pod);
  rig_.pass(1s, 10ms);
  const std::shared_ptr<const Mesh> after = control_->registry().mesh();
  ASSERT_NE(after, before);
  EXPECT_FALSE(after->workloads.at({"shop", "app-50-5"})->ready);
  EXPECT_EQ(after->joined, before->joined) << "the rest was not joined anew";
  std::size_t workloads = 0;
  for (const auto& [name, workload] : after->workloads) {
    workloads += workload != before->workloads.at(name) ? 1 : 0;
  }
  EXPECT_EQ(workloads, 1U);
  std::size_t resolved = 0;
  for (const auto& [name, service] : after->services) {
    resolved += service.ports.is(before->services.at(name).ports) ? 0 : 1;
  }
  EXPECT_EQ(resolved, 1U);

  Planner next(after, &first);
  const auto told_next = next.plan(asker);
  EXPECT_EQ(next.worked_out(), 2U);
  std::size_t differ = 0;
  const auto& endpoints = *told->find(xds::message_name(xds::kEndpointType));
  for (const auto& [name, resource] :
       told_next->find(xds::message_name(xds::kEndpointType))->resources) {
    differ += endpoints.resources.find(name)->second != resource ? 1 : 0;
  }
  EXPECT_EQ(differ, 1U);
  EXPECT_EQ(told_next->find(xds::message_name(xds::kClusterType)),
            told->find(xds::message_name(xds::kClusterType)));
}

}  // namespace
}  // namespace weft::control
