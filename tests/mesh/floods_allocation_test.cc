// Memory that is not given (threats.md MB-07): call number N of malloc fails in weft-sidecar, while
// it loads, starts or serves one request, and it ends with a line and exit code 1, or answers.
//
// WEFT_ALLOCATION_FAILURES=COUNT tries each N below COUNT instead of some.

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/mesh/program.h"

namespace weft::mesh_test {
namespace {

#ifdef WEFT_FAILING_MALLOC
// Whether a request was answered although call `n` failed, or was never made.
bool serves(const Origin& origin, int n) {
  Program sidecar(
      origin.port(),
      "export LD_PRELOAD=" WEFT_FAILING_MALLOC " WEFT_FAIL_ALLOCATION=" + std::to_string(n),
      Program::Wish::kMayEnd);
  if (sidecar.alive()) {
    Wire wire = sidecar.dial();
    const int status = ask(wire, "/").status();
    EXPECT_TRUE(status == 0 || status == 200 || status >= 500) << "call " << n << ": " << status;
    if (status != 0) return true;
  }
  EXPECT_EQ(sidecar.ending(), "exit status 1") << "call " << n << ": " << sidecar.log();
  EXPECT_NE(sidecar.log().find("out of memory"), std::string::npos)
      << "call " << n << ": " << sidecar.log();
  return false;
}
#endif

TEST(AllocationFailure, EndsWithALineOrIsAnswered) {
#ifndef WEFT_FAILING_MALLOC
  GTEST_SKIP() << "a static or instrumented program keeps its malloc";
#else
  Origin origin;
  if (const char* count = std::getenv("WEFT_ALLOCATION_FAILURES"); count != nullptr) {
    for (int n = 0; n < std::atoi(count); ++n) (void)serves(origin, n);
    return;
  }
  // Some thirty calls up to the first that is not reached, closer together at first; then between
  // the last that was and that one, where the program starts and serves.
  constexpr int kMost = 1'000'000;
  int reached = -1;
  int beyond = 0;
  for (; beyond < kMost && !serves(origin, beyond); beyond += 1 + beyond / 3) reached = beyond;
  EXPECT_GT(reached, 1000) << "does it fail at all?";
  EXPECT_LT(beyond, kMost) << "nobody was served";
  for (int i = 0; i < 14 && beyond - reached > 1; ++i) {
    const int between = reached + (beyond - reached) / 2;
    (serves(origin, between) ? beyond : reached) = between;
  }
#endif
}

}  // namespace
}  // namespace weft::mesh_test
