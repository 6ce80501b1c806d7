#include "tests/demo/scene.h"

#include <fmt/format.h>

#include <cstdio>

#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/percentiles.h"
#include "tests/demo/scrape.h"
#include "tests/demo/table.h"

namespace weft::demo {

namespace {

constexpr double kRateMin = 100;
constexpr std::chrono::seconds kTrial{2};
constexpr std::chrono::milliseconds kSlowest{250};  // p99 of a rate that is carried
constexpr double kShareInTime = 0.9;                // answered when the trial ends
constexpr std::chrono::seconds kApplied{10};
// An ejected instance comes back after 30 s (control/planner/defaults.h).
constexpr std::chrono::seconds kEjection{45};

}  // namespace

Scene::Scene(Stage& stage, Badges badges)
    : stage_(stage),
      badges_(std::move(badges)),
      load_({.address = stage.shop().visitor().outbound(), .host = stage.shop().visitor().next}),
      watch_(stage.shop(), badges_) {}

void Scene::calibrate(double wanted) {
  (void)try_rate(kRateMin);  // connections are opened, caches filled
  std::string why;
  for (rate_ = wanted; rate_ > kRateMin && !interrupted(); rate_ /= 2) {
    // Twice: somebody else may have had the machine for a moment.
    std::string objection = try_rate(rate_);
    if (!objection.empty()) objection = try_rate(rate_);
    if (objection.empty()) break;
    if (why.empty()) why = std::move(objection);
  }
  if (rate_ < wanted) {
    say(
        fmt::format("note: this machine carries {:.0f} requests a second through the shop, not "
                    "{:.0f} ({}); every promise is tried at that rate",
                    rate_, wanted, why));
  }
}

std::string Scene::try_rate(double rate) {
  load_.begin({.rate = rate});
  pause_for(kTrial);
  const Load::Progress progress = load_.progress();
  const Duration p99 = percentile(latencies_of(load_.end()), 99);
  const bool carried =
      progress.failed == 0 && p99 < kSlowest &&
      static_cast<double>(progress.answered) >= kShareInTime * static_cast<double>(progress.sent);
  if (carried) return {};
  return fmt::format("of {} sent in {} s {} were answered and {} failed, p99 {:.0f} ms",
                     progress.sent, kTrial.count(), progress.answered, progress.failed,
                     std::chrono::duration<double, std::milli>(p99).count());
}

std::vector<Sent> Scene::send(std::uint64_t count) {
  load_.begin({.rate = rate_, .count = count});
  const std::chrono::duration<double> expected(static_cast<double>(count) / rate_);
  wait_until(std::chrono::duration_cast<Duration>(2 * expected) + std::chrono::seconds(15), [&] {
    const Load::Progress progress = load_.progress();
    return progress.answered + progress.failed >= count;
  });
  return load_.end();
}

Joined Scene::join(const std::vector<Sent>& sent) const {
  return demo::join(sent, stage_.sightings());
}

bool Scene::apply(const Weights& weights) {
  if (!stage_.write_config("canary.yaml", Shop::canary_yaml(weights))) return false;
  const bool read = wait_until(kApplied, [&] {
    const Result<std::string> page = get(shop().control_admin(), "/config");
    return page && read_weights(*page) == weights;
  });
  return read && stage_.wait_until_current(kApplied);
}

bool Scene::wait_for_healthy() {
  return wait_until(kEjection, [&] {
    double ejected = 0;
    for (const Instance& instance : shop().instances()) {
      ejected += scrape(instance).sum("weft_endpoints", {{"state", "ejected"}});
    }
    return ejected == 0;
  });
}

void say(std::string_view line) {
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

}  // namespace weft::demo
