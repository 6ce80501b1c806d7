// bad-push: a mistake in a file is told to whoever asks, and to nobody else.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/judging.h"
#include "tests/demo/promises/promises.h"
#include "tests/demo/table.h"

namespace weft::demo {

namespace {

constexpr std::chrono::seconds kPatience{5};
constexpr std::uint64_t kRequests = 1'000;

// The route with a weight that is no number, and where that stands.
struct Mistake {
  std::string text;
  std::string place;  // "canary.yaml:11:"
};
Mistake make_mistake() {
  std::string text = Shop::canary_yaml({});
  const std::string right = "weight: 10";
  const std::size_t at = text.find(right);
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  text.replace(at, right.size(), "weight: lots");
  return {.text = std::move(text), .place = fmt::format("canary.yaml:{}:", line)};
}

std::int64_t generation(const Stage& stage) {
  const Result<std::string> page = stage.mesh_page();
  if (!page) return -1;
  const nlohmann::json mesh = nlohmann::json::parse(*page, nullptr, false);
  return mesh.is_object() ? mesh.value("generation", std::int64_t{-1}) : -1;
}

// The line of `weft status` that names the place; empty when it never comes.
std::string reported(Scene& scene, const std::string& place) {
  std::string line;
  wait_until(kPatience, [&] {
    const Result<RunResult> status = scene.stage().weft({"status"});
    if (!status) return false;
    const std::size_t at = status->output.find(place);
    if (at == std::string::npos) return false;
    const std::size_t begin = status->output.rfind('\n', at) + 1;
    line = status->output.substr(begin, status->output.find('\n', at) - begin);
    return true;
  });
  return line;
}

void judge_traffic(Scene& scene, Verdict& verdict) {
  const std::vector<Sent> sent = scene.send(kRequests);
  const Joined joined = scene.join(sent);
  judge_clean(joined, verdict);
  judge_split(sent, joined, {}, verdict);
}

}  // namespace

void keep_bad_push(Scene& scene, bool broken, Verdict& verdict) {
  Stage& stage = scene.stage();
  const Mistake mistake = make_mistake();
  verdict.expect(scene.apply({}), "the route did not reach every sidecar");
  const std::int64_t before = generation(stage);
  (void)stage.write_config("canary.yaml",
                           broken ? Shop::canary_yaml({.v1 = 50, .v2 = 50}) : mistake.text);
  const std::string line = reported(scene, mistake.place);
  verdict.figure("weft status: " + (line.empty() ? "says nothing of it" : line));
  verdict.expect(!line.empty(), "weft status does not name " + mistake.place);
  judge_traffic(scene, verdict);

  stage.kill("control");
  verdict.expect(stage.start("control").has_value(), "the control plane does not start again");
  verdict.expect(stage.wait_until_current(), "the sidecars did not come back");
  const std::string again = reported(scene, mistake.place);
  verdict.figure("after a restart: " + (again.empty() ? "says nothing of it" : again));
  verdict.expect(!again.empty(), "after a restart weft status does not name " + mistake.place);
  judge_traffic(scene, verdict);
  const std::int64_t after = generation(stage);
  verdict.figure(fmt::format("generation before {}, after {}", before, after));
  verdict.expect(before == after && before >= 0, "the configuration has another generation");
  verdict.expect(scene.apply({}), "the route did not come back");
}

}  // namespace weft::demo
