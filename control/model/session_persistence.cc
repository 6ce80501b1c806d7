// `sessionPersistence`, as Gateway API 1.6 has it (GEP-1619).

#include <fmt/format.h>

#include "control/model/http_route.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

std::string check_session_name(std::string_view text) {
  if (text.size() <= 128 && check_header_name(text).empty()) return {};
  return "must be a cookie's or header's name of at most 128 bytes";
}

}  // namespace

SessionPersistence read_session_persistence(Reader& session) {
  SessionPersistence out;
  session.text("sessionName", out.name, check_session_name);
  session.choice("type", out.header, {{"Cookie", false}, {"Header", true}});
  if (session.duration("absoluteTimeout", out.absolute_timeout) &&
      out.absolute_timeout < std::chrono::seconds(1)) {
    session.refuse("absoluteTimeout", "must be at least 1s");
  }
  session.unsupported("idleTimeout");
  session.object("cookieConfig", [&](Reader& cookie) {
    cookie.choice("lifetimeType", out.permanent, {{"Session", false}, {"Permanent", true}});
    if (out.header) cookie.refuse("is for type Cookie");
  });
  if (out.permanent && out.absolute_timeout == Duration::zero()) {
    session.refuse("absoluteTimeout", "is required for a Permanent cookie");
  }
  // A session that no cookie's expiry ends would have to be forgotten by every sidecar at once.
  if (!out.permanent && out.absolute_timeout != Duration::zero()) {
    session.refuse("absoluteTimeout", "not supported yet but for a Permanent cookie");
  }
  return out;
}

}  // namespace weft::control
