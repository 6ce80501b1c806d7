#include "xds/route_filters.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/cors.pb.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/local_ratelimit.pb.h"
#include "xds/proto/route.pb.h"
#include "xds/route_actions.h"
#include "xds/route_policy.h"

namespace weft::xds {

namespace {

using envoy::extensions::filters::http::fault::v3::HTTPFault;
using envoy::extensions::filters::http::local_ratelimit::v3::LocalRateLimit;
using CorsMessage = envoy::extensions::filters::http::cors::v3::CorsPolicy;

constexpr std::string_view kCors = "envoy.extensions.filters.http.cors.v3.Cors";
constexpr Duration kFillIntervalMin = std::chrono::milliseconds(50);  // as Envoy

std::string_view fault_type() { return HTTPFault::descriptor()->full_name(); }
std::string_view cors_type() { return CorsMessage::descriptor()->full_name(); }
std::string_view limit_type() { return LocalRateLimit::descriptor()->full_name(); }

// A delay and an abort of one message are drawn apart, so each is a fault of its own.
std::vector<config::FaultPolicy> read_http_fault(const HTTPFault& message, const std::string& name,
                                                 const FieldPath& path, Reading& in) {
  config::FaultPolicy common{.name = name, .only_cluster = message.upstream_cluster()};
  common.active_max = message.max_active_faults().value();
  for (int at = 0; at < message.headers_size(); ++at)
    common.headers.push_back(read_header_match(message.headers(at), path.at("headers", at), in));
  std::vector<config::FaultPolicy> out;
  // No faults at once at all.
  if (message.has_max_active_faults() && common.active_max == 0) return out;
  const auto add =
      [&](const envoy::type::v3::FractionalPercent& percentage) -> config::FaultPolicy& {
    out.push_back(common);
    out.back().per_million = per_million_of(percentage);
    return out.back();
  };
  if (message.has_delay())
    add(message.delay().percentage()).delay = duration_of(message.delay().fixed_delay());
  if (message.has_abort()) {
    config::FaultPolicy::Abort& abort = add(message.abort().percentage()).abort.emplace();
    if (message.abort().has_grpc_status()) {
      abort.grpc_status = static_cast<std::uint8_t>(message.abort().grpc_status());
    } else {
      abort.http_status = static_cast<std::uint16_t>(message.abort().http_status());
    }
  }
  if (message.has_response_rate_limit()) {
    const auto& limit = message.response_rate_limit();
    add(limit.percentage()).slow_body = limit.fixed_limit().limit_kbps() * 1024;
  }
  return out;
}

config::CorsPolicy read_cors(const CorsMessage& message, const FieldPath& path, Reading& in) {
  config::CorsPolicy out;
  for (int at = 0; at < message.allow_origin_string_match_size(); ++at) {
    const auto& origin = message.allow_origin_string_match(at);
    // As Envoy: a star stands for everybody.
    if (origin.exact() == "*") out.any_origin = true;
    out.origins.push_back(in.text(origin, path.at("allow_origin_string_match", at)));
  }
  out.methods = message.allow_methods();
  out.headers = message.allow_headers();
  out.expose = message.expose_headers();
  out.max_age = message.max_age();
  out.credentials = message.allow_credentials().value();
  out.private_network = message.allow_private_network_access().value();
  out.forward_unmatched_preflights = !message.has_forward_not_matching_preflights() ||
                                     message.forward_not_matching_preflights().value();
  if (message.has_filter_enabled()) out.per_million = per_million_of(message.filter_enabled());
  return out;
}

std::vector<config::RateLimit> read_limit(const LocalRateLimit& message, const std::string& scope,
                                          const FieldPath& path, Reading& in) {
  config::RateLimit limit{.name = message.stat_prefix(), .scope = scope};
  limit.asked_per_million = per_million_of(message.filter_enabled());
  limit.enforced_per_million = per_million_of(message.filter_enforced());
  if (message.status().code() >= 400)
    limit.status = static_cast<std::uint16_t>(message.status().code());
  read_edits({}, {}, message.response_headers_to_add(), "response_headers_to_add", path, in,
             limit.response_headers);
  if (!message.has_token_bucket()) return {};
  const auto& bucket = message.token_bucket();
  const auto at = path / "token_bucket";
  limit.requests = bucket.has_tokens_per_fill() ? bucket.tokens_per_fill().value() : 1;
  limit.burst = std::max(bucket.max_tokens(), 1U);
  limit.interval = duration_of(bucket.fill_interval());
  if (limit.interval < kFillIntervalMin) in.refuse(at / "fill_interval", "must be at least 0.05s");
  if (limit.asked_per_million == 0 || limit.requests == 0) return {};
  return {std::move(limit)};
}

void read_one(const google::protobuf::Any& config, const std::string& name,
              const std::string& scope, const FieldPath& path, Reading& in, FilterSettings& out) {
  const auto type = type_of(config);
  if (type == fault_type()) {
    HTTPFault message;
    if (in.unpack(config, path, message)) out.faults = read_http_fault(message, name, path, in);
  } else if (type == cors_type()) {
    CorsMessage message;
    if (in.unpack(config, path, message)) out.cors = read_cors(message, path, in);
  } else if (type == limit_type()) {
    LocalRateLimit message;
    if (in.unpack(config, path, message)) out.rate_limits = read_limit(message, scope, path, in);
  } else {
    in.refuse(path, fmt::format("unknown HTTP filter {}", escape(type)));
  }
}

// Only the name says which filter is switched off; these are the names that everybody gives them.
void switch_off(std::string_view name, const FieldPath& path, Reading& in, FilterSettings& out) {
  if (name == "envoy.filters.http.fault") {
    out.faults.emplace();
  } else if (name == "envoy.filters.http.cors") {
    out.cors = config::CorsPolicy{.per_million = 0};
  } else if (name == "envoy.filters.http.local_ratelimit") {
    out.rate_limits.emplace();
  } else {
    in.note(path, "has no effect here");
  }
}

}  // namespace

FilterSettings read_filter_settings(
    const google::protobuf::Map<std::string, google::protobuf::Any>& filters,
    const std::string& scope, const FieldPath& path, Reading& in, std::string_view read_elsewhere) {
  std::map<std::string, const google::protobuf::Any*> sorted;
  for (const auto& [name, config] : filters) sorted.emplace(name, &config);
  FilterSettings out;
  for (const auto& [name, config] : sorted) {
    const auto at = path.at("typed_per_filter_config", name);
    const auto type = type_of(*config);
    if (!type.empty() && type == read_elsewhere) continue;
    if (type != envoy::config::route::v3::FilterConfig::descriptor()->full_name()) {
      read_one(*config, name, scope, at, in, out);
      continue;
    }
    envoy::config::route::v3::FilterConfig wrapped;
    if (!in.unpack(*config, at, wrapped)) continue;
    const auto inner = type_of(wrapped.config());
    const bool known = inner == fault_type() || inner == cors_type() || inner == limit_type();
    if (wrapped.disabled()) {
      switch_off(name, at, in, out);
    } else if (wrapped.is_optional() && !known) {
      in.note(at, "has no effect here");
    } else {
      read_one(wrapped.config(), name, scope, at / "config", in, out);
    }
  }
  return out;
}

FilterSettings joined(FilterSettings own, const FilterSettings& above) {
  if (!own.faults) own.faults = above.faults;
  if (!own.rate_limits) own.rate_limits = above.rate_limits;
  if (!own.cors) own.cors = above.cors;
  return own;
}

void put_filters(FilterSettings settings, config::RouteExtras& out) {
  if (settings.faults) {
    out.own_faults = true;
    for (config::FaultPolicy& fault : *settings.faults) out.faults.push_back(std::move(fault));
  }
  if (settings.rate_limits) {
    for (config::RateLimit& limit : *settings.rate_limits)
      out.rate_limits.push_back(std::move(limit));
  }
  if (settings.cors && settings.cors->per_million != 0) out.cors = std::move(settings.cors);
}

bool is_route_filter(std::string_view type) {
  return type == kCors || type == fault_type() || type == limit_type();
}

void read_listener_filter(const google::protobuf::Any& config, std::string_view type, bool disabled,
                          const FieldPath& path, Reading& in,
                          std::vector<config::FaultPolicy>& faults) {
  if (type == kCors) return;  // has no settings of its own
  FilterSettings settings;
  // An empty one waits for what routes say; it need not be complete.
  if (config.value().empty()) return;
  if (type == limit_type()) {
    LocalRateLimit message;
    if (!in.unpack(config, path, message)) return;
    if (message.has_token_bucket() && !disabled)
      in.refuse(path / "token_bucket", "is supported in routes and virtual hosts only");
    return;
  }
  read_one(config, "envoy.filters.http.fault", {}, path, in, settings);
  if (!disabled && settings.faults) faults = std::move(*settings.faults);
}

}  // namespace weft::xds
