// Which of several replicas writes into the cluster: one, and another when that one is gone.

#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "tests/control/writer_rig.h"

namespace weft::control {
namespace {

using namespace std::chrono_literals;
using testing::kLeasesPath;
using testing::kPodsPath;
using testing::kRoutesPath;
using testing::make_control_pod;
using testing::make_split;
using testing::WriterRig;
using Json = testing::FakeApiServer::Json;

class WriterLead : public WriterRig {};

TEST_F(WriterLead, OfTwoReplicasOneWritesAndBothServe) {
  api.put(kRoutesPath, make_split());
  start();
  start_second();
  rig.pass(30s);
  EXPECT_TRUE(first->leads());
  EXPECT_FALSE(second->leads());
  EXPECT_EQ(second->control->state(), "LIVE");
  EXPECT_EQ(second->control->registry().mesh()->http_routes.size(), 1u);
  EXPECT_EQ(first->control->authority().root_pem(), second->control->authority().root_pem());
  EXPECT_TRUE(first->says("weft_control_leader 1"));
  EXPECT_TRUE(second->says("weft_control_leader 0"));
  for (const auto& write : api.writes) {
    if (write.status >= 300) continue;
    EXPECT_EQ(write.token, "secret") << write.method << " " << write.path;
  }
}

TEST_F(WriterLead, ALeaderThatIsKilledIsReplacedWithinFifteenSeconds) {
  api.put(kRoutesPath, make_split());
  start();
  start_second();
  rig.pass(3s);
  ASSERT_TRUE(first->leads());
  const TimePoint killed = rig.turn.now();
  first.reset();
  rig.turn.end();
  api.put(kRoutesPath, make_split(2));
  const std::size_t before = api.writes.size();
  while (!second->leads() && rig.turn.now() < killed + 1min) rig.pass(50ms);
  EXPECT_LE((rig.turn.now() - killed) / 1ms, 15'000);
  EXPECT_GE((rig.turn.now() - killed) / 1ms, 9'000);
  for (std::size_t i = before; i < api.writes.size(); ++i) {
    EXPECT_FALSE(api.writes[i].path.ends_with("/status")) << "before anybody leads";
  }
  rig.pass(2s);
  EXPECT_TRUE(route_says().starts_with("Accepted=True/Accepted/2")) << route_says();
  const Json& lease = *api.find(kLeasesPath, "weft-system", "weft-control");
  EXPECT_TRUE(lease["spec"]["holderIdentity"].get<std::string>().starts_with("second_"));
  EXPECT_EQ(lease["spec"]["leaseTransitions"], 1);
  EXPECT_TRUE(second->says("weft_control_leader_transitions_total{to=\"acquired\"} 1"));
}

TEST_F(WriterLead, ALeaderThatDrainsGivesItsPlaceAtOnce) {
  start();
  start_second();
  ASSERT_TRUE(first->leads());
  first->control->drain();
  rig.pass(3s);
  EXPECT_TRUE(first->drained);
  EXPECT_TRUE(second->leads());
  EXPECT_FALSE(first->leads());
}

// A write is under way and the API server is cut off: nothing is written under a Lease that is
// over.
TEST_F(WriterLead, ALeaseThatIsLostMidWriteWritesNoMore) {
  start();
  ASSERT_TRUE(first->leads());
  api.put(kRoutesPath, make_split());
  rig.pass(250ms, 10ms);
  rig.reachable = false;
  rig.cut();
  rig.pass(6s);
  EXPECT_TRUE(first->says("weft_control_leader 1") || !first->leads());
  rig.pass(2s);
  EXPECT_FALSE(first->leads());
  EXPECT_TRUE(first->says("weft_control_leader 0"));
  EXPECT_TRUE(first->says("weft_control_leader_transitions_total{to=\"lost\"} 1"));
  EXPECT_EQ(first->control->state(), "LIVE") << "and serves on";
  // Another one has it meanwhile.
  Json lease = *api.find(kLeasesPath, "weft-system", "weft-control");
  lease["spec"]["holderIdentity"] = "another";
  lease["spec"]["leaseDurationSeconds"] = 600;
  api.put(kLeasesPath, lease);
  const std::size_t before = status_writes();
  rig.reachable = true;
  rig.pass(90s, 100ms);
  EXPECT_EQ(status_writes(), before);
  EXPECT_FALSE(first->leads());
}

TEST_F(WriterLead, AnApiServerThatIsBackGivesTheLeaseBack) {
  api.put(kRoutesPath, make_split());
  start();
  rig.pass(2s);
  rig.reachable = false;
  rig.cut();
  rig.pass(1min, 100ms);
  EXPECT_FALSE(first->leads());
  api.put(kRoutesPath, make_split(2));
  rig.reachable = true;
  rig.pass(90s, 100ms);
  EXPECT_TRUE(first->leads());
  EXPECT_TRUE(route_says().starts_with("Accepted=True/Accepted/2")) << route_says();
}

TEST_F(WriterLead, WithoutTheRightToALeaseNothingIsWrittenAndEverythingServed) {
  api.put(kRoutesPath, make_split());
  api.intercept = [](const std::string&, const std::string& path, bool) {
    std::optional<http::Reply> instead;
    if (path.find("/leases") != std::string::npos) instead = http::Reply{.status = 403};
    return instead;
  };
  start();
  rig.pass(30s);
  EXPECT_EQ(first->control->state(), "LIVE");
  EXPECT_FALSE(first->leads());
  EXPECT_EQ(status_writes(), 0u);
}

TEST_F(WriterLead, ReplicasAskEachOtherWhomTheyServe) {
  api.put(kPodsPath, make_control_pod("secret", "10.9.0.1"));
  api.put(kPodsPath, make_control_pod("second", "10.9.0.2"));
  api.put(kPodsPath, make_control_pod("third", "10.9.0.3"));
  start();
  start_second();
  ports.at["10.9.0.1:15014"] = &first->control->admin();
  ports.at["10.9.0.2:15014"] = &second->control->admin();
  rig.pass(5s);
  EXPECT_TRUE(first->leads());
  EXPECT_TRUE(first->says("weft_control_replicas_known 1"))
      << "itself it knows, the third is silent";
  EXPECT_TRUE(second->says("weft_control_replicas_known 1")) << "who does not write knows as well";
  // One that is gone counts for ten seconds.
  ports.at.clear();
  rig.cut();
  rig.pass(30s);
  EXPECT_TRUE(first->says("weft_control_replicas_known 0"));
}

}  // namespace
}  // namespace weft::control
