#include "control/planner/route_filters.h"

#include <fmt/format.h>

#include <cstdint>

#include "xds/proto/cors.pb.h"
#include "xds/proto/fault.pb.h"
#include "xds/proto/stateful_session.pb.h"
#include "xds/proto/stateful_session_cookie.pb.h"
#include "xds/proto/stateful_session_header.pb.h"

namespace weft::control {

namespace {

namespace rt = envoy::config::route::v3;
namespace session_v3 = envoy::extensions::filters::http::stateful_session::v3;
namespace cookie_v3 = envoy::extensions::http::stateful_session::cookie::v3;
namespace header_v3 = envoy::extensions::http::stateful_session::header::v3;

// GEP-1619: two rules to one Service keep tokens of their own, on every sidecar the same ones.
// FNV-1a, which is the same everywhere.
std::string session_name(const std::string& route) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : route) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  return fmt::format("weft-session-{:016x}", hash);
}

void set_session(const SessionPersistence& session, const std::string& route,
                 envoy::config::route::v3::Route& out) {
  session_v3::StatefulSessionPerRoute per_route;
  auto& state = *per_route.mutable_stateful_session()->mutable_session_state();
  const std::string name = session.name.empty() ? session_name(route) : session.name;
  if (session.header) {
    header_v3::HeaderBasedSessionState header;
    header.set_name(name);
    state.set_name("envoy.http.stateful_session.header");
    pack(*state.mutable_typed_config(), header);
  } else {
    cookie_v3::CookieBasedSessionState cookie;
    cookie.mutable_cookie()->set_name(name);
    cookie.mutable_cookie()->set_path("/");
    if (session.permanent) set(*cookie.mutable_cookie()->mutable_ttl(), session.absolute_timeout);
    state.set_name("envoy.http.stateful_session.cookie");
    pack(*state.mutable_typed_config(), cookie);
  }
  pack((*out.mutable_typed_per_filter_config())["envoy.filters.http.stateful_session"], per_route);
}

// ---- CORS ----

void set_origin(const Cors::Origin& origin, envoy::type::matcher::v3::StringMatcher& out) {
  switch (origin.how) {
    case Cors::Origin::How::kExact:
      out.set_exact(origin.value);
      break;
    case Cors::Origin::How::kPrefix:
      out.set_prefix(origin.value);
      break;
    case Cors::Origin::How::kRegex:
      // What everybody who speaks xDS takes for every origin.
      if (origin.value == ".*") {
        out.set_exact("*");
      } else {
        out.mutable_safe_regex()->set_regex(origin.value);
      }
      break;
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += fmt::format("{}{}", out.empty() ? "" : ", ", name);
  return out;
}

void set_cors(const Cors& cors, rt::Route& out) {
  envoy::extensions::filters::http::cors::v3::CorsPolicy policy;
  for (const Cors::Origin& origin : cors.origins) {
    set_origin(origin, *policy.add_allow_origin_string_match());
  }
  policy.set_allow_methods(joined(cors.methods));
  policy.set_allow_headers(joined(cors.headers));
  policy.set_expose_headers(joined(cors.exposed));
  if (cors.max_age > Duration::zero()) {
    policy.set_max_age(
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(cors.max_age).count()));
  }
  if (cors.credentials) policy.mutable_allow_credentials()->set_value(*cors.credentials);
  policy.mutable_forward_not_matching_preflights()->set_value(cors.forward_unmatched);
  pack((*out.mutable_typed_per_filter_config())["envoy.filters.http.cors"], policy);
}

// ---- faults ----

void set_share(std::uint32_t per_million, envoy::type::v3::FractionalPercent& out) {
  out.set_numerator(per_million);
  out.set_denominator(envoy::type::v3::FractionalPercent::MILLION);
}

// Istio's, which name no end: in xDS's own message, which has none either.
void set_faults(const std::vector<InjectedFault>& faults, rt::Route& out) {
  envoy::extensions::filters::http::fault::v3::HTTPFault message;
  for (const InjectedFault& fault : faults) {
    if (fault.delay > Duration::zero()) {
      set(*message.mutable_delay()->mutable_fixed_delay(), fault.delay);
      set_share(fault.per_million, *message.mutable_delay()->mutable_percentage());
      continue;
    }
    auto& abort = *message.mutable_abort();
    if (fault.grpc_status) {
      abort.set_grpc_status(*fault.grpc_status);
    } else {
      abort.set_http_status(fault.http_status);
    }
    set_share(fault.per_million, *abort.mutable_percentage());
  }
  pack((*out.mutable_typed_per_filter_config())["envoy.filters.http.fault"], message);
}

}  // namespace

void set_route_filters(const RouteRule& rule, const std::string& name,
                       envoy::config::route::v3::Route& out) {
  if (rule.session) set_session(*rule.session, name, out);
  if (rule.cors) set_cors(*rule.cors, out);
  set_client_filters(rule, out);
}

void set_client_filters(const RouteRule& rule, envoy::config::route::v3::Route& out) {
  if (!rule.faults.empty()) set_faults(rule.faults, out);
}

}  // namespace weft::control
