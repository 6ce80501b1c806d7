#pragma once
// SessionPersistence: requests of one session go to one endpoint: what names it, and how an answer
// tells (envoy.extensions.filters.http.stateful_session.v3, GEP-1619). Plain data.

#include <cstdint>
#include <string>

#include "sidecar/core/clock.h"

namespace weft::config {

struct SessionPersistence {
  enum class By : std::uint8_t { kCookie, kHeader };
  By by = By::kCookie;
  std::string name;  // of the cookie; of the header in lower case
  // Of the cookie.
  Duration lifetime{0};    // 0: as long as the client's session
  std::string path;        // "; Path=" is only written with it
  std::string attributes;  // "; Secure; SameSite=Lax", as configured
  // Its endpoint is not usable: 503 instead of another one.
  bool strict = false;
};

}  // namespace weft::config
