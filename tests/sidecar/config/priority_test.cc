#include "sidecar/config/priority.h"

#include <gtest/gtest.h>

namespace weft::config {
namespace {

using enum Priority;

TEST(Priority, IsReadInAnyCaseAndOfNothingElse) {
  EXPECT_EQ(parse_priority("critical"), kCritical);
  EXPECT_EQ(parse_priority(" High "), kHigh);
  EXPECT_EQ(parse_priority("normal"), kNormal);
  EXPECT_EQ(parse_priority("LOW"), kLow);
  for (const char* text : {"", "0", "highest", "low,high"}) {
    EXPECT_EQ(parse_priority(text), std::nullopt) << text;
  }
  EXPECT_EQ(name_of(kCritical), "critical");
  EXPECT_EQ(name_of(kLow), "low");
}

TEST(Priority, IsLoweredByWhoIsBelievedAndRaisedByNobody) {
  const PriorityRule rule{.usual = kHigh};
  for (const bool peer : {false, true}) {
    EXPECT_EQ(rule.of(kCritical, peer), kHigh);
    EXPECT_EQ(rule.of(kHigh, peer), kHigh);
    EXPECT_EQ(rule.of(kLow, peer), kLow);
  }
}

TEST(Priority, IsRaisedByPeersOnlyAndNoHigherThanTheyAreTrusted) {
  const PriorityRule rule{.usual = kNormal, .raised_to = kHigh};
  EXPECT_EQ(rule.of(kCritical, true), kHigh);
  EXPECT_EQ(rule.of(kHigh, true), kHigh);
  EXPECT_EQ(rule.of(kLow, true), kLow);
  EXPECT_EQ(rule.of(kCritical, false), kNormal);
}

TEST(Priority, TrustBelowTheUsualTakesNothingAway) {
  const PriorityRule rule{.usual = kCritical, .raised_to = kNormal};
  EXPECT_EQ(rule.of(kCritical, true), kCritical);
}

}  // namespace
}  // namespace weft::config
