#include "xds/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/route_actions.h"
#include "xds/route_filters.h"
#include "xds/route_policy.h"
#include "xds/session_persistence.h"

namespace weft::xds {

namespace rt = envoy::config::route::v3;

namespace {

constexpr std::size_t kDirectBodyBytesMax = 4096;

void set_path(config::PathMatch& path, config::PathMatch::How how, config::TextMatch::How text,
              const std::string& value, bool ignore_case) {
  path.how = how;
  path.text = {.how = text, .value = value, .ignore_case = ignore_case};
  path.ignore_case = ignore_case;
}

config::PathMatch read_path(const rt::RouteMatch& match, const FieldPath& path, Reading& in) {
  using How = config::PathMatch::How;
  using Text = config::TextMatch::How;
  config::PathMatch out;
  const bool ignore_case = match.has_case_sensitive() && !match.case_sensitive().value();
  switch (match.path_specifier_case()) {
    case rt::RouteMatch::kPrefix:
      set_path(out, How::kPrefix, Text::kPrefix, match.prefix(), ignore_case);
      break;
    case rt::RouteMatch::kPath:
      set_path(out, How::kExact, Text::kExact, match.path(), ignore_case);
      break;
    case rt::RouteMatch::kPathSeparatedPrefix: {
      const auto& prefix = match.path_separated_prefix();
      if (!prefix.starts_with('/') || prefix.ends_with('/') ||
          prefix.find_first_of("?#") != std::string::npos) {
        in.refuse(path / "path_separated_prefix",
                  "must begin with '/', not end with it, and have no '?' or '#'");
      }
      set_path(out, How::kSegmentPrefix, Text::kPrefix, prefix, ignore_case);
      break;
    }
    case rt::RouteMatch::kSafeRegex:
      out.how = How::kRegex;
      out.text = in.regex(match.safe_regex(), path / "safe_regex");
      break;
    case rt::RouteMatch::kConnectMatcher:
      out.how = How::kConnect;
      break;
    case rt::RouteMatch::kPathMatchPolicy:
    case rt::RouteMatch::PATH_SPECIFIER_NOT_SET:
      break;
  }
  return out;
}

config::QueryMatch read_query(const rt::QueryParameterMatcher& match, const FieldPath& path,
                              Reading& in) {
  config::QueryMatch out{.name = match.name()};
  if (match.has_string_match()) {
    out.text = in.text(match.string_match(), path / "string_match");
    return out;
  }
  out.present_only = true;
  if (match.has_present_match() && !match.present_match()) {
    in.refuse(path / "present_match", "false is not supported");
  }
  return out;
}

std::optional<std::uint32_t> read_fraction(
    const envoy::config::core::v3::RuntimeFractionalPercent& fraction) {
  const double percent = percent_of(fraction.default_value());
  if (percent >= 100.0) return std::nullopt;
  return static_cast<std::uint32_t>(std::lround(percent * 10'000.0));
}

void read_match(const rt::RouteMatch& match, const FieldPath& path, Reading& in,
                config::Route& out) {
  out.path = read_path(match, path, in);
  for (int at = 0; at < match.headers_size(); ++at) {
    out.headers.push_back(read_header_match(match.headers(at), path.at("headers", at), in));
  }
  for (int at = 0; at < match.query_parameters_size(); ++at) {
    out.query.push_back(
        read_query(match.query_parameters(at), path.at("query_parameters", at), in));
  }
  out.grpc_only = match.has_grpc();
  if (match.has_runtime_fraction()) out.per_million = read_fraction(match.runtime_fraction());
}

class Routes final {
 public:
  Routes(const rt::RouteConfiguration& routes, Reading& in)
      : body_bytes_max_(routes.has_max_direct_response_body_size_bytes()
                            ? routes.max_direct_response_body_size_bytes().value()
                            : kDirectBodyBytesMax),
        routes_(routes),
        in_(in) {}

  void read_own(const FieldPath& path) {
    filters_ = read_filter_settings(routes_.typed_per_filter_config(), {}, path, in_);
    mirrors_ = read_mirrors(routes_.request_mirror_policies());
  }

  config::VirtualHost host(const rt::VirtualHost& host, const FieldPath& path) {
    config::VirtualHost out{.name = host.name()};
    for (int at = 0; at < host.domains_size(); ++at) {
      out.domains.push_back(domain(host.domains(at), host.name(), path.at("domains", at)));
    }
    const auto inherited = read_inherited(host, path, in_);
    const Level level{
        .inherited = inherited,
        .filters = joined(
            read_filter_settings(host.typed_per_filter_config(), host.name(), path, in_), filters_),
        .mirrors = host.request_mirror_policies_size() == 0
                       ? mirrors_
                       : read_mirrors(host.request_mirror_policies())};
    for (int at = 0; at < host.routes_size(); ++at) {
      const std::string name =
          host.routes(at).name().empty() ? std::to_string(at) : host.routes(at).name();
      out.routes.push_back(
          route(host.routes(at), level, host.name() + "/" + name, path.at("routes", at)));
    }
    if (host.require_tls() != rt::VirtualHost::NONE) {
      in_.refuse(path / "require_tls", "is not supported");
    }
    out.edits = read_header_edits(host, path, in_);
    return out;
  }

 private:
  // What a virtual host says for those of its routes that do not say it themselves.
  struct Level {
    const Inherited& inherited;
    FilterSettings filters;
    std::vector<config::MirrorPolicy> mirrors;
  };

  std::string domain(const std::string& text, const std::string& host, const FieldPath& path) {
    auto lower = to_lower(text);
    const auto stars = std::count(lower.begin(), lower.end(), '*');
    if (lower.empty()) {
      in_.refuse(path, "must not be empty");
    } else if (stars > 1 || (stars == 1 && lower.front() != '*' && lower.back() != '*')) {
      in_.refuse(path, fmt::format("\"{}\" may have one '*', first or last", escape(text)));
    } else if (const auto [at, added] = domains_.emplace(lower, host); !added) {
      in_.refuse(path,
                 fmt::format("\"{}\" is already a domain of {}", escape(text), escape(at->second)));
    }
    return lower;
  }

  config::Route route(const rt::Route& route, const Level& level, const std::string& scope,
                      const FieldPath& path) {
    config::Route out{.name = route.name()};
    read_match(route.match(), path / "match", in_, out);
    out.edits = read_header_edits(route, path, in_);
    config::RouteExtras extras;
    put_filters(joined(read_filter_settings(route.typed_per_filter_config(), scope, path, in_,
                                            kStatefulSessionPerRoute),
                       level.filters),
                extras);
    switch (route.action_case()) {
      case rt::Route::kRoute:
        out.action = read_forward(route, level.inherited, path, in_);
        std::get<config::ForwardAction>(out.action).session = session_of(route, path);
        extras.mirrors = route.route().request_mirror_policies_size() == 0
                             ? level.mirrors
                             : read_mirrors(route.route().request_mirror_policies());
        break;
      case rt::Route::kRedirect:
        out.action = read_redirect(route.redirect(), path / "redirect", in_);
        break;
      case rt::Route::kDirectResponse:
        out.action = direct(route.direct_response(), path / "direct_response");
        break;
      case rt::Route::kNonForwardingAction:
        in_.refuse(path / "non_forwarding_action", "is for gRPC servers");
        break;
      case rt::Route::kFilterAction:
      case rt::Route::ACTION_NOT_SET:
        break;
    }
    read_route_policy(route, scope, path, in_, out, extras);
    if (!extras.empty())
      out.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
    return out;
  }

  std::shared_ptr<const config::SessionPersistence> session_of(const rt::Route& route,
                                                               const FieldPath& path) {
    for (const auto& [name, any] : route.typed_per_filter_config()) {
      if (type_of(any) != kStatefulSessionPerRoute) continue;
      return read_session_persistence(any, path.at("typed_per_filter_config", name), in_);
    }
    return nullptr;
  }

  config::DirectResponse direct(const rt::DirectResponseAction& action, const FieldPath& path) {
    config::DirectResponse out{.status = static_cast<std::uint16_t>(action.status())};
    if (action.has_body()) out.body = in_.data(action.body(), path / "body");
    if (out.body.size() > body_bytes_max_) {
      in_.refuse(path / "body", fmt::format("has {} bytes, at most {} are allowed", out.body.size(),
                                            body_bytes_max_));
    }
    return out;
  }

  const std::size_t body_bytes_max_;
  const rt::RouteConfiguration& routes_;
  FilterSettings filters_;
  std::vector<config::MirrorPolicy> mirrors_;
  std::map<std::string, std::string> domains_;  // -> the virtual host that has it
  Reading& in_;
};

}  // namespace

config::HeaderMatch read_header_match(const rt::HeaderMatcher& match, const FieldPath& path,
                                      Reading& in) {
  using How = config::HeaderMatch::How;
  using Text = config::TextMatch::How;
  config::HeaderMatch out;
  out.name = to_lower(match.name());
  out.id = http::header_id_of(out.name);
  out.invert = match.invert_match();
  out.missing_is_empty = match.treat_missing_header_as_empty();
  const auto plain = [&](Text how, const std::string& value) {
    out.text = {.how = how, .value = value};
  };
  switch (match.header_match_specifier_case()) {
    case rt::HeaderMatcher::kExactMatch:
      plain(Text::kExact, match.exact_match());
      break;
    case rt::HeaderMatcher::kPrefixMatch:
      plain(Text::kPrefix, match.prefix_match());
      break;
    case rt::HeaderMatcher::kSuffixMatch:
      plain(Text::kSuffix, match.suffix_match());
      break;
    case rt::HeaderMatcher::kContainsMatch:
      plain(Text::kContains, match.contains_match());
      break;
    case rt::HeaderMatcher::kSafeRegexMatch:
      out.text = in.regex(match.safe_regex_match(), path / "safe_regex_match");
      break;
    case rt::HeaderMatcher::kStringMatch:
      out.text = in.text(match.string_match(), path / "string_match");
      break;
    case rt::HeaderMatcher::kRangeMatch:
      out.how = How::kRange;
      out.range_start = match.range_match().start();
      out.range_end = match.range_match().end();
      if (out.range_end <= out.range_start) {
        in.refuse(path / "range_match", "is empty: end must be more than start");
      }
      break;
    case rt::HeaderMatcher::kPresentMatch:
      out.how = How::kPresent;
      out.present = match.present_match();
      break;
    case rt::HeaderMatcher::HEADER_MATCH_SPECIFIER_NOT_SET:
      out.how = How::kPresent;
      break;
  }
  return out;
}

config::RouteConfig read_routes(const rt::RouteConfiguration& routes, const FieldPath& path,
                                Reading& in) {
  config::RouteConfig out{.name = routes.name()};
  Routes reading(routes, in);
  reading.read_own(path);
  for (int at = 0; at < routes.virtual_hosts_size(); ++at) {
    out.virtual_hosts.push_back(
        reading.host(routes.virtual_hosts(at), path.at("virtual_hosts", at)));
  }
  out.edits = read_header_edits(routes, path, in);
  out.most_specific_edits_win = routes.most_specific_header_mutations_wins();
  out.ignore_port_in_host = routes.ignore_port_in_host_matching();
  return out;
}

}  // namespace weft::xds
