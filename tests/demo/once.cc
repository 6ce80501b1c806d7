#include "tests/demo/once.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/demo/interrupt.h"

namespace weft::demo {

namespace {

constexpr std::string_view kCertificates = "certificates-renewed";

bool wanted(const Promise& promise, const OnceOptions& options) {
  if (!options.broken.empty()) return promise.name == options.broken;
  return options.only.empty() ||
         std::ranges::find(options.only, promise.name) != options.only.end();
}

Verdict try_one(Scene& scene, const Promise& promise, bool broken) {
  Verdict verdict{.name = std::string(promise.name), .promise = std::string(promise.sentence)};
  const TimePoint started = read_monotonic_clock();
  if (broken) say(fmt::format("breaking {} on purpose: {}", promise.name, promise.how_broken));
  promise.keep(scene, broken, verdict);
  verdict.took = read_monotonic_clock() - started;
  return verdict;
}

}  // namespace

// As short as the control plane allows where that is what is looked at (it must be over soon when
// broken), and 30 s, as promised, where ten renewals fit into a run of everything.
std::string leaf_lifetime_for(const OnceOptions& options) {
  const bool certificates_alone = options.broken == kCertificates ||
                                  (options.only.size() == 1 && options.only[0] == kCertificates);
  return certificates_alone ? "12s" : "30s";
}

int run_once(Stage& stage, const OnceOptions& options) {
  Result<Badges> badges = Badges::open(stage.state_file("root.pem"));
  if (!badges) {
    say(badges.error().detail);
    return 1;
  }
  Scene scene(stage, std::move(*badges));
  scene.calibrate(options.rate);
  std::vector<Verdict> verdicts;
  for (const Promise& promise : promises()) {
    if (interrupted()) return 130;
    if (!wanted(promise, options)) continue;
    verdicts.push_back(try_one(scene, promise, promise.name == options.broken));
    if (!interrupted()) say(verdicts.back().text());
  }
  if (interrupted()) return 130;
  say(summary(verdicts));
  return all_kept(verdicts) ? 0 : 1;
}

}  // namespace weft::demo
