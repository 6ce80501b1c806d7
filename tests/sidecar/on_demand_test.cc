// The destinations that a sidecar asks the control plane for: what is subscribed to when, who hears
// what, and what is forgotten.

#include "sidecar/on_demand.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::sidecar {
namespace {

using namespace std::chrono_literals;

class OnDemandTest : public ::testing::Test, public OnDemand::Owner {
 protected:
  void on_destinations_wanted(const OnDemand::Names& names) override {
    std::string line = "want";
    for (const std::string& name : names) line += " " + name;
    events += line + "\n";
  }
  void on_destination_answered(const std::string& name, bool known) override {
    events += name + (known ? " known\n" : " unknown\n");
  }
  void on_destination_forgotten(const std::string& name) override { events += name + " gone\n"; }
  void on_use_asked() override { ++looks; }

  std::string take() { return std::exchange(events, {}); }
  // Time passes as it does in a sidecar whose cluster has had so many calls by the end of each
  // minute.
  void pass(Duration time, std::uint64_t calls, std::uint32_t busy = 0) {
    for (Duration passed{}; passed < time; passed += 1min) {
      const int before = looks;
      turn.advance(turn.now() + 1min);
      if (looks != before) demand.note_use(0, states(calls, busy));
    }
  }
  static OnDemand::ClusterStates states(std::uint64_t calls, std::uint32_t busy) {
    upstream::ClusterSet::EndpointState endpoint{.address = "10.1.1.1:8080"};
    endpoint.successes = calls;
    upstream::ClusterSet::ClusterState cluster{.name = "cart"};
    cluster.active_requests = busy;
    cluster.endpoints = {endpoint};
    upstream::ClusterSet::ClusterState direct{.name = "direct|http1"};
    direct.endpoints = {endpoint};
    return {cluster, direct};
  }

  Turn turn{TimePoint(1h)};
  OnDemand demand{turn, *this};
  std::string events;
  int looks = 0;
};

TEST_F(OnDemandTest, IsKnownWhenItIsPublished) {
  demand.want("a:80");
  EXPECT_EQ(take(), "want a:80\n");
  demand.want("a:80");
  EXPECT_EQ(take(), "") << "it is asked for already";
  demand.on_known("a:80", {"cart"});
  EXPECT_EQ(take(), "") << "what belongs to it is not in force yet";
  demand.on_published();
  EXPECT_EQ(take(), "a:80 known\n");
  demand.on_published();
  EXPECT_EQ(take(), "");
  demand.want("a:80");
  EXPECT_EQ(take(), "a:80 known\n") << "another worker asks";
}

TEST_F(OnDemandTest, IsUnknownAtOnce) {
  demand.want("a:80");
  take();
  demand.on_unknown("a:80");
  EXPECT_EQ(take(), "a:80 unknown\n");
  demand.want("a:80");
  EXPECT_EQ(take(), "a:80 unknown\n") << "nobody has to be asked again";
  // A Service comes.
  demand.on_known("a:80", {"cart"});
  demand.on_published();
  EXPECT_EQ(take(), "a:80 known\n");
}

TEST_F(OnDemandTest, IsAskedForAgainWhenItsServiceIsGone) {
  demand.want("a:80");
  demand.on_known("a:80", {"cart"});
  demand.on_published();
  take();
  demand.on_unknown("a:80");
  EXPECT_EQ(take(), "a:80 gone\n");
}

TEST_F(OnDemandTest, IsForgottenWhenNobodyUsesIt) {
  demand.want("a:80");
  demand.on_known("a:80", {"cart"});
  demand.on_published();
  take();
  pass(OnDemand::kIdle - 1min, 0);
  EXPECT_EQ(take(), "");
  pass(2min, 0);
  EXPECT_EQ(take(), "a:80 gone\nwant\n");
  EXPECT_EQ(demand.size(), 0U);
  const int before = looks;
  pass(10min, 0);
  EXPECT_EQ(looks, before) << "nobody looks where there is nothing";
}

TEST_F(OnDemandTest, StaysAsLongAsItIsUsed) {
  demand.want("a:80");
  demand.on_known("a:80", {"cart"});
  demand.on_published();
  take();
  for (std::uint64_t calls = 1; calls < 5; ++calls) pass(OnDemand::kIdle - 2min, calls);
  EXPECT_EQ(take(), "") << "called now and then";
  pass(3 * OnDemand::kIdle, 5, 1);
  EXPECT_EQ(take(), "") << "one long request";
  pass(OnDemand::kIdle + 2min, 5);
  EXPECT_EQ(take(), "a:80 gone\nwant\n");
}

TEST_F(OnDemandTest, OfAPodIsSeenInUseByItsAddress) {
  demand.want("10.1.1.1:8080");
  demand.on_known("10.1.1.1:8080", {});
  demand.on_published();
  take();
  for (std::uint64_t calls = 1; calls < 5; ++calls) pass(OnDemand::kIdle - 2min, calls);
  EXPECT_EQ(take(), "");
  pass(OnDemand::kIdle + 2min, 4);
  EXPECT_EQ(take(), "10.1.1.1:8080 gone\nwant\n");
}

TEST_F(OnDemandTest, ThatIsUnknownIsNotAskedForForEver) {
  demand.want("a:80");
  demand.on_unknown("a:80");
  take();
  pass(OnDemand::kUnknownKept, 0);
  EXPECT_EQ(take(), "a:80 gone\nwant\n");
}

TEST_F(OnDemandTest, HasABoundAndWhatIsUnknownMakesRoom) {
  for (std::size_t i = 0; i < OnDemand::kMax; ++i) demand.want("a:" + std::to_string(1000 + i));
  take();
  demand.want("b:1");
  EXPECT_EQ(take(), "b:1 unknown\n");
  demand.on_unknown("a:1007");
  take();
  demand.want("b:1");
  EXPECT_EQ(take().substr(0, 12), "a:1007 gone\n");
  EXPECT_EQ(demand.size(), OnDemand::kMax);
}

}  // namespace
}  // namespace weft::sidecar
