// edit-moves-live: whoever saves the file sees the traffic move, on the connections there are.

#include <fmt/format.h>

#include "tests/demo/interrupt.h"
#include "tests/demo/judging.h"
#include "tests/demo/percentiles.h"
#include "tests/demo/promises/promises.h"
#include "tests/demo/scrape.h"

namespace weft::demo {

namespace {

constexpr Duration kAllowed = std::chrono::seconds(1);
constexpr std::chrono::seconds kBetween{2};

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Connections that web's sidecar accepted: web's own calls among them.
double accepted(const Scene& scene) {
  return scrape(scene.shop().instance("web-a"))
      .sum("weft_downstream_connections_total", {{"outcome", "accepted"}});
}

TimePoint edit(Scene& scene, const Weights& weights, bool broken) {
  const TimePoint now = read_monotonic_clock();
  if (!broken) (void)scene.stage().write_config("canary.yaml", Shop::canary_yaml(weights));
  return now;
}

void judge_move(std::string_view what, const std::optional<Duration>& moved, Verdict& verdict) {
  if (moved) {
    verdict.figure(
        fmt::format("{}: {:.0f} ms after the file was saved", what, milliseconds(*moved)));
  }
  verdict.expect(moved && *moved < kAllowed, fmt::format("{}: not within 1 s", what));
}

}  // namespace

void keep_edit_moves_live(Scene& scene, bool broken, Verdict& verdict) {
  verdict.expect(scene.apply({.v1 = 100, .v2 = 0}), "the first route did not reach every sidecar");
  scene.watch().look_away("web-a");  // its knocks are connections as well
  const double before = accepted(scene);
  scene.begin();
  pause_for(kBetween / 2);
  const TimePoint to_v2 = edit(scene, {.v1 = 0, .v2 = 100}, broken);
  pause_for(kBetween);
  const TimePoint to_v1 = edit(scene, {.v1 = 100, .v2 = 0}, broken);
  pause_for(kBetween);
  const std::vector<Sent> sent = scene.end();
  const double opened = accepted(scene) - before;
  scene.watch().look_again("web-a");

  judge_clean(scene.join(sent), verdict);
  judge_move("the last request to v1", moved_after(sent, to_v2, to_v1, "v2"), verdict);
  judge_move("the last request to v2, after the way back",
             moved_after(sent, to_v1, TimePoint::max(), "v1"), verdict);
  verdict.figure(
      fmt::format("{:.0f} requests a second, p99 {:.1f} ms; connections opened at web's "
                  "sidecar meanwhile: {:.0f}",
                  scene.rate(), milliseconds(percentile(latencies_of(sent), 99)), opened));
  verdict.expect(opened == 0, "traffic moved by new connections");
  verdict.expect(scene.apply({}), "the route did not come back");
}

}  // namespace weft::demo
