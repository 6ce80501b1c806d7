#include "control/model/circuit_breaker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using config::BreakerPolicy;
using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Duration kShortest = milliseconds(1);
constexpr std::uint32_t kManyMax = 1'000'000;
constexpr std::uint32_t kTrialsMax = 1000;
constexpr std::uint8_t kAnswersToo = BreakerPolicy::kTransport | BreakerPolicy::kServerError;

struct FailureName {
  std::string_view name;
  BreakerPolicy::Failure failure;
};
constexpr std::array<FailureName, 5> kFailures = {{{"Timeout", BreakerPolicy::kTimeout},
                                                   {"Connect", BreakerPolicy::kConnect},
                                                   {"Reset", BreakerPolicy::kReset},
                                                   {"ServerError", BreakerPolicy::kServerError},
                                                   {"RateLimited", BreakerPolicy::kRateLimited}}};

BreakerPolicy in_a_row(std::uint32_t failures, Duration open_for) {
  BreakerPolicy policy;
  policy.counts = kAnswersToo;
  policy.failure_ratio = 0;
  policy.consecutive_failures = failures;
  policy.open_for = open_for;
  return policy;
}

enum class Preset : std::uint8_t { kOff, kStandard, kFast, kSlow, kCritical };

constexpr std::array<std::string_view, 5> kPresetNames = {"Off", "Standard", "Fast", "Slow",
                                                          "Critical"};

BreakerPolicy policy_of(Preset preset) {
  switch (preset) {
    case Preset::kFast:
      return in_a_row(5, std::chrono::seconds(5));
    case Preset::kSlow:
      return in_a_row(10, std::chrono::seconds(30));
    case Preset::kCritical:
      return in_a_row(5, std::chrono::seconds(30));
    case Preset::kOff:
    case Preset::kStandard:
      break;
  }
  return {};
}

// Each returns whether the field is there.
bool read_duration(Reader& in, std::string_view key, Duration max, Duration& out) {
  Duration read{};
  in.rule_of_duration(key, kShortest, max);
  if (!in.duration(key, read)) return in.has(key);
  if (read < kShortest || read > max) {
    in.refuse(key, fmt::format("want {} to {}, found {}", format_duration(kShortest),
                               format_duration(max), format_duration(read)));
    return true;
  }
  out = read;
  return true;
}

bool read_ratio(Reader& in, std::string_view key, double& out) {
  double percent = 0;
  in.rule_of(key, "!self.matches('^0*([.]0*)?%$')", "want more than 0%");
  if (!in.percent(key, percent)) return in.has(key);
  if (percent <= 0) in.refuse(key, "want more than 0%");
  out = percent / 100;
  return true;
}

bool read_number(Reader& in, std::string_view key, std::uint32_t max, std::uint32_t& out) {
  return in.integer(key, out, 1, max) || in.has(key);
}

bool read_slow_calls(Reader& block, BreakerPolicy& out) {
  block.object("slowCalls", [&](Reader& slow) {
    if (slow.require("threshold")) {
      read_duration(slow, "threshold", hours(1), out.slow_threshold);
    }
    if (slow.require("ratio")) read_ratio(slow, "ratio", out.slow_ratio);
  });
  return block.has("slowCalls");
}

bool read_failures(Reader& block, std::uint8_t& out) {
  std::vector<std::string> names;
  block.rule_of("count",
                "self.size() > 0 && self.all(x, x in ['Timeout', 'Connect', 'Reset', "
                "'ServerError', 'RateLimited'])",
                "want Timeout, Connect, Reset, ServerError or RateLimited");
  if (!block.texts("count", names, kFailures.size())) return block.has("count");
  std::uint8_t counts = 0;
  for (const std::string& name : names) {
    const auto* known = std::ranges::find(kFailures, name, &FailureName::name);
    if (known == kFailures.end()) {
      block.refuse("count", fmt::format("want Timeout, Connect, Reset, ServerError or "
                                        "RateLimited, found '{}'",
                                        escape(name, 64)));
      return true;
    }
    counts = static_cast<std::uint8_t>(counts | known->failure);
  }
  if (counts == 0) block.refuse("count", "want what counts as a failure");
  out = counts;
  return true;
}

}  // namespace

CircuitBreaker read_circuit_breaker(Reader& block) {
  CircuitBreaker out;
  Preset preset = Preset::kStandard;
  const bool named = block.has("preset");
  if (named) {
    block.choice("preset", preset,
                 {{"Off", Preset::kOff},
                  {"Standard", Preset::kStandard},
                  {"Fast", Preset::kFast},
                  {"Slow", Preset::kSlow},
                  {"Critical", Preset::kCritical}});
    // Not as text: an unquoted Off is a boolean to YAML, and plain to people.
    out.preset = kPresetNames[static_cast<std::size_t>(preset)];
    out.policy = policy_of(preset);
  } else {
    // Nothing opens it but what is written.
    out.preset = "Custom";
    out.policy = in_a_row(0, BreakerPolicy{}.open_for);
  }
  BreakerPolicy& policy = out.policy;
  const bool by_share = read_ratio(block, "failureRatio", policy.failure_ratio);
  const bool by_row =
      read_number(block, "consecutiveFailures", kManyMax, policy.consecutive_failures);
  const bool by_slowness = read_slow_calls(block, policy);
  out.changed = by_share || by_row || by_slowness;
  out.changed |= read_duration(block, "window", hours(1), policy.window);
  out.changed |= read_number(block, "minRequests", kManyMax, policy.requests_min);
  out.changed |= read_duration(block, "openFor", hours(24), policy.open_for);
  policy.open_max = std::max(policy.open_for, policy.open_max);
  out.changed |= read_duration(block, "maxOpenFor", hours(24), policy.open_max);
  out.changed |= read_number(block, "trials", kTrialsMax, policy.trials);
  out.changed |= read_failures(block, policy.counts);
  block.rule(
      "!has(self.openFor) || !has(self.maxOpenFor) || duration(self.openFor) <= "
      "duration(self.maxOpenFor)",
      "maxOpenFor must not be less than openFor");
  block.rule(
      "has(self.preset) || has(self.failureRatio) || has(self.consecutiveFailures) || "
      "has(self.slowCalls)",
      "want a preset, failureRatio, consecutiveFailures or slowCalls");
  block.rule(
      "!has(self.preset) || self.preset != 'Off' || !(has(self.failureRatio) || "
      "has(self.consecutiveFailures) || has(self.slowCalls) || has(self.window) || "
      "has(self.minRequests) || has(self.openFor) || has(self.maxOpenFor) || has(self.trials) || "
      "has(self.count))",
      "Off leaves nothing to say besides it");
  if (policy.open_max < policy.open_for)
    block.refuse("maxOpenFor", "must not be less than openFor");
  out.on = preset != Preset::kOff;
  if (!out.on && out.changed) block.refuse("preset", "Off leaves nothing to say besides it");
  if (!named && !by_share && !by_row && !by_slowness) {
    block.refuse("want a preset, failureRatio, consecutiveFailures or slowCalls");
  }
  return out;
}

std::string describe(const CircuitBreaker& value) {
  if (!value.on || !value.changed) return value.preset;
  const BreakerPolicy& policy = value.policy;
  std::string text = value.preset + ":";
  if (policy.consecutive_failures != 0)
    text += fmt::format(" {} failures in a row,", policy.consecutive_failures);
  const auto share = [&](std::string_view what, double ratio) {
    if (ratio <= 0) return;
    text += fmt::format(" {}% {} of {} in {},", ratio * 100, what, policy.requests_min,
                        format_duration(policy.window));
  };
  share("failed", policy.failure_ratio);
  share(fmt::format("over {}", format_duration(policy.slow_threshold)), policy.slow_ratio);
  text += fmt::format(" open for {} up to {}, {} trials", format_duration(policy.open_for),
                      format_duration(policy.open_max), policy.trials);
  std::string kinds;
  for (const FailureName& known : kFailures) {
    if ((policy.counts & known.failure) == 0) continue;
    kinds += (kinds.empty() ? "" : ", ");
    kinds += known.name;
  }
  return text + " [" + kinds + "]";
}

}  // namespace weft::control
