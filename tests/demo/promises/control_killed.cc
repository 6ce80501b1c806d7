// control-killed: sidecars go on without the control plane, and find it again.

#include <fmt/format.h>

#include "tests/demo/interrupt.h"
#include "tests/demo/judging.h"
#include "tests/demo/promises/promises.h"

namespace weft::demo {

namespace {

constexpr std::chrono::seconds kBefore{1};
constexpr std::chrono::seconds kGone{2};
constexpr std::chrono::seconds kBackWithin{5};

}  // namespace

void keep_control_killed(Scene& scene, bool broken, Verdict& verdict) {
  Stage& stage = scene.stage();
  scene.begin();
  pause_for(kBefore);
  stage.kill("control");
  pause_for(kGone);
  const TimePoint started = read_monotonic_clock();
  if (!broken) verdict.expect(stage.start("control").has_value(), "it does not start again");
  const bool back = stage.wait_until_current(kBackWithin);
  const Duration took = read_monotonic_clock() - started;
  pause_for(kBefore);
  judge_clean(scene.join(scene.end()), verdict);
  verdict.figure(
      fmt::format("without control plane {:.1f} s; every sidecar current {} after its restart",
                  std::chrono::duration<double>(kGone).count(),
                  back ? fmt::format("{:.2f} s", std::chrono::duration<double>(took).count())
                       : std::string("never within 5 s")));
  verdict.expect(back, "not every sidecar was back within 5 s");
  if (broken) (void)stage.start("control");
}

}  // namespace weft::demo
