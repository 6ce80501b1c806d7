// split-90-10 and split-99-1: weighted splits are exact, not random.

#include "tests/demo/ask.h"
#include "tests/demo/judging.h"
#include "tests/demo/promises/promises.h"

namespace weft::demo {

namespace {

constexpr std::uint64_t kRequests = 10'000;

void try_split(Scene& scene, const Weights& written, const Weights& asked, Verdict& verdict) {
  verdict.expect(scene.apply(written), "the route did not reach every sidecar");
  const std::vector<Sent> sent = scene.send(kRequests);
  const Joined joined = scene.join(sent);
  judge_clean(joined, verdict);
  judge_split(sent, joined, asked, verdict);
  verdict.expect(sent.size() == kRequests, "not every request could be sent");
}

}  // namespace

void keep_split_90_10(Scene& scene, bool broken, Verdict& verdict) {
  constexpr Weights kAsked{.v1 = 90, .v2 = 10};
  try_split(scene, broken ? Weights{.v1 = 80, .v2 = 20} : kAsked, kAsked, verdict);
}

void keep_split_99_1(Scene& scene, bool broken, Verdict& verdict) {
  constexpr Weights kAsked{.v1 = 99, .v2 = 1};
  if (broken) {
    const Status told = post(scene.shop().instance("ledger-a").app(), "/behave?forget=numbers");
    verdict.expect(told.has_value(), "ledger cannot be told to forget");
  }
  try_split(scene, kAsked, kAsked, verdict);
  verdict.expect(scene.apply({}), "the route did not come back");
}

}  // namespace weft::demo
