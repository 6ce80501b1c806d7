#include "xds/route_policy.h"

#include <fmt/format.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/proto/weft_config.pb.h"
#include "xds/route_actions.h"

namespace weft::xds {

namespace rt = envoy::config::route::v3;

namespace {

using weft::config::v1::RoutePolicy;

constexpr std::string_view kRoutePolicy = "weft.config.v1.RoutePolicy";

// As google.protobuf.Timestamp says: the years 1 to 9999; what does not fit our clock is cut to it.
std::optional<WallTime> wall_time_of(const google::protobuf::Timestamp& time, const FieldPath& path,
                                     Reading& in) {
  constexpr std::int64_t kFirst = -62'135'596'800;
  constexpr std::int64_t kLast = 253'402'300'799;
  if (time.seconds() < kFirst || time.seconds() > kLast || time.nanos() < 0 ||
      time.nanos() > 999'999'999) {
    in.refuse(path, "is not a point in time");
    return std::nullopt;
  }
  const std::int64_t seconds = std::clamp<std::int64_t>(time.seconds(), 0, kDurationSecondsMax);
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(time.nanos()));
}

std::uint32_t per_million_of(const envoy::type::v3::Percent& percent) {
  return static_cast<std::uint32_t>(
      std::lround(std::clamp(percent.value(), 0.0, 100.0) * 10'000.0));
}

config::FaultPolicy read_fault(const RoutePolicy::Fault& fault, const FieldPath& path,
                               Reading& in) {
  config::FaultPolicy out{.name = fault.name()};
  if (fault.has_percent()) out.per_million = per_million_of(fault.percent());
  if (fault.has_until()) out.until = wall_time_of(fault.until(), path / "until", in);
  for (int at = 0; at < fault.headers_size(); ++at)
    out.headers.push_back(read_header_match(fault.headers(at), path.at("headers", at), in));
  if (fault.has_delay()) {
    const auto delay = path / "delay";
    out.delay = duration_of(fault.delay().fixed());
    out.delay_jitter = duration_of(fault.delay().jitter());
    if (out.delay_jitter > out.delay) in.refuse(delay / "jitter", "is more than fixed");
  }
  switch (fault.ending_case()) {
    case RoutePolicy::Fault::kAbort: {
      config::FaultPolicy::Abort& abort = out.abort.emplace();
      if (fault.abort().status_case() == RoutePolicy::Fault::Abort::kGrpcStatus) {
        abort.grpc_status = static_cast<std::uint8_t>(fault.abort().grpc_status());
      } else {
        abort.http_status = static_cast<std::uint16_t>(fault.abort().http_status());
      }
      break;
    }
    case RoutePolicy::Fault::kReset:
      out.reset = true;
      break;
    case RoutePolicy::Fault::kSlowBody:
      out.slow_body = fault.slow_body().bytes_per_second();
      break;
    case RoutePolicy::Fault::ENDING_NOT_SET:
      if (!fault.has_delay()) in.refuse(path, "one of delay, abort, reset, slow_body must be set");
      break;
  }
  return out;
}

config::Fallback read_fallback(const RoutePolicy::Fallback& fallback, const FieldPath& path,
                               Reading& in) {
  config::Fallback out;
  for (const int on : fallback.on()) {
    switch (on) {
      case RoutePolicy::Fallback::OVERLOADED:
        out.on |= config::kOnOverloaded;
        break;
      case RoutePolicy::Fallback::RETRIES_EXHAUSTED:
        out.on |= config::kOnRetriesExhausted;
        break;
      default:
        out.on |= config::kOnCircuitOpen;
        break;
    }
  }
  out.cluster = fallback.cluster();
  if (!fallback.has_response()) return out;
  const auto& response = fallback.response();
  const auto at = path / "response";
  out.response.status = static_cast<std::uint16_t>(response.status());
  out.response.body = response.body();
  for (int index = 0; index < response.headers_size(); ++index) {
    const auto& header = response.headers(index);
    const auto field = at.at("headers", index);
    if (header.key().starts_with(':') || equals_ignore_case(header.key(), "content-length") ||
        equals_ignore_case(header.key(), "transfer-encoding") ||
        equals_ignore_case(header.key(), "connection")) {
      in.refuse(field / "key", fmt::format("{} may not be set", escape(header.key())));
    }
    if (!header.raw_value().empty()) in.refuse(field / "raw_value", "is not supported");
    out.response.headers.push_back(
        {.op = config::HeaderEdit::Op::kAppend, .name = header.key(), .value = header.value()});
  }
  return out;
}

config::RateLimit read_rate_limit(const RoutePolicy::RateLimit& limit, const std::string& scope,
                                  const FieldPath& path, Reading& in) {
  config::RateLimit out{.name = limit.name(), .scope = scope};
  switch (limit.key()) {
    case RoutePolicy::RateLimit::IDENTITY:
      out.key = config::RateLimit::Key::kIdentity;
      break;
    case RoutePolicy::RateLimit::HEADER:
      out.key = config::RateLimit::Key::kHeader;
      if (limit.header().empty()) in.refuse(path / "header", "is required for HEADER");
      break;
    case RoutePolicy::RateLimit::PATH:
      out.key = config::RateLimit::Key::kPath;
      break;
    default:
      break;
  }
  if (limit.key() != RoutePolicy::RateLimit::HEADER && !limit.header().empty())
    in.refuse(path / "header", "is for HEADER only");
  out.header = to_lower(limit.header());
  out.requests = std::max(limit.requests(), 1U);
  out.interval = std::max<Duration>(duration_of(limit.interval()), std::chrono::milliseconds(1));
  out.burst = limit.burst() == 0 ? out.requests : limit.burst();
  if (limit.algorithm() == RoutePolicy::RateLimit::SLIDING_WINDOW) {
    out.algorithm = RateLimiter::Algorithm::kSlidingWindow;
    if (limit.burst() != 0) in.refuse(path / "burst", "is for TOKEN_BUCKET only");
  }
  return out;
}

config::BackoffJitter jitter_of(RoutePolicy::BackoffJitter jitter) {
  switch (jitter) {
    case RoutePolicy::EQUAL:
      return config::BackoffJitter::kEqual;
    case RoutePolicy::DECORRELATED:
      return config::BackoffJitter::kDecorrelated;
    case RoutePolicy::NONE:
      return config::BackoffJitter::kNone;
    default:
      return config::BackoffJitter::kFull;
  }
}

config::Priority priority_of(RoutePolicy::Priority priority) {
  switch (priority) {
    case RoutePolicy::CRITICAL:
      return config::Priority::kCritical;
    case RoutePolicy::HIGH:
      return config::Priority::kHigh;
    case RoutePolicy::LOW:
      return config::Priority::kLow;
    default:
      return config::Priority::kNormal;
  }
}

void read_forward_policy(const RoutePolicy& policy, config::ForwardAction& out) {
  out.timeouts.head = duration_of(policy.head_timeout());
  out.retry.any_method = !policy.retry_idempotent_only();
  if (policy.has_retry_after_max())
    out.retry.retry_after_max = duration_of(policy.retry_after_max());
  out.retry.jitter = jitter_of(policy.backoff_jitter());
  out.redistribute_empty = policy.empty_backend() == RoutePolicy::REDISTRIBUTE;
  out.priority.usual = priority_of(policy.priority());
  if (policy.has_priority_trust())
    out.priority.raised_to = priority_of(policy.priority_trust().max());
}

}  // namespace

void read_route_policy(const rt::Route& route, const std::string& scope, const FieldPath& path,
                       Reading& in, config::Route& out, config::RouteExtras& extras) {
  const std::string key(kRoutePolicy);
  const auto* any = typed_metadata(route.metadata(), key);
  if (any == nullptr) return;
  const auto metadata = path / "metadata";
  const auto at = metadata.at("typed_filter_metadata", key);
  RoutePolicy policy;
  if (!in.unpack(*any, at, policy)) return;
  auto* forward = std::get_if<config::ForwardAction>(&out.action);
  if (forward != nullptr) read_forward_policy(policy, *forward);
  for (int index = 0; index < policy.faults_size(); ++index) {
    extras.faults.push_back(read_fault(policy.faults(index), at.at("faults", index), in));
    extras.own_faults = true;
  }
  if (policy.has_fallback())
    extras.fallback = read_fallback(policy.fallback(), at / "fallback", in);
  for (int index = 0; index < policy.rate_limits_size(); ++index) {
    extras.rate_limits.push_back(
        read_rate_limit(policy.rate_limits(index), scope, at.at("rate_limits", index), in));
  }
  if (forward == nullptr && (!extras.faults.empty() || extras.fallback))
    in.note(at, "faults and fallback have no effect on a route that does not forward");
}

std::vector<config::MirrorPolicy> read_mirrors(const Mirrors& mirrors) {
  std::vector<config::MirrorPolicy> out;
  for (const auto& mirror : mirrors) {
    config::MirrorPolicy policy{.cluster = mirror.cluster()};
    if (mirror.has_runtime_fraction())
      policy.per_million = per_million_of(mirror.runtime_fraction());
    policy.suffix_host = !mirror.disable_shadow_host_suffix_append();
    if (mirror.has_trace_sampled()) policy.sampled = mirror.trace_sampled().value();
    out.push_back(std::move(policy));
  }
  return out;
}

std::uint32_t per_million_of(const envoy::type::v3::FractionalPercent& fraction) {
  return static_cast<std::uint32_t>(
      std::lround(std::clamp(percent_of(fraction), 0.0, 100.0) * 10'000.0));
}

std::uint32_t per_million_of(const envoy::config::core::v3::RuntimeFractionalPercent& fraction) {
  return per_million_of(fraction.default_value());
}

}  // namespace weft::xds
