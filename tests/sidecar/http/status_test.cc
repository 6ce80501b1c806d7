#include "sidecar/http/status.h"

#include <gtest/gtest.h>

namespace weft::http {
namespace {

TEST(Status, CommonCodesHaveTheirPhrase) {
  EXPECT_EQ(reason_of(200), "OK");
  EXPECT_EQ(reason_of(503), "Service Unavailable");
  EXPECT_EQ(reason_of(299), "");
}

TEST(Status, ARefusalSaysWhatWasTooMuch) {
  EXPECT_EQ(status_of_refusal(Fault::kProtocol), 400);
  EXPECT_EQ(status_of_refusal(Fault::kTargetTooLong), 414);
  EXPECT_EQ(status_of_refusal(Fault::kHeadTooLarge), 431);
  EXPECT_EQ(status_of_refusal(Fault::kVersionUnsupported), 505);
}

}  // namespace
}  // namespace weft::http
