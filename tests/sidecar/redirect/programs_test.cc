// SystemPrograms on programs that every system has.

#include "sidecar/redirect/programs.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::redirect {
namespace {

TEST(Programs, TextGoesInAndComesOutWhateverItsSize) {
  SystemPrograms programs;
  const std::string text(1 << 20, 'x');  // more than a pipe holds, in both directions
  const Result<Programs::Outcome> outcome = programs.run({"cat"}, text);
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->status, 0);
  EXPECT_EQ(outcome->out, text);
}

TEST(Programs, AProgramThatDoesNotListenIsNoReasonToDie) {
  SystemPrograms programs;
  const Result<Programs::Outcome> outcome = programs.run({"false"}, std::string(1 << 20, 'x'));
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->status, 1);
  EXPECT_EQ(complaint_of(*outcome), "exit status 1");
}

TEST(Programs, AnArgumentIsNotReadByAShell) {
  SystemPrograms programs;
  const Result<Programs::Outcome> outcome = programs.run({"printf", "%s", "$HOME; `id`"}, {});
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_EQ(outcome->out, "$HOME; `id`");
}

TEST(Programs, WhatItComplainsOfIsKept) {
  SystemPrograms programs;
  const Result<Programs::Outcome> outcome = programs.run({"ls", "/no/such/file"}, {});
  ASSERT_TRUE(outcome) << outcome.error().detail;
  EXPECT_NE(outcome->status, 0);
  EXPECT_NE(complaint_of(*outcome).find("/no/such/file"), std::string::npos);
  EXPECT_FALSE(complaint_of(*outcome).ends_with('\n'));
}

TEST(Programs, PatienceEnds) {
  SystemPrograms programs(std::chrono::milliseconds(50));
  const Result<Programs::Outcome> outcome = programs.run({"sleep", "60"}, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().fault, Fault::kTimeout);
  EXPECT_EQ(outcome.error().detail, "sleep is not done in time");
}

TEST(Programs, OutputHasAnEnd) {
  SystemPrograms programs;
  const Result<Programs::Outcome> outcome = programs.run({"yes"}, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().fault, Fault::kLimit);
}

TEST(Programs, OneThatIsNotThereIsSaidToBe) {
  SystemPrograms programs;
  EXPECT_FALSE(programs.has("no-such-program-anywhere"));
  EXPECT_TRUE(programs.has("cat"));
  const Result<Programs::Outcome> outcome = programs.run({"no-such-program-anywhere"}, {});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().detail, "no-such-program-anywhere is not installed");
}

}  // namespace
}  // namespace weft::redirect
