// The fields of a policy, block by block: what each may hold, and what is not there yet.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/model/traffic_policy.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr Duration kShortest = milliseconds(1);
constexpr Duration kHour = hours(1);
constexpr Duration kYear = hours(24 * 365);
constexpr std::uint32_t kAttemptsMax = 10;
constexpr std::uint32_t kBufferMax = 16 * 1024 * 1024;
constexpr std::uint32_t kManyMax = 1'000'000;

// One block of the policy. What belongs to a destination is refused where a route is the target.
class Block final {
 public:
  Block(Reader& reader, PolicySide widest) : reader_(reader), widest_(widest) {}

  // `zero`: "0s" is allowed and means none.
  void duration(std::string_view key, PolicySide side, Setting<Duration>& out, bool zero,
                Duration max) {
    Duration read{};
    if (!mine(key, side) || !reader_.duration(key, read)) return;
    const bool none = zero && read == Duration::zero();
    if (!none && (read < kShortest || read > max)) {
      reader_.refuse(key, fmt::format("want {}{} to {}, found {}", zero ? "0s for none, or " : "",
                                      format_duration(kShortest), format_duration(max),
                                      format_duration(read)));
      return;
    }
    keep(key, read, out);
  }
  void number(std::string_view key, PolicySide side, Setting<std::uint32_t>& out, std::uint32_t min,
              std::uint32_t max) {
    std::uint32_t read = 0;
    if (mine(key, side) && reader_.integer(key, read, min, max)) keep(key, read, out);
  }
  void percent(std::string_view key, PolicySide side, Setting<double>& out) {
    double read = 0;
    if (mine(key, side) && reader_.percent(key, read)) keep(key, read, out);
  }
  template <typename E>
  void choice(std::string_view key, PolicySide side, Setting<E>& out, Choices<E> choices) {
    E read{};
    if (mine(key, side) && reader_.choice(key, read, choices)) keep(key, read, out);
  }
  template <typename T>
  void keep(std::string_view key, T value, Setting<T>& out) {
    out = {.value = std::move(value), .line = reader_.find(key)->position().line};
  }
  [[nodiscard]] bool mine(std::string_view key, PolicySide side) {
    if (!reader_.has(key)) return false;
    if (side == PolicySide::kRoute || widest_ == PolicySide::kDestination) return true;
    reader_.refuse(key,
                   "belongs to a destination, which all routes to it share: let the policy "
                   "name a Service or a Namespace");
    return false;
  }
  // Fields whose only value yet is what happens anyway.
  void only(std::string_view key, std::string_view accepted) { reader_.only(key, accepted); }
  void only_none(std::string_view key) {
    Duration read{};
    if (reader_.duration(key, read) && read != Duration::zero()) reader_.unsupported(key);
  }
  [[nodiscard]] Reader& reader() { return reader_; }

 private:
  Reader& reader_;
  const PolicySide widest_;
};

template <typename Read>
void block(Reader& spec, std::string_view key, PolicySide widest, Read read) {
  spec.object(key, [&](Reader& reader) {
    Block block(reader, widest);
    read(block);
  });
}

void read_timeouts(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.duration("connect", kDestination, out.connect, false, kHour);
  in.duration("head", kRoute, out.head, true, kYear);
  in.duration("attempt", kRoute, out.attempt, true, kYear);
  in.duration("request", kRoute, out.request, true, kYear);
  in.duration("idle", kRoute, out.idle, true, kYear);
  in.duration("stream", kRoute, out.stream, true, kYear);
  in.reader().unsupported("adaptive");
  const auto longer = [](const Setting<Duration>& a, const Setting<Duration>& b) {
    const Duration most = b.value.value_or(Duration::zero());
    return most > Duration::zero() && a.value.value_or(Duration::zero()) > most;
  };
  if (longer(out.attempt, out.request)) {
    in.reader().refuse("attempt", "must not be longer than request");
  }
  if (longer(out.head, out.request)) {
    in.reader().refuse("head", "must not be longer than request");
  }
}

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

void read_on(Block& in, PolicyFields& out) {
  const config::Value* value = in.reader().find("on");
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

void read_buffer(Block& in, PolicyFields& out) {
  std::string text;
  const config::Value* value = in.reader().find("bufferLimit");
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

void read_retry(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("attempts", kRoute, out.attempts, 0, kAttemptsMax);
  read_on(in, out);
  in.choice("methods", kRoute, out.methods,
            {{"Idempotent", RetryMethods::kIdempotent}, {"Any", RetryMethods::kAny}});
  in.reader().object("backoff", [&](Reader& reader) {
    Block backoff(reader, kRoute);
    backoff.duration("base", kRoute, out.backoff_base, false, kHour);
    backoff.duration("max", kRoute, out.backoff_max, false, kHour);
    backoff.only("jitter", "Full");
    if (out.backoff_base.value && out.backoff_max.value &&
        *out.backoff_base.value > *out.backoff_max.value) {
      reader.refuse("max", "must not be less than base");
    }
  });
  in.duration("maxRetryAfter", kRoute, out.retry_after_max, true, kHour);
  read_buffer(in, out);
}

// "10/1s": so many retries in so long, a whole number each second.
void read_rate(Block& in, PolicyFields& out) {
  std::string text;
  if (!in.mine("min", PolicySide::kDestination) || !in.reader().text("min", text)) return;
  const std::size_t slash = text.find('/');
  const std::optional<std::uint64_t> count = parse_u64(std::string_view(text).substr(0, slash));
  const Result<Duration> per =
      parse_duration(slash == std::string::npos ? "" : std::string_view(text).substr(slash + 1));
  constexpr Duration kSecond = std::chrono::seconds(1);
  const bool whole = count && per && *count <= kManyMax && *per >= kSecond && *per <= kHour &&
                     *per % kSecond == Duration::zero() &&
                     *count % static_cast<std::uint64_t>(*per / kSecond) == 0;
  if (!whole) {
    in.reader().refuse("min", fmt::format("want a rate with a whole number each second, as 10/1s, "
                                          "found '{}'",
                                          escape(text, 64)));
    return;
  }
  in.keep("min", static_cast<std::uint32_t>(*count / static_cast<std::uint64_t>(*per / kSecond)),
          out.budget_min);
}

void read_budget(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.percent("percent", kDestination, out.budget_percent);
  in.duration("interval", kDestination, out.budget_interval, false, std::chrono::minutes(10));
  if (out.budget_interval.value && *out.budget_interval.value < std::chrono::seconds(1)) {
    in.reader().refuse("interval", "want 1s to 10m");
  }
  read_rate(in, out);
}

void read_outlier(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("gatewayErrors", kDestination, out.gateway_errors, 0, kManyMax);
  in.number("localFailures", kDestination, out.local_failures, 0, kManyMax);
  in.number("errors5xx", kDestination, out.errors_5xx, 0, kManyMax);
  in.duration("interval", kDestination, out.ejection_interval, false, kHour);
  in.duration("ejectFor", kDestination, out.eject_for, false, hours(24));
  in.duration("maxEjectFor", kDestination, out.max_eject_for, false, hours(24));
  if (out.eject_for.value && out.max_eject_for.value &&
      *out.eject_for.value > *out.max_eject_for.value) {
    in.reader().refuse("maxEjectFor", "must not be less than ejectFor");
  }
  double share = 0;
  if (in.mine("maxEjected", kDestination) && in.reader().percent("maxEjected", share)) {
    const auto whole = static_cast<std::uint32_t>(share);
    if (static_cast<double>(whole) != share) {
      in.reader().refuse("maxEjected", "want a whole percentage");
    }
    in.keep("maxEjected", whole, out.max_ejected);
  }
  in.reader().unsupported("successRate");
  in.reader().unsupported("failurePercent");
}

void read_limits(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("connections", kDestination, out.connections, 1, kManyMax);
  in.number("requests", kDestination, out.requests, 1, kManyMax);
  in.number("pending", kDestination, out.pending, 1, kManyMax);
  in.duration("pendingTimeout", kDestination, out.pending_timeout, false, kHour);
  in.number("requestsPerConnection", kDestination, out.requests_per_connection, 0,
            std::numeric_limits<std::int32_t>::max());
  in.only("whenFull", "Reject");
  in.reader().unsupported("adaptive");
}

void read_balancer(Block& in, PolicyFields& out) {
  using enum PolicySide;
  std::string type;
  if (in.mine("type", kDestination) && in.reader().text("type", type)) {
    static constexpr std::array<std::string_view, 3> kLater = {"PeakEwma", "RingHash", "Maglev"};
    if (std::ranges::find(kLater, type) != kLater.end()) {
      in.reader().refuse("type", type + " is not supported yet");
    } else {
      in.choice("type", kDestination, out.balancing,
                {{"RoundRobin", Balancing::kRoundRobin},
                 {"Random", Balancing::kRandom},
                 {"LeastRequest", Balancing::kLeastRequest}});
    }
  }
  in.percent("panicBelow", kDestination, out.panic_below);
  in.only("locality", "Auto");
  in.only_none("slowStart");
  in.reader().unsupported("hash");
}

void read_connection(Block& in, PolicyFields& out) {
  using enum PolicySide;
  in.choice("protocol", kDestination, out.protocol,
            {{"Auto", UpstreamProtocol::kAuto},
             {"Http1", UpstreamProtocol::kHttp1},
             {"Http2", UpstreamProtocol::kHttp2}});
  in.duration("idleTimeout", kDestination, out.idle_timeout, false, hours(24));
  in.only_none("maxAge");
  std::uint32_t idle = 0;
  if (in.reader().integer("minIdle", idle, 0, kManyMax) && idle != 0) {
    in.reader().unsupported("minIdle");
  }
}

}  // namespace

void read_policy_fields(Reader& spec, PolicySide widest, PolicyFields& out) {
  block(spec, "timeouts", widest, [&](Block& in) { read_timeouts(in, out); });
  block(spec, "retry", widest, [&](Block& in) { read_retry(in, out); });
  block(spec, "retryBudget", widest, [&](Block& in) { read_budget(in, out); });
  if (Block(spec, widest).mine("circuitBreaker", PolicySide::kDestination)) {
    spec.object("circuitBreaker", [&](Reader& breaker) {
      out.breaker = {.value = read_circuit_breaker(breaker), .line = breaker.position().line};
    });
  }
  block(spec, "outlier", widest, [&](Block& in) { read_outlier(in, out); });
  block(spec, "limits", widest, [&](Block& in) { read_limits(in, out); });
  block(spec, "loadBalancer", widest, [&](Block& in) { read_balancer(in, out); });
  block(spec, "connection", widest, [&](Block& in) { read_connection(in, out); });
  for (const char* later : {"hedge", "health", "emptyBackend", "fallback", "faults", "inbound"}) {
    spec.unsupported(later);
  }
}

}  // namespace weft::control
