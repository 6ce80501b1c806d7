#include "xds/route_actions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "sidecar/core/strings.h"
#include "xds/hash_policies.h"

namespace weft::xds {

namespace rt = envoy::config::route::v3;
namespace core = envoy::config::core::v3;

namespace {

constexpr Duration kRequestTimeout = std::chrono::seconds(15);
constexpr Duration kForEver = std::chrono::hours(24 * 365);

// A literal: "%%" is a percent sign, any other '%' begins an operator of Envoy's, which we do not
// have.
std::optional<std::string> literal(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && (++at == text.size() || text[at] != '%')) return std::nullopt;
    out.push_back(text[at]);
  }
  return out;
}

bool is_protected(std::string_view name) {
  return name.starts_with(':') || equals_ignore_case(name, "host");
}

config::HeaderEdit::Op op_of(const core::HeaderValueOption& option, const FieldPath& path,
                             Reading& in) {
  using Op = config::HeaderEdit::Op;
  if (option.has_append()) {
    if (option.append_action() != core::HeaderValueOption::APPEND_IF_EXISTS_OR_ADD) {
      in.refuse(path / "append", "must not be set together with append_action");
    }
    return option.append().value() ? Op::kAppend : Op::kSet;
  }
  switch (option.append_action()) {
    case core::HeaderValueOption::ADD_IF_ABSENT:
      return Op::kAddIfAbsent;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return Op::kSet;
    case core::HeaderValueOption::OVERWRITE_IF_EXISTS:
      return Op::kSetIfPresent;
    default:
      return Op::kAppend;
  }
}

void read_addition(const core::HeaderValueOption& option, const FieldPath& path, Reading& in,
                   std::vector<config::HeaderEdit>& out) {
  const auto at = path / "header";
  const auto& header = option.header();
  if (is_protected(header.key())) {
    in.refuse(at / "key", fmt::format("{} may not be changed", escape(header.key())));
  }
  if (!header.value().empty() && !header.raw_value().empty()) {
    in.refuse(at / "raw_value", "must not be set together with value");
  }
  auto value = header.raw_value().empty() ? literal(header.value())
                                          : std::optional<std::string>(header.raw_value());
  if (!value) {
    in.refuse(at / "value", fmt::format("\"{}\" has a '%' operator, which is not supported",
                                        escape(header.value())));
    return;
  }
  if (value->find_first_of(std::string_view("\0\r\n", 3)) != std::string::npos) {
    in.refuse(at / "raw_value", "is not a header value");
  }
  const auto op = op_of(option, path, in);
  if (value->empty() && !option.keep_empty_value()) return;
  out.push_back({.op = op, .name = header.key(), .value = *std::move(value)});
}

struct RetryName {
  std::string_view name;
  std::uint32_t bit;
};

// Envoy's words, and `timeout` of weft's own: Envoy passes over words it does not know.
constexpr std::array kRetryNames = {
    RetryName{"5xx", config::kRetry5xx},
    RetryName{"gateway-error", config::kRetryGatewayError},
    RetryName{"reset", config::kRetryReset},
    RetryName{"reset-before-request", config::kRetryUnprocessed},
    RetryName{"connect-failure", config::kRetryUnprocessed},
    RetryName{"refused-stream", config::kRetryUnprocessed},
    RetryName{"retriable-4xx", config::kRetryRetriable4xx},
    RetryName{"retriable-status-codes", config::kRetryStatusCodes},
    RetryName{"timeout", config::kRetryTimeout},
    RetryName{"cancelled", config::kRetryGrpcCancelled},
    RetryName{"deadline-exceeded", config::kRetryGrpcDeadlineExceeded},
    RetryName{"internal", config::kRetryGrpcInternal},
    RetryName{"resource-exhausted", config::kRetryGrpcResourceExhausted},
    RetryName{"unavailable", config::kRetryGrpcUnavailable},
};

std::uint32_t retry_on(const std::string& text, const FieldPath& path, Reading& in) {
  std::uint32_t bits = 0;
  for (const auto name : split(text, ',')) {
    if (name.empty()) continue;
    const auto known = std::ranges::find(kRetryNames, name, &RetryName::name);
    if (known == kRetryNames.end()) {
      in.note(path / "retry_on", fmt::format("{} has no effect here", escape(name)));
    } else {
      bits |= known->bit;
    }
  }
  return bits;
}

void read_backoff(const rt::RetryPolicy& policy, const FieldPath& path, Reading& in,
                  config::RetryPolicy& out) {
  if (!policy.has_retry_back_off()) return;
  const auto& back_off = policy.retry_back_off();
  out.backoff_base = std::clamp<Duration>(duration_of(back_off.base_interval()),
                                          std::chrono::milliseconds(1), kForEver);
  out.backoff_max = out.backoff_base * 10;
  if (back_off.has_max_interval()) out.backoff_max = duration_of(back_off.max_interval());
  if (out.backoff_max < out.backoff_base) {
    const auto at = path / "retry_back_off";
    in.refuse(at / "max_interval", "is less than base_interval");
  }
}

void read_hosts(const rt::RetryPolicy& policy, const FieldPath& path, Reading& in,
                config::RetryPolicy& out) {
  for (int at = 0; at < policy.retry_host_predicate_size(); ++at) {
    const auto& predicate = policy.retry_host_predicate(at);
    // Istio names the predicate with an empty configuration of this type, older servers by name
    // alone.
    if (predicate.name() == "envoy.retry_host_predicates.previous_hosts") {
      out.avoid_tried_endpoints = true;
    } else {
      in.refuse(path.at("retry_host_predicate", at),
                fmt::format("unknown predicate {}", escape(predicate.name())));
    }
  }
}

config::RetryPolicy read_retry(const rt::RetryPolicy& policy, const FieldPath& path, Reading& in) {
  config::RetryPolicy out;
  out.any_method = true;
  out.on = retry_on(policy.retry_on(), path, in);
  if (policy.has_num_retries()) out.attempts_extra = policy.num_retries().value();
  for (int at = 0; at < policy.retriable_status_codes_size(); ++at) {
    const auto code = policy.retriable_status_codes(at);
    if (code < 100 || code > 599) {
      in.refuse(path.at("retriable_status_codes", at), fmt::format("{} is not a status", code));
    }
    out.status_codes.push_back(static_cast<std::uint16_t>(code));
  }
  out.attempt_timeout = duration_of(policy.per_try_timeout());
  read_backoff(policy, path, in, out);
  read_hosts(policy, path, in, out);
  return out;
}

std::uint32_t replay_bytes(const rt::Route& route, std::uint64_t inherited) {
  std::uint64_t bytes = inherited;
  if (route.has_per_request_buffer_limit_bytes()) {
    bytes = route.per_request_buffer_limit_bytes().value();
  }
  if (route.has_request_body_buffer_limit()) bytes = route.request_body_buffer_limit().value();
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(bytes, kMost));
}

config::RouteTimeouts read_timeouts(const rt::RouteAction& action) {
  config::RouteTimeouts out;
  out.request = action.has_timeout() ? duration_of(action.timeout()) : kRequestTimeout;
  // Off must be said, since nothing said means the listener's.
  if (action.has_idle_timeout()) {
    out.idle = duration_of(action.idle_timeout());
    if (out.idle == Duration{0}) out.idle = kForEver;
  }
  const auto& stream = action.max_stream_duration();
  out.stream_max = duration_of(stream.max_stream_duration());
  if (stream.has_grpc_timeout_header_max()) {
    out.honour_grpc_timeout = true;
    out.grpc_timeout_max = duration_of(stream.grpc_timeout_header_max());
  } else if (action.has_max_grpc_timeout()) {
    out.honour_grpc_timeout = true;
    out.grpc_timeout_max = duration_of(action.max_grpc_timeout());
  }
  return out;
}

void read_clusters(const rt::WeightedCluster& weighted, const FieldPath& path, Reading& in,
                   config::ForwardAction& out) {
  std::uint64_t sum = 0;
  for (int index = 0; index < weighted.clusters_size(); ++index) {
    const auto& cluster = weighted.clusters(index);
    const auto at = path.at("clusters", index);
    if (cluster.name().empty()) in.refuse(at / "name", "must not be empty");
    if (!cluster.typed_per_filter_config().empty()) {
      in.refuse(at / "typed_per_filter_config", "is not supported");
    }
    sum += cluster.weight().value();
    out.clusters.push_back({.cluster = cluster.name(),
                            .weight = cluster.weight().value(),
                            .edits = read_header_edits(cluster, at, in)});
  }
  if (weighted.clusters_size() > 0 && sum == 0) {
    in.refuse(path / "clusters", "have no weight at all");
  }
  if (sum > std::numeric_limits<std::uint32_t>::max()) {
    in.refuse(path / "clusters", fmt::format("weigh {} together, more than 2^32-1", sum));
  }
}

void read_destination(const rt::RouteAction& action, const FieldPath& path, Reading& in,
                      config::ForwardAction& out) {
  switch (action.cluster_specifier_case()) {
    case rt::RouteAction::kCluster:
      out.clusters.push_back({.cluster = action.cluster()});
      break;
    case rt::RouteAction::kWeightedClusters:
      read_clusters(action.weighted_clusters(), path / "weighted_clusters", in, out);
      break;
    case rt::RouteAction::kClusterHeader:
      out.cluster_header = to_lower(action.cluster_header());
      break;
    case rt::RouteAction::kClusterSpecifierPlugin:
    case rt::RouteAction::kInlineClusterSpecifierPlugin:
    case rt::RouteAction::CLUSTER_SPECIFIER_NOT_SET:
      break;
  }
  switch (action.cluster_not_found_response_code()) {
    case rt::RouteAction::NOT_FOUND:
      out.cluster_not_found_status = 404;
      break;
    case rt::RouteAction::INTERNAL_SERVER_ERROR:
      out.cluster_not_found_status = 500;
      break;
    default:
      break;
  }
}

void read_rewrites(const rt::RouteAction& action, const FieldPath& path, Reading& in,
                   config::ForwardAction& out) {
  out.prefix_rewrite = action.prefix_rewrite();
  out.host_rewrite = action.host_rewrite_literal();
  if (!action.has_regex_rewrite()) return;
  const auto at = path / "regex_rewrite";
  if (!out.prefix_rewrite.empty()) {
    in.refuse(at, "must not be set together with prefix_rewrite");
  }
  out.regex_rewrite_pattern = in.regex(action.regex_rewrite().pattern(), at / "pattern");
  out.regex_rewrite_substitution = action.regex_rewrite().substitution();
}

void read_upgrades(const rt::RouteAction& action, const FieldPath& path, Reading& in,
                   config::ForwardAction& out) {
  for (int index = 0; index < action.upgrade_configs_size(); ++index) {
    const auto& upgrade = action.upgrade_configs(index);
    const auto at = path.at("upgrade_configs", index);
    config::UpgradeRule rule{.protocol = to_lower(upgrade.upgrade_type())};
    rule.allowed = !upgrade.has_enabled() || upgrade.enabled().value();
    rule.ends_here = upgrade.has_connect_config();
    if (rule.ends_here && rule.protocol != "connect") {
      in.refuse(at / "connect_config", "is for CONNECT only");
    }
    const bool twice = std::any_of(
        out.upgrades.begin(), out.upgrades.end(),
        [&](const config::UpgradeRule& other) { return other.protocol == rule.protocol; });
    if (twice) in.refuse(at / "upgrade_type", "is there twice");
    out.upgrades.push_back(std::move(rule));
  }
}

std::uint16_t status_of(const rt::RedirectAction& redirect) {
  switch (redirect.response_code()) {
    case rt::RedirectAction::FOUND:
      return 302;
    case rt::RedirectAction::SEE_OTHER:
      return 303;
    case rt::RedirectAction::TEMPORARY_REDIRECT:
      return 307;
    case rt::RedirectAction::PERMANENT_REDIRECT:
      return 308;
    default:
      return 301;
  }
}

}  // namespace

void read_edits(const HeadersToRemove& remove, std::string_view remove_field,
                const HeadersToAdd& add, std::string_view add_field, const FieldPath& path,
                Reading& in, std::vector<config::HeaderEdit>& out) {
  for (int at = 0; at < remove.size(); ++at) {
    if (is_protected(remove[at])) {
      in.refuse(path.at(remove_field, at),
                fmt::format("{} may not be removed", escape(remove[at])));
    }
    out.push_back({.op = config::HeaderEdit::Op::kRemove, .name = remove[at]});
  }
  for (int at = 0; at < add.size(); ++at) {
    read_addition(add[at], path.at(add_field, at), in, out);
  }
}

Inherited read_inherited(const rt::VirtualHost& host, const FieldPath& path, Reading& in) {
  Inherited out;
  if (host.has_retry_policy())
    out.retry = read_retry(host.retry_policy(), path / "retry_policy", in);
  if (host.has_per_request_buffer_limit_bytes()) {
    out.replay_bytes_max = host.per_request_buffer_limit_bytes().value();
  }
  if (host.has_request_body_buffer_limit()) {
    out.replay_bytes_max = host.request_body_buffer_limit().value();
  }
  return out;
}

config::ForwardAction read_forward(const rt::Route& route, const Inherited& inherited,
                                   const FieldPath& path, Reading& in) {
  const auto at = path / "route";
  const auto& action = route.route();
  config::ForwardAction out;
  read_destination(action, at, in, out);
  read_rewrites(action, at, in, out);
  if (action.has_retry_policy()) {
    out.retry = read_retry(action.retry_policy(), at / "retry_policy", in);
  } else if (inherited.retry) {
    out.retry = *inherited.retry;
  }
  out.retry.replay_bytes_max = replay_bytes(route, inherited.replay_bytes_max);
  out.timeouts = read_timeouts(action);
  if (out.timeouts.request > Duration{0} && out.retry.attempt_timeout >= out.timeouts.request) {
    out.retry.attempt_timeout = Duration{0};  // as Envoy: it could never be the first to pass
  }
  out.timeouts.attempt = out.retry.attempt_timeout;
  read_upgrades(action, at, in, out);
  out.hash_policies = read_hash_policies(action, at, in);
  return out;
}

config::RedirectAction read_redirect(const rt::RedirectAction& redirect, const FieldPath& path,
                                     Reading& in) {
  config::RedirectAction out;
  out.scheme = redirect.https_redirect() ? "https" : redirect.scheme_redirect();
  out.host = redirect.host_redirect();
  out.path = redirect.path_redirect();
  out.prefix_rewrite = redirect.prefix_rewrite();
  out.status = status_of(redirect);
  out.strip_query = redirect.strip_query();
  if (redirect.port_redirect() > 65535) {
    in.refuse(path / "port_redirect", fmt::format("{} is not a port", redirect.port_redirect()));
  } else if (redirect.port_redirect() != 0) {
    out.port = static_cast<std::uint16_t>(redirect.port_redirect());
  }
  return out;
}

}  // namespace weft::xds
