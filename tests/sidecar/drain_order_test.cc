// In which order a sidecar stops, act by act.

#include "sidecar/drain_order.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

namespace weft::sidecar {
namespace {

using namespace std::chrono_literals;
using Phase = DrainOrder::Phase;
using Act = DrainOrder::Act;

std::string name_of_act(Act act) {
  switch (act) {
    case Act::kNone:
      return "-";
    case Act::kCloseInbound:
      return "close inbound";
    case Act::kPartOutbound:
      return "part outbound";
    case Act::kCloseAll:
      return "close all";
    case Act::kCut:
      return "cut";
  }
  return "?";
}

class Draining : public ::testing::Test {
 protected:
  void begin(const DrainOrder::Options& options) {
    order = std::make_unique<DrainOrder>(options);
    note(order->begin(now));
  }
  // Every 100 ms, as the sidecar does, with these connections there.
  void pass(Duration time, DrainOrder::Facts facts = {}) {
    facts.outbound_accepted = accepted;
    for (Duration passed{}; passed < time; passed += DrainOrder::kLookEvery) {
      now += DrainOrder::kLookEvery;
      note(order->look(now, facts));
    }
  }
  // "0ms close all; 300ms cut; "
  [[nodiscard]] std::string told() { return std::exchange(transcript, {}); }

  std::unique_ptr<DrainOrder> order;
  TimePoint now{1h};
  std::uint64_t accepted = 7;

 private:
  void note(Act act) {
    if (act == Act::kNone) return;
    const auto at = std::chrono::duration_cast<std::chrono::milliseconds>(now - TimePoint(1h));
    transcript += std::to_string(at.count()) + "ms " + name_of_act(act) + "; ";
  }
  std::string transcript;
};

TEST_F(Draining, ClosesEverythingAtOnceByDefault) {
  begin({.timeout = 2s});
  EXPECT_EQ(order->phase(), Phase::kClosing);
  EXPECT_FALSE(order->looks());
  pass(1900ms, {.inbound = 3, .outbound = 2});
  EXPECT_EQ(told(), "0ms close all; ");
  pass(500ms);
  EXPECT_EQ(told(), "2000ms cut; ");
  EXPECT_EQ(order->phase(), Phase::kOver);
}

TEST_F(Draining, TakesNewConnectionsUntilTheNewsHasSpread) {
  begin({.delay = 1s, .timeout = 30s});
  EXPECT_EQ(order->phase(), Phase::kHolding);
  EXPECT_TRUE(order->looks());
  pass(5s);
  EXPECT_EQ(told(), "1000ms close all; ");
}

TEST_F(Draining, LetsTheAppCallOutUntilItIsSilent) {
  begin({.outbound_last = true, .timeout = 30s});
  pass(2s, {.inbound = 1, .outbound = 1});
  EXPECT_EQ(told(), "0ms close inbound; ");
  pass(100ms, {.inbound = 0, .outbound = 1});
  EXPECT_EQ(order->phase(), Phase::kOutbound);
  pass(2s, {.outbound = 1});
  // Those that are idle are told so again, each time the quiet would have been long enough.
  EXPECT_EQ(told(), "2100ms part outbound; 3100ms part outbound; 4100ms part outbound; ");
  pass(5s);
  EXPECT_EQ(told(), "5100ms close all; ");
  EXPECT_FALSE(order->looks());
}

TEST_F(Draining, HearsCallsThatComeAndGoBetweenTwoLooks) {
  begin({.outbound_last = true, .timeout = 30s});
  pass(100ms);
  for (int i = 0; i < 40; ++i) {
    ++accepted;
    pass(100ms);
  }
  EXPECT_EQ(order->phase(), Phase::kOutbound);
  pass(1s);
  EXPECT_EQ(order->phase(), Phase::kClosing);
}

TEST_F(Draining, CutsWhateverIsLeftWhenItsTimeIsUp) {
  for (const bool outbound_last : {false, true}) {
    for (const Duration delay : {Duration(0s), Duration(10s)}) {
      now = TimePoint(1h);
      begin({.delay = delay, .outbound_last = outbound_last, .timeout = 3s});
      (void)told();
      pass(5s, {.inbound = outbound_last ? 0U : 1U, .outbound = 1});
      EXPECT_TRUE(told().ends_with("3000ms cut; "));
      EXPECT_EQ(order->phase(), Phase::kOver);
    }
  }
}

TEST_F(Draining, HasAllItsStepsInOrder) {
  begin({.delay = 2s, .outbound_last = true, .timeout = 30s});
  EXPECT_EQ(order->phase(), Phase::kHolding);
  pass(2s, {.inbound = 2, .outbound = 1});
  EXPECT_EQ(order->phase(), Phase::kInbound);
  pass(1s, {.inbound = 1, .outbound = 1});
  EXPECT_EQ(order->phase(), Phase::kInbound);
  pass(1s, {.inbound = 0, .outbound = 1});
  EXPECT_EQ(order->phase(), Phase::kOutbound);
  pass(2s);
  EXPECT_EQ(order->phase(), Phase::kClosing);
  EXPECT_EQ(told(), "2000ms close inbound; 3100ms part outbound; 5000ms close all; ");
}

}  // namespace
}  // namespace weft::sidecar
