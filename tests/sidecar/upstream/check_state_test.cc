// Health checks without a network: what a row of results means, when the next one is due, how
// answers are read.
#include "sidecar/upstream/check_state.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/core/buffer.h"
#include "sidecar/http/grpc.h"
#include "sidecar/upstream/health_probe.h"

namespace weft::upstream {
namespace {

using namespace std::chrono_literals;
using Said = CheckState::Result;

config::HealthCheck three_down_two_up() {
  config::HealthCheck settings;
  settings.failures_max = 3;
  settings.passes_min = 2;
  return settings;
}

// p: passes, n: an answer that says no, -: no answer. What is told of each: up, down or nothing.
std::string told(const config::HealthCheck& settings, std::string_view results) {
  CheckState state;
  std::string out;
  for (const char c : results) {
    const std::optional<bool> edge = state.note(settings, c == 'p'   ? Said::kPass
                                                          : c == 'n' ? Said::kNo
                                                                     : Said::kNoAnswer);
    out += !edge ? '.' : *edge ? 'U' : 'D';
  }
  return out;
}

TEST(CheckState, TheFirstResultDecidesAlone) {
  EXPECT_EQ(told(three_down_two_up(), "p"), "U");
  EXPECT_EQ(told(three_down_two_up(), "-"), "D");
  EXPECT_EQ(told(three_down_two_up(), "n"), "D");
}

TEST(CheckState, OnlyResultsInARowCount) {
  EXPECT_EQ(told(three_down_two_up(), "p---"), "U..D");
  EXPECT_EQ(told(three_down_two_up(), "p--p--p--p---"), "U...........D");
  EXPECT_EQ(told(three_down_two_up(), "-pp"), "D.U");
  EXPECT_EQ(told(three_down_two_up(), "-p-p-pp"), "D.....U");
}

TEST(CheckState, AnAnswerThatSaysNoIsBelievedAtOnce) {
  EXPECT_EQ(told(three_down_two_up(), "pn"), "UD");
  EXPECT_EQ(told(three_down_two_up(), "pnp-pp"), "UD...U");
}

// An up/down counter would tell the same edge again and again (patterns-b.md CB-13).
TEST(CheckState, AnAlternatingTargetTellsNothingTwice) {
  EXPECT_EQ(told(three_down_two_up(), "p-p-p-p-p-p-"), "U...........");
  EXPECT_EQ(told(three_down_two_up(), "ppppnnnnpppp"), "U...D....U..");
}

TEST(CheckState, TheIntervalFollowsTheState) {
  config::HealthCheck settings = three_down_two_up();
  settings.interval = 10s;
  settings.interval_passing_edge = 1s;
  settings.interval_failing = 5s;
  settings.interval_failing_edge = 2s;
  settings.interval_unused = 60s;
  settings.interval_unused_passing = 90s;
  Random random(1);
  CheckState state;
  (void)state.note(settings, Said::kPass);
  EXPECT_EQ(state.next_in(settings, true, random), 10s);
  EXPECT_EQ(state.next_in(settings, false, random), 90s);
  (void)state.note(settings, Said::kNoAnswer);
  EXPECT_EQ(state.next_in(settings, true, random), 1s) << "soon, for it may be down";
  (void)state.note(settings, Said::kNo);
  EXPECT_EQ(state.next_in(settings, true, random), 5s);
  EXPECT_EQ(state.next_in(settings, false, random), 60s);
  (void)state.note(settings, Said::kPass);
  EXPECT_EQ(state.next_in(settings, true, random), 2s);
}

TEST(CheckState, JitterIsAddedAndStaysInItsBounds) {
  config::HealthCheck settings;
  settings.interval = 10s;
  settings.jitter_percent = 20;
  settings.jitter = 1s;
  Random random(7);
  CheckState state;
  (void)state.note(settings, Said::kPass);
  Duration least = 1h;
  Duration most = 0s;
  for (int i = 0; i < 1000; ++i) {
    const Duration next = state.next_in(settings, true, random);
    least = std::min(least, next);
    most = std::max(most, next);
  }
  EXPECT_GE(least, 10s);
  EXPECT_LT(least, 10200ms);
  EXPECT_LT(most, 13s);
  EXPECT_GT(most, 12500ms);
}

TEST(HealthProbe, JudgesStatusesByTheirRanges) {
  config::HealthCheck settings;
  settings.expected = {{.first = 200, .end = 205}, {.first = 300, .end = 301}};
  settings.retriable = {{.first = 429, .end = 430}};
  EXPECT_EQ(judge_status(settings, 200).result, Said::kPass);
  EXPECT_EQ(judge_status(settings, 204).result, Said::kPass);
  EXPECT_EQ(judge_status(settings, 300).result, Said::kPass);
  EXPECT_EQ(judge_status(settings, 205).result, Said::kNo) << "ranges are half open";
  EXPECT_EQ(judge_status(settings, 301).result, Said::kNo);
  EXPECT_EQ(judge_status(settings, 429).result, Said::kNoAnswer) << "counts like no answer";
  EXPECT_EQ(judge_status(settings, 503).why, "status 503");
}

std::string grpc_message(std::string_view payload) {
  Buffer out;
  http::write_grpc_message(out, payload);
  std::string text;
  out.for_each_slice([&](Bytes slice) { text += as_text(slice); });
  return text;
}

TEST(HealthProbe, ReadsTheStatusOfAHealthCheckResponse) {
  using namespace std::string_literals;
  EXPECT_EQ(read_check_status(grpc_message("\x08\x01")), 1U);
  EXPECT_EQ(read_check_status(grpc_message("\x08\x02")), 2U);
  EXPECT_EQ(read_check_status(grpc_message("")), 0U) << "UNKNOWN is not written";
  // Fields of a later version beside it.
  EXPECT_EQ(read_check_status(grpc_message("\x12\x02hi\x08\x01\x1d"s + "abcd")), 1U);
  EXPECT_EQ(read_check_status(grpc_message("\x08\x02\x08\x01")), 1U) << "the last one counts";
  for (const std::string& broken :
       {std::string(), "\x08\x01"s, grpc_message("\x08"), grpc_message("\x08\xff\xff"),
        grpc_message("\x12\x09hi"), grpc_message("\x0b"),
        grpc_message("\x1d"
                     "ab"),
        grpc_message("\x08\x01").substr(0, 6)}) {
    EXPECT_EQ(read_check_status(broken), std::nullopt);
  }
  EXPECT_EQ(make_check_request("shop.Cart"), grpc_message("\x0a\x09shop.Cart"));
  EXPECT_EQ(make_check_request(""), grpc_message(""));
}

TEST(HealthProbe, FindsBlocksInOrderWithAnythingBetween) {
  EXPECT_TRUE(has_blocks("+PONG\r\n", {"PONG"}));
  EXPECT_TRUE(has_blocks("220 mail\r\n250 ok", {"220", "250"}));
  EXPECT_FALSE(has_blocks("250 ok 220", {"220", "250"}));
  EXPECT_FALSE(has_blocks("22", {"220"})) << "not yet";
  EXPECT_FALSE(has_blocks("abab", {"aba", "ab"})) << "blocks do not overlap";
  EXPECT_TRUE(has_blocks("", {}));
}

}  // namespace
}  // namespace weft::upstream
