#include "sidecar/proxy/cors.h"

namespace weft::proxy {

using http::HeaderId;

namespace {

constexpr std::string_view kRequestMethod = "access-control-request-method";
constexpr std::string_view kRequestHeaders = "access-control-request-headers";
constexpr std::string_view kRequestPrivate = "access-control-request-private-network";

bool origin_allowed(const config::CorsPolicy& policy, std::string_view origin) {
  if (policy.any_origin) return true;
  for (const config::TextMatch& allowed : policy.origins) {
    if (allowed.matches(origin)) return true;
  }
  return false;
}

// With credentials a star means a header or method of that name (Fetch, section 3.2.3), so what was
// asked for is named instead.
std::string_view spelled_out(const config::CorsPolicy& policy, std::string_view list,
                             std::optional<std::string_view> asked) {
  return policy.credentials && list == "*" && asked ? *asked : list;
}

void put(http::Headers& headers, std::string_view name, std::string_view value) {
  headers.remove(name);
  if (!value.empty()) headers.add(name, headers.copy(value));
}

void put_origin(const config::CorsPolicy& policy, std::string_view origin, http::Headers& headers) {
  put(headers, "access-control-allow-origin", origin);
  put(headers, "access-control-allow-credentials", policy.credentials ? "true" : "");
  // The answer depends on who asks; a shared cache must not hand it to somebody else.
  headers.add(HeaderId::kVary, "origin");
}

}  // namespace

CorsVerdict judge_cors(const config::CorsPolicy& policy, const http::RequestHead& head) {
  const auto origin = head.headers.find(HeaderId::kOrigin);
  if (!origin || origin->empty()) return CorsVerdict::kNone;
  const bool preflight =
      head.method == http::Method::kOptions && head.headers.find(kRequestMethod).has_value();
  if (!origin_allowed(policy, *origin)) {
    return preflight && !policy.forward_unmatched_preflights ? CorsVerdict::kRefuse
                                                             : CorsVerdict::kNone;
  }
  return preflight ? CorsVerdict::kPreflight : CorsVerdict::kActual;
}

void write_preflight(const config::CorsPolicy& policy, const http::RequestHead& head,
                     http::ResponseHead& answer) {
  http::Headers& headers = answer.headers;
  answer.status = 200;
  put_origin(policy, head.headers.find(HeaderId::kOrigin).value_or(std::string_view{}), headers);
  put(headers, "access-control-allow-methods",
      spelled_out(policy, policy.methods, head.headers.find(kRequestMethod)));
  put(headers, "access-control-allow-headers",
      spelled_out(policy, policy.headers, head.headers.find(kRequestHeaders)));
  put(headers, "access-control-max-age", policy.max_age);
  if (policy.private_network && head.headers.find(kRequestPrivate) == "true")
    put(headers, "access-control-allow-private-network", "true");
}

void allow_cors(const config::CorsPolicy& policy, std::string_view origin, http::Headers& answer) {
  put_origin(policy, origin, answer);
  put(answer, "access-control-expose-headers", policy.expose);
}

}  // namespace weft::proxy
