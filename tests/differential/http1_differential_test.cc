// A hundred thousand generated messages, read by weft and by llhttp: every difference is of a class
// that differences.md lists and justifies. The long run, and h11 beside us, is tests/interop's peer
// http1_parsers.

#include <gtest/gtest.h>

#include "sidecar/core/strings.h"
#include "tests/differential/generator.h"
#include "tests/differential/ledger.h"
#include "tests/differential/llhttp_reading.h"

namespace weft::differential {
namespace {

constexpr std::uint64_t kMessages = 50'000;

#ifdef WEFT_LLHTTP

void compare(Kind kind, const std::string& section) {
  Ledger ledger(WEFT_SOURCE_DIR "/tests/differential/differences.md", section);
  std::size_t accepted = 0;
  for (std::uint64_t seed = 1; seed <= kMessages; ++seed) {
    const std::string text = generate(kind, seed);
    const Reading ours = read_by_weft(kind, text);
    accepted += ours.end == End::kRefused ? 0 : 1;
    const std::string what = difference(ours, read_by_llhttp(kind, text), "llhttp");
    if (!what.empty()) ledger.note(what, text);
  }
  for (const std::string& line : ledger.unlisted()) ADD_FAILURE() << "not listed: " << line;
  // The hand neither breaks everything nor nothing.
  EXPECT_GT(accepted, kMessages / 10);
  EXPECT_LT(accepted, kMessages * 9 / 10);
}

TEST(Http1Differential, DiffersFromLlhttpOnRequestsOnlyAsListed) {
  compare(Kind::kRequests, "llhttp, requests");
}

TEST(Http1Differential, DiffersFromLlhttpOnResponsesOnlyAsListed) {
  compare(Kind::kResponses, "llhttp, responses");
}

#else
TEST(Http1Differential, DiffersFromLlhttpOnlyAsListed) {
  GTEST_SKIP() << "llhttp is not installed (Debian package node-llhttp)";
}
#endif

TEST(Http1Differential, TheSameSeedGivesTheSameMessage) {
  EXPECT_EQ(generate(Kind::kRequests, 7), generate(Kind::kRequests, 7));
  EXPECT_NE(generate(Kind::kRequests, 7), generate(Kind::kRequests, 8));
  EXPECT_NE(generate(Kind::kRequests, 7), generate(Kind::kResponses, 7));
}

}  // namespace
}  // namespace weft::differential
