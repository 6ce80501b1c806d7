// app-killed and instance-killed: one of two instances of cart v1 dies by kill -9 under load. What
// it had in its hands may be lost; nothing else.

#include <fmt/format.h>

#include "tests/demo/interrupt.h"
#include "tests/demo/judging.h"
#include "tests/demo/promises/promises.h"

namespace weft::demo {

namespace {

constexpr std::string_view kVictim = "cart-v1-a";
constexpr std::chrono::seconds kBefore{1};
constexpr std::chrono::seconds kAfter{2};

std::vector<std::string> targets(const Shop& shop, bool with_sidecar, bool all) {
  std::vector<std::string> out;
  for (const Instance& instance : shop.instances()) {
    if (instance.service != "cart" || (instance.name != kVictim && !all)) continue;
    out.push_back(instance.name);
    if (with_sidecar) out.push_back(Stage::sidecar_of(instance));
  }
  return out;
}

void bring_back(Scene& scene, const std::vector<std::string>& parts, Verdict& verdict) {
  for (const std::string& part : parts) {
    verdict.expect(scene.stage().start(part).has_value(), part + " does not start again");
  }
  for (const Instance& instance : scene.shop().instances()) {
    if (instance.has_app()) {
      verdict.expect(scene.stage().wait_for_app(instance), instance.name + " did not come back");
    }
  }
  verdict.expect(scene.stage().wait_until_current(), "the sidecars did not come back");
}

void try_kill(Scene& scene, bool with_sidecar, bool all, Verdict& verdict) {
  const std::vector<std::string> parts = targets(scene.shop(), with_sidecar, all);
  verdict.expect(scene.wait_for_healthy(), "an instance is still held for broken from before");
  for (const std::string& part : parts) scene.watch().look_away(part);
  scene.begin();
  pause_for(kBefore);
  for (const std::string& part : parts) scene.stage().kill(part);
  const TimePoint gone = read_monotonic_clock();
  pause_for(kAfter);
  const std::vector<Sent> sent = scene.end();
  bring_back(scene, parts, verdict);
  for (const std::string& part : parts) scene.watch().look_again(part);

  const std::vector<Sighting> sightings = scene.stage().sightings();
  const Joined joined = join(sent, sightings);
  const KillToll toll = count_toll(sent, sightings, kVictim, gone);
  verdict.figure(joined.text());
  verdict.figure(fmt::format("failed in flight at {}: {}; failed otherwise: {}", kVictim,
                             toll.in_flight_failed, toll.unexcused));
  for (const std::string& words : toll.words) verdict.figure("failed: " + words);
  verdict.expect(toll.unexcused == 0,
                 fmt::format("{} requests failed that were not in flight at it", toll.unexcused));
  verdict.expect(joined.agrees(), "the client's list and the origins' lists do not agree");
  verdict.expect(joined.answered > 0, "nothing was answered");
}

}  // namespace

void keep_app_killed(Scene& scene, bool broken, Verdict& verdict) {
  try_kill(scene, false, broken, verdict);
}

void keep_instance_killed(Scene& scene, bool broken, Verdict& verdict) {
  try_kill(scene, true, broken, verdict);
}

}  // namespace weft::demo
