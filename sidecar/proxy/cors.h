#pragma once
// Cors: which pages of other origins may ask, and what is said to their browsers. Pure functions on
// heads.
//
// A preflight (Fetch, section 3.2.2) of an origin that is allowed is answered here; an actual
// request goes on, and its answer says that the page may read it. Who is not allowed gets no
// permission: the browser refuses, not we. Source: the CORS protocol of the Fetch standard; Envoy's
// cors.v3.CorsPolicy.

#include <cstdint>
#include <string_view>

#include "sidecar/config/route_extras.h"
#include "sidecar/http/message.h"

namespace weft::proxy {

enum class CorsVerdict : std::uint8_t {
  kNone,       // not of another origin, or not of an allowed one: the request goes on as it is
  kPreflight,  // answer it: cors_preflight_answer()
  kRefuse,     // a preflight nobody else is to see: answer it without permission
  kActual,     // goes on; allow_cors() on its answer
};

[[nodiscard]] CorsVerdict judge_cors(const config::CorsPolicy& policy,
                                     const http::RequestHead& head);

// The whole answer to a preflight; values live in `answer` or in the policy.
void write_preflight(const config::CorsPolicy& policy, const http::RequestHead& head,
                     http::ResponseHead& answer);
// The permission to read an answer. `origin` is the request's.
void allow_cors(const config::CorsPolicy& policy, std::string_view origin, http::Headers& answer);

}  // namespace weft::proxy
