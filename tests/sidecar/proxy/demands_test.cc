#include "sidecar/proxy/demands.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weft::proxy {
namespace {

using namespace std::chrono_literals;
using telemetry::OnDemandResult;

SocketAddress at(std::uint16_t port) { return {IpAddress::v4(0x0a600001U), port}; }

class DemandsTest : public ::testing::Test, public Demands::Source {
 protected:
  class Connection final : public Demands::Waiter {
   public:
    void on_answered() override { ++answers; }
    int answers = 0;
  };

  void ask_for(const SocketAddress& destination) override {
    asked.push_back(destination.to_string());
  }
  std::unique_ptr<Connection> waiting_for(std::uint16_t port) {
    auto connection = std::make_unique<Connection>();
    EXPECT_TRUE(demands.wait(at(port), limits, *connection));
    return connection;
  }
  double count(OnDemandResult result) {
    return static_cast<double>(metrics.on_demand(result).value());
  }

  Turn turn{TimePoint(1h)};
  telemetry::ProxyMetrics metrics;
  config::OnDemand limits{.timeout = 2s, .waiting_max = 3};
  Demands demands{turn, metrics, *this};
  std::vector<std::string> asked;
};

TEST_F(DemandsTest, AsksOnceHoweverManyCall) {
  const auto first = waiting_for(80);
  const auto second = waiting_for(80);
  EXPECT_EQ(asked, std::vector<std::string>{"10.96.0.1:80"});
  EXPECT_EQ(demands.waiting(), 2U);
  EXPECT_EQ(metrics.on_demand_waiting.value(), 2);
  demands.answer(at(80), true);
  EXPECT_EQ(first->answers, 1);
  EXPECT_EQ(second->answers, 1);
  EXPECT_EQ(demands.waiting(), 0U);
  EXPECT_EQ(metrics.on_demand_waiting.value(), 0);
  EXPECT_TRUE(demands.answered(at(80)));
  EXPECT_EQ(count(OnDemandResult::kKnown), 1);
}

TEST_F(DemandsTest, RemembersForAWhileThatNobodyIsThere) {
  const auto first = waiting_for(80);
  demands.answer(at(80), false);
  EXPECT_EQ(first->answers, 1);
  EXPECT_TRUE(demands.answered(at(80)));
  turn.advance(turn.now() + Demands::kUnknownKept);
  EXPECT_FALSE(demands.answered(at(80)));
  const auto second = waiting_for(80);
  EXPECT_EQ(asked.size(), 2U);
  demands.answer(at(80), true);
  EXPECT_EQ(second->answers, 1);
}

TEST_F(DemandsTest, WaitsNoLongerThanItsLimit) {
  const auto first = waiting_for(80);
  turn.advance(turn.now() + 1s);
  const auto other = waiting_for(81);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(first->answers, 1);
  EXPECT_EQ(other->answers, 0);
  EXPECT_EQ(count(OnDemandResult::kTimeout), 1);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(other->answers, 1);
  // A late answer counts for those to come.
  demands.answer(at(80), true);
  EXPECT_EQ(first->answers, 1);
  turn.advance(turn.now() + 1h);
  EXPECT_TRUE(demands.answered(at(80)));
}

TEST_F(DemandsTest, EachHearsAtItsOwnLimitInWhateverOrderTheyAsked) {
  limits.timeout = 5s;
  const auto patient = waiting_for(80);
  limits.timeout = 1s;
  const auto hasty = waiting_for(81);
  limits.timeout = 3s;
  const auto answered = waiting_for(82);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(hasty->answers, 1);
  EXPECT_EQ(patient->answers, 0);
  demands.answer(at(82), true);
  turn.advance(turn.now() + 3s);
  EXPECT_EQ(answered->answers, 1);
  EXPECT_EQ(patient->answers, 0);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(patient->answers, 1);
  EXPECT_EQ(count(OnDemandResult::kTimeout), 2) << "what was answered in time is not late";
}

// As many as there may be, each with a limit of its own, the last ones first.
TEST_F(DemandsTest, AllOfThemHearInTime) {
  limits.waiting_max = 10'000;
  std::vector<std::unique_ptr<Connection>> held;
  for (std::size_t i = 0; i < Demands::kMax; ++i) {
    limits.timeout = std::chrono::milliseconds(10 * (Demands::kMax - i));
    held.push_back(waiting_for(static_cast<std::uint16_t>(1 + i)));
  }
  for (std::size_t told = 0; told <= Demands::kMax; told += 512) {
    EXPECT_EQ(demands.waiting(), Demands::kMax - told);
    for (std::size_t i = 0; i < Demands::kMax; ++i) {
      ASSERT_EQ(held[i]->answers, i >= Demands::kMax - told ? 1 : 0) << i << " after " << told;
    }
    turn.advance(turn.now() + 512 * 10ms);
  }
}

// Whoever was told that time is over asks again, and waits for his new limit.
TEST_F(DemandsTest, MayBeAskedAgainByWhoHears) {
  class Insistent final : public Demands::Waiter {
   public:
    Insistent(Demands& demands, const config::OnDemand& limits)
        : demands_(demands), limits_(limits) {}
    void on_answered() override {
      if (++answers != 1) return;
      demands_.forget(at(80));
      EXPECT_TRUE(demands_.wait(at(80), limits_, *this));
    }
    int answers = 0;

   private:
    Demands& demands_;
    const config::OnDemand& limits_;
  };
  Insistent caller(demands, limits);
  ASSERT_TRUE(demands.wait(at(80), limits, caller));
  turn.advance(turn.now() + 2s);
  EXPECT_EQ(caller.answers, 1);
  EXPECT_EQ(asked.size(), 2U);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(caller.answers, 1);
  turn.advance(turn.now() + 1s);
  EXPECT_EQ(caller.answers, 2);
}

TEST_F(DemandsTest, LetsNoMoreWaitThanItsLimit) {
  std::vector<std::unique_ptr<Connection>> held;
  for (std::uint16_t port = 1; port <= 3; ++port) held.push_back(waiting_for(port));
  Connection late;
  EXPECT_FALSE(demands.wait(at(1), limits, late));
  EXPECT_FALSE(demands.wait(at(4), limits, late));
  EXPECT_EQ(count(OnDemandResult::kLimit), 2);
  held.pop_back();
  EXPECT_EQ(demands.waiting(), 2U) << "whoever leaves makes room";
  EXPECT_TRUE(demands.wait(at(4), limits, late));
}

TEST_F(DemandsTest, AConnectionThatEndedHearsNothing) {
  auto first = waiting_for(80);
  const auto second = waiting_for(80);
  first.reset();
  demands.answer(at(80), true);
  EXPECT_EQ(second->answers, 1);
  EXPECT_EQ(metrics.on_demand_waiting.value(), 0);
}

TEST_F(DemandsTest, AsksAgainForWhatWasForgotten) {
  const auto first = waiting_for(80);
  demands.answer(at(80), true);
  demands.forget(at(80));
  EXPECT_FALSE(demands.answered(at(80)));
  const auto second = waiting_for(80);
  EXPECT_EQ(asked.size(), 2U);
  demands.forget(at(80));
  EXPECT_EQ(second->answers, 0) << "what is asked is not forgotten";
}

TEST_F(DemandsTest, RemembersABoundedNumber) {
  limits.waiting_max = 10'000;
  std::vector<std::unique_ptr<Connection>> held;
  for (std::size_t i = 0; i < Demands::kMax; ++i) {
    held.push_back(waiting_for(static_cast<std::uint16_t>(1 + i)));
  }
  Connection late;
  EXPECT_FALSE(demands.wait(at(60'000), limits, late)) << "all of them are asked for";
  // Those at which nobody is make room when that is no longer sure.
  turn.advance(turn.now() + 2s);
  EXPECT_FALSE(demands.wait(at(60'000), limits, late));
  turn.advance(turn.now() + Demands::kUnknownKept);
  EXPECT_TRUE(demands.wait(at(60'000), limits, late));
  EXPECT_EQ(demands.known(), Demands::kMax) << "one made room for one";
  // What is known makes none.
  for (std::size_t i = 0; i < Demands::kMax; ++i) {
    demands.answer(at(static_cast<std::uint16_t>(1 + i)), true);
  }
  demands.answer(at(60'000), true);
  turn.advance(turn.now() + 1h);
  Connection last;
  EXPECT_FALSE(demands.wait(at(60'001), limits, last));
}

}  // namespace
}  // namespace weft::proxy
