#include "sidecar/proxy/fault.h"

#include <gtest/gtest.h>

#include <vector>

#include "sidecar/proxy/slow_body.h"

namespace weft::proxy {
namespace {

using namespace std::chrono_literals;

const WallTime kWallStart{1'800'000'000s};
const TimePoint kFaultStart{1000s};

config::FaultPolicy aborting(std::uint32_t per_million) {
  config::FaultPolicy fault{.name = "ill", .per_million = per_million};
  fault.abort = config::FaultPolicy::Abort{.http_status = 503, .grpc_status = {}};
  return fault;
}

config::FaultPolicy delaying(Duration delay, Duration jitter) {
  config::FaultPolicy fault{.name = "slow"};
  fault.delay = delay;
  fault.delay_jitter = jitter;
  return fault;
}

int struck(const config::FaultPolicy& fault, int requests) {
  Random random(11);
  const http::RequestHead head;
  int count = 0;
  for (int i = 0; i < requests; ++i) {
    const Injection injection = draw_faults({&fault, 1}, head, "cart", kWallStart, 0, random);
    count += injection.named() != nullptr ? 1 : 0;
  }
  return count;
}

TEST(Faults, StrikeTheirShareOfRequests) {
  EXPECT_EQ(struck(aborting(0), 100'000), 0);
  EXPECT_EQ(struck(aborting(config::kAlways), 1000), 1000);
  // Five standard deviations of a fair draw.
  EXPECT_NEAR(struck(aborting(10'000), 100'000), 1000, 160);
  EXPECT_NEAR(struck(aborting(1000), 1'000'000), 1000, 160) << "0.1 %, not a tenth";
}

TEST(Faults, EndWithTheirTimeWhateverElseIsSaid) {
  config::FaultPolicy fault = aborting(config::kAlways);
  fault.until = kWallStart;
  EXPECT_EQ(struck(fault, 10), 0);
  fault.until = kWallStart + 1s;
  EXPECT_EQ(struck(fault, 10), 10);
}

TEST(Faults, MatchAllTheirHeaders) {
  config::FaultPolicy fault = aborting(config::kAlways);
  for (const char* name : {"x-a", "x-b"}) {
    config::HeaderMatch match;
    match.name = name;
    match.text.value = "1";
    fault.headers.push_back(match);
  }
  Random random(1);
  http::RequestHead head;
  const auto strikes = [&] {
    return draw_faults({&fault, 1}, head, "cart", kWallStart, 0, random).named() != nullptr;
  };
  head.headers.add_copy("x-a", "1");
  EXPECT_FALSE(strikes());
  head.headers.add_copy("x-b", "1");
  EXPECT_TRUE(strikes());
}

TEST(Faults, OnlyOfACluster) {
  config::FaultPolicy fault = aborting(config::kAlways);
  fault.only_cluster = "ledger";
  EXPECT_EQ(struck(fault, 5), 0);
  fault.only_cluster = "cart";
  EXPECT_EQ(struck(fault, 5), 5);
}

TEST(Faults, NoMoreAtOnceThanAllowed) {
  config::FaultPolicy fault = aborting(config::kAlways);
  fault.active_max = 2;
  Random random(1);
  const http::RequestHead head;
  FaultSwitch faults;
  std::vector<FaultSwitch::Active> active;
  for (int i = 0; i < 5; ++i) {
    if (draw_faults({&fault, 1}, head, "cart", kWallStart, faults.active(), random).named() !=
        nullptr)
      active.emplace_back(faults);
  }
  EXPECT_EQ(active.size(), 2U);
  active.clear();
  EXPECT_EQ(faults.active(), 0U);
}

TEST(Faults, DelayAndEndingAreDrawnApart) {
  const std::vector<config::FaultPolicy> both = {delaying(1s, 0s), aborting(500'000)};
  Random random(5);
  const http::RequestHead head;
  int delays = 0;
  int aborts = 0;
  for (int i = 0; i < 10'000; ++i) {
    const Injection injection = draw_faults(both, head, "cart", kWallStart, 0, random);
    delays += injection.delay != nullptr ? 1 : 0;
    aborts += injection.ending != nullptr ? 1 : 0;
    EXPECT_EQ(injection.named()->name, injection.ending != nullptr ? "ill" : "slow");
  }
  EXPECT_EQ(delays, 10'000);
  EXPECT_NEAR(aborts, 5000, 250);
}

TEST(Faults, JitterStaysWithinItsBounds) {
  const config::FaultPolicy fault = delaying(2s, 100ms);
  Random random(3);
  const http::RequestHead head;
  Duration least = 10s;
  Duration most = 0s;
  for (int i = 0; i < 10'000; ++i) {
    const Duration delay = draw_faults({&fault, 1}, head, "", kWallStart, 0, random).delay_for;
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, 1900ms);
  EXPECT_LE(least, 1905ms);
  EXPECT_LE(most, 2100ms);
  EXPECT_GE(most, 2095ms);
}

TEST(Faults, AnAbortHasBothStatuses) {
  const auto statuses = [](const config::FaultPolicy::Abort& abort) {
    const AbortStatus status = status_of(abort);
    return std::to_string(status.http) + "/" + std::to_string(status.grpc);
  };
  EXPECT_EQ(statuses({.http_status = 503, .grpc_status = {}}), "503/14");
  EXPECT_EQ(statuses({.http_status = 404, .grpc_status = {}}), "404/12");
  EXPECT_EQ(statuses({.http_status = {}, .grpc_status = 8}), "429/8");
  EXPECT_EQ(statuses({.http_status = {}, .grpc_status = 14}), "503/14");
}

TEST(SlowBody, LeavesAtItsRateAndWhole) {
  SlowBody body(1000, kFaultStart);
  body.add(Buffer(std::string(1500, 'x')), true);
  EXPECT_TRUE(body.next(kFaultStart).empty());
  std::string got;
  TimePoint now = kFaultStart;
  while (!body.done()) {
    now += SlowBody::kTick;
    const Buffer piece = body.next(now);
    EXPECT_LE(piece.size(), 51U);
    got += piece.to_string();
  }
  EXPECT_EQ(got, std::string(1500, 'x'));
  EXPECT_NEAR(std::chrono::duration<double>(now - kFaultStart).count(), 1.5, 0.1);
}

TEST(SlowBody, APauseOfTheOriginIsNoCredit) {
  SlowBody body(100, kFaultStart);
  body.add(Buffer(std::string(10'000, 'x')), false);
  EXPECT_LE(body.next(kFaultStart + 1h).size(), 100U);
}

TEST(SlowBody, OneByteASecondComesThrough) {
  SlowBody body(1, kFaultStart);
  body.add(Buffer("ab"), true);
  TimePoint now = kFaultStart;
  int ticks = 0;
  for (; !body.done() && ticks < 100; ++ticks) (void)body.next(now += SlowBody::kTick);
  EXPECT_NEAR(ticks, 40, 2);
}

}  // namespace
}  // namespace weft::proxy
