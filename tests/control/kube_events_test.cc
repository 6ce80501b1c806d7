// What people are told in events: refused objects, pods that ask for a sidecar and have none.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "control/kubernetes/event_recorder.h"
#include "control/kubernetes/unmeshed_pods.h"
#include "tests/control/writer_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::kPodsPath;
using testing::kRoutesPath;
using testing::kSpacesPath;
using testing::make_pod;
using testing::make_split;
using testing::Replica;
using testing::WriterRig;
using Json = testing::FakeApiServer::Json;

class Events : public WriterRig {};

TEST_F(Events, APodThatCannotBeMeshedSaysWhy) {
  api.put(kSpacesPath,
          {{"metadata", {{"name", "shop"}, {"labels", {{"weft.dev/inject", "enabled"}}}}}});
  Json host = make_pod("host", "10.1.0.7", "cart", false);
  host["spec"]["hostNetwork"] = true;
  host["metadata"]["uid"] = "u-host";
  api.put(kPodsPath, host);
  Json early = make_pod("early", "10.1.0.8", "cart", false);
  api.put(kPodsPath, early);
  Json content = make_pod("content", "10.1.0.9", "cart", false);
  content["metadata"]["labels"]["weft.dev/inject"] = "disabled";
  api.put(kPodsPath, content);
  api.put(kPodsPath, make_pod("elsewhere", "10.2.0.1", "cart", false, "other"));
  start();
  rig.pass(30s);
  std::vector<std::string> told = events();
  std::ranges::sort(told);
  ASSERT_EQ(told.size(), 2u);
  EXPECT_TRUE(told[0].starts_with("Pod early NotMeshed: no sidecar: the pod was made before"));
  EXPECT_EQ(told[1], "Pod host NotMeshed: no sidecar: hostNetwork: its traffic is the node's");
  EXPECT_TRUE(first->says("weft_control_unmeshed_pods 2"));
  rig.pass(5min, 200ms);
  EXPECT_EQ(events().size(), 2u) << "once";
  // The namespace is told later, and a pod is made anew under its name.
  api.put(kSpacesPath,
          {{"metadata", {{"name", "other"}, {"labels", {{"weft.dev/inject", "enabled"}}}}}});
  rig.pass(15s);
  EXPECT_EQ(events().size(), 3u);
}

TEST(UnmeshedPods, AsTheInjectorReadsLabels) {
  using kube::asks_for_sidecar;
  const Labels none;
  const Labels on = {{"weft.dev/inject", "enabled"}};
  const Labels off = {{"weft.dev/inject", "disabled"}};
  const Labels v2 = {{"weft.dev/rev", "v2"}};
  EXPECT_FALSE(asks_for_sidecar(none, none, "default"));
  EXPECT_TRUE(asks_for_sidecar(on, none, "default"));
  EXPECT_TRUE(asks_for_sidecar(none, on, "default"));
  EXPECT_TRUE(asks_for_sidecar(on, off, "default"));
  EXPECT_FALSE(asks_for_sidecar(off, on, "default"));
  EXPECT_FALSE(asks_for_sidecar(none, off, "default"));
  EXPECT_FALSE(asks_for_sidecar(none, v2, "default"));
  EXPECT_TRUE(asks_for_sidecar(none, v2, "v2"));
  EXPECT_TRUE(asks_for_sidecar(v2, on, "v2"));
  EXPECT_FALSE(asks_for_sidecar(v2, on, "default"));
}

TEST_F(Events, EventsAreBoundedAndNeverHoldAnythingUp) {
  for (int i = 0; i < 400; ++i) {
    Json bad = make_split();
    bad["metadata"]["name"] = "bad-" + std::to_string(i);
    bad["spec"]["rules"][0]["matches"] = "all";
    api.put(kRoutesPath, bad);
  }
  api.intercept = [](const std::string&, const std::string& path, bool done) {
    std::optional<http::Reply> instead;
    if (done && path.find("/events") != std::string::npos) instead = http::Reply{.status = 500};
    return instead;
  };
  start();
  rig.pass(1min, 100ms);
  EXPECT_EQ(status_writes(), 400u);
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(first->says("weft_control_events_total{result=\"dropped\"} 0"));
  EXPECT_LT(events().size(), 20u + 2u * 62u);
}

TEST(KubeEvents, AreOfOneFormAndBounded) {
  const kube::KubeEvent event{.api_version = "v1",
                              .kind = "Pod",
                              .name_space = "shop",
                              .name = "cart-a",
                              .uid = "u",
                              .reason = "NotMeshed",
                              .action = "Inject",
                              .note = std::string(2000, 'x')};
  const Json read =
      Json::parse(kube::event_text(event, "weft-control-0_1", Replica::wall_now, 0xabc));
  EXPECT_EQ(read["metadata"]["name"], "cart-a.0000000000000abc");
  EXPECT_EQ(read["metadata"]["namespace"], "shop");
  EXPECT_EQ(read["eventTime"], "2026-01-31T12:00:00.000000Z");
  EXPECT_EQ(read["reportingController"], "weft.dev/control");
  EXPECT_EQ(read["note"].get<std::string>().size(), kube::KubeEvent::kNoteMax);
  kube::KubeEvent of_the_mesh = event;
  of_the_mesh.name_space.clear();
  const Json mesh = Json::parse(kube::event_text(of_the_mesh, "x", Replica::wall_now, 1));
  EXPECT_EQ(mesh["metadata"]["namespace"], "default");
  EXPECT_FALSE(mesh["regarding"].contains("namespace"));
}

}  // namespace
}  // namespace weft::control
