// The blocks `retry` and `retryBudget` of a policy.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/model/policy_block.h"
#include "control/model/policy_rate_limits.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::uint32_t kAttemptsMax = 10;
constexpr std::uint32_t kBufferMax = 16 * 1024 * 1024;

struct EnvoyName {
  std::string_view name;
  std::string_view ours;
};
constexpr std::array<EnvoyName, 3> kEnvoyNames = {{
    {"connect-failure", "unprocessed"},
    {"refused-stream", "unprocessed"},
    {"reset-before-request", "unprocessed"},
}};

std::string known_conditions() {
  std::string out;
  for (const RetryCondition& known : kRetryConditions) out += fmt::format("{}, ", known.name);
  return out;
}

// The schema of `on`: those words, or statuses.
const std::string& schema_of_on() {
  static const std::string kSchema = [] {
    std::string words;
    for (const RetryCondition& known : kRetryConditions) words += fmt::format("{}|", known.name);
    for (const EnvoyName& foreign : kEnvoyNames) words += fmt::format("{}|", foreign.name);
    words.pop_back();
    return fmt::format(R"({{"type":"array","minItems":1,"maxItems":32,"items":{{"anyOf":[)"
                       R"({{"type":"string","pattern":"^({})$"}},)"
                       R"({{"type":"integer","minimum":400,"maximum":599}}]}}}})",
                       words);
  }();
  return kSchema;
}

// One word or one status of `on`; false when it is neither.
bool take_condition(const config::Value& item, std::array<bool, std::size(kRetryConditions)>& seen,
                    RetryOn& out) {
  if (!item.is_scalar()) return false;
  if (const Result<std::int64_t> code = item.as_int()) {
    if (*code < 400 || *code > 599) return false;
    out.codes.push_back(static_cast<std::uint16_t>(*code));
    return true;
  }
  std::string_view word = item.text();
  const auto foreign = std::ranges::find(kEnvoyNames, word, &EnvoyName::name);
  if (foreign != kEnvoyNames.end()) word = foreign->ours;
  const auto* known = std::ranges::find(kRetryConditions, word, &RetryCondition::name);
  if (known == std::end(kRetryConditions)) return false;
  seen[static_cast<std::size_t>(known - std::begin(kRetryConditions))] = true;
  return true;
}

void read_on(PolicyBlock& in, PolicyFields& out) {
  const config::Value* value = in.reader().find("on", schema_of_on());
  if (value == nullptr) return;
  if (!value->is_list() || value->items().empty() || value->items().size() > 32) {
    in.reader().refuse("on", "want a list of 1 to 32; retry.attempts: 0 turns retries off");
    return;
  }
  RetryOn read;
  std::array<bool, std::size(kRetryConditions)> seen{};
  for (const config::Value& item : value->items()) {
    if (take_condition(item, seen, read)) continue;
    in.reader().refuse(
        "on", fmt::format("want {}or a status from 400 to 599, found {}", known_conditions(),
                          item.is_scalar() ? "'" + escape(item.text(), 64) + "'" : "no text"));
    return;
  }
  bool grpc = false;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    if (!seen[i]) continue;
    read.conditions.emplace_back(kRetryConditions[i].name);
    grpc = grpc || kRetryConditions[i].grpc;
  }
  std::ranges::sort(read.codes);
  read.codes.erase(std::unique(read.codes.begin(), read.codes.end()), read.codes.end());
  in.keep("on", std::move(read), out.on);
  // Every call of gRPC is a POST, so whoever names one of its codes means any method.
  if (grpc) out.methods = {.value = RetryMethods::kAny, .line = value->position().line};
}

void read_buffer(PolicyBlock& in, PolicyFields& out) {
  std::string text;
  const config::Value* value = in.reader().find(
      "bufferLimit",
      R"({"anyOf":[{"type":"string","pattern":"^(0|[0-9]{1,5}Ki|([0-9]|1[0-6])Mi)$"},)"
      R"({"type":"integer","minimum":0,"maximum":0}]})");
  if (value == nullptr) return;
  std::uint64_t bytes = kBufferMax + 1;
  if (value->is_scalar()) {
    std::string_view digits = value->text();
    std::uint64_t unit = digits == "0" ? 1 : 0;
    for (const auto& [suffix, size] : {std::pair{"Ki", 1024U}, {"Mi", 1024U * 1024U}}) {
      if (!digits.ends_with(suffix)) continue;
      digits.remove_suffix(2);
      unit = size;
      break;
    }
    const std::optional<std::uint64_t> count = parse_u64(digits);
    if (unit != 0 && count && *count <= kBufferMax) bytes = *count * unit;
  }
  if (bytes > kBufferMax) {
    in.reader().refuse("bufferLimit", "want a size with its unit up to 16Mi, as 64Ki, or 0");
    return;
  }
  in.keep("bufferLimit", static_cast<std::uint32_t>(bytes), out.buffer_limit);
}

// "10/1s": so many retries in so long, a whole number each second.
void read_rate(PolicyBlock& in, PolicyFields& out) {
  std::string text;
  in.reader().rule_of("min", "self.matches('^[0-9]{1,7}/([0-9]{1,5}(h|m|s|ms)){1,4}$')",
                      "want a rate with a whole number each second, as 10/1s");
  if (!in.mine("min", PolicySide::kDestination) || !in.reader().text("min", text)) return;
  const std::optional<Rate> rate = parse_rate(text);
  constexpr Duration kSecond = std::chrono::seconds(1);
  const bool whole = rate && rate->count <= PolicyBlock::kManyMax && rate->per >= kSecond &&
                     rate->per <= PolicyBlock::kHour && rate->per % kSecond == Duration::zero() &&
                     rate->count % static_cast<std::uint64_t>(rate->per / kSecond) == 0;
  if (!whole) {
    in.reader().refuse("min", fmt::format("want a rate with a whole number each second, as 10/1s, "
                                          "found '{}'",
                                          escape(text, 64)));
    return;
  }
  in.keep("min",
          static_cast<std::uint32_t>(rate->count / static_cast<std::uint64_t>(rate->per / kSecond)),
          out.budget_min);
}

}  // namespace

void read_retry_block(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("attempts", kRoute, out.attempts, 0, kAttemptsMax);
  read_on(in, out);
  in.choice("methods", kRoute, out.methods,
            {{"Idempotent", RetryMethods::kIdempotent}, {"Any", RetryMethods::kAny}});
  in.reader().object("backoff", [&](Reader& reader) {
    PolicyBlock backoff(reader, kRoute);
    backoff.duration("base", kRoute, out.backoff_base, false, PolicyBlock::kHour);
    backoff.duration("max", kRoute, out.backoff_max, false, PolicyBlock::kHour);
    backoff.choice("jitter", kRoute, out.jitter,
                   {{"Full", BackoffJitter::kFull},
                    {"Equal", BackoffJitter::kEqual},
                    {"Decorrelated", BackoffJitter::kDecorrelated},
                    {"None", BackoffJitter::kNone}});
    reader.rule("!has(self.base) || !has(self.max) || duration(self.base) <= duration(self.max)",
                "max must not be less than base");
    if (out.backoff_base.value && out.backoff_max.value &&
        *out.backoff_base.value > *out.backoff_max.value) {
      reader.refuse("max", "must not be less than base");
    }
  });
  in.duration("maxRetryAfter", kRoute, out.retry_after_max, true, PolicyBlock::kHour);
  read_buffer(in, out);
}

void read_budget_block(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.percent("percent", kDestination, out.budget_percent);
  in.duration("interval", kDestination, out.budget_interval, false, std::chrono::minutes(10));
  in.reader().rule_of_duration("interval", std::chrono::seconds(1), std::chrono::minutes(10));
  if (out.budget_interval.value && *out.budget_interval.value < std::chrono::seconds(1)) {
    in.reader().refuse("interval", "want 1s to 10m");
  }
  read_rate(in, out);
}

}  // namespace weft::control
