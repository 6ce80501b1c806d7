// Of `weft check`: what weft-control itself counts.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "control/check/checks.h"

namespace weft::control::check {

namespace {

constexpr const char* kOwnCertificate = "weft_control_certificate_expiry_timestamp_seconds";
constexpr const char* kSidecarsFamily = "weft_control_sidecars";

bool is_any_ready(const ClusterFacts& facts) {
  const Json* ready = find(facts.deployment.object, {"status", "readyReplicas"});
  return ready != nullptr && ready->is_number_integer() && *ready > 0;
}

void check_own_certificate(const ClusterFacts& facts, WallTime now, Report& report) {
  const std::optional<double> expires = figure_in(facts.figures, kOwnCertificate);
  if (!expires || *expires <= 0) return;
  const double left = *expires - std::chrono::duration<double>(now.time_since_epoch()).count();
  if (left <= 0) {
    return report.fail("certificates", "weft-control's own certificate has expired",
                       "look at its log: why it was not renewed");
  }
  report.holds("certificates",
               fmt::format("weft-control's own certificate lasts {:.1f} more hours; it is renewed "
                           "at half its life",
                           left / 3600));
}

void check_sidecars(const ClusterFacts& facts, Report& report) {
  static constexpr std::array<std::pair<const char*, const char*>, 3> kStates = {
      {{"behind", "have not taken the newest configuration yet"},
       {"refused", "have refused part of the newest configuration"},
       {"missing", "are not connected"}}};
  bool good = true;
  for (const auto& [state, what] : kStates) {
    const double count =
        figure_in(facts.figures, kSidecarsFamily, fmt::format("state=\"{}\"", state)).value_or(0);
    if (count <= 0) continue;
    good = false;
    report.warn("sidecars", fmt::format("{:.0f} {}", count, what),
                "weft status says which; ask its admin port");
  }
  if (good) report.holds("sidecars", "all that are connected have the newest configuration");
}

}  // namespace

std::optional<double> figure_in(std::string_view page, std::string_view family,
                                std::string_view labels) {
  std::optional<double> sum;
  while (!page.empty()) {
    const std::size_t end = std::min(page.find('\n'), page.size());
    const std::string_view line = page.substr(0, end);
    page.remove_prefix(std::min(end + 1, page.size()));
    if (!line.starts_with(family)) continue;
    const std::string_view rest = line.substr(family.size());
    if (!rest.starts_with('{') && !rest.starts_with(' ')) continue;
    if (rest.find(labels) == std::string_view::npos) continue;
    const std::string_view number = rest.substr(rest.rfind(' ') + 1);
    double value = 0;
    const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || last != number.data() + number.size()) continue;
    sum = sum.value_or(0) + value;
  }
  return sum;
}

void check_figures(const ClusterFacts& facts, WallTime now, Report& report) {
  if (!is_any_ready(facts)) return;  // that has been said
  if (facts.figures.empty()) {
    return report.warn(
        "certificates",
        fmt::format("weft-control's figures are not known: {}", facts.figures_problem),
        "ask as somebody who may get services/proxy in weft-system; weft-control needs --metrics");
  }
  check_own_certificate(facts, now, report);
  check_sidecars(facts, report);
}

}  // namespace weft::control::check
