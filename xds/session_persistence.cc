#include "xds/session_persistence.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/stateful_session.pb.h"
#include "xds/proto/stateful_session_cookie.pb.h"
#include "xds/proto/stateful_session_header.pb.h"

namespace weft::xds {

namespace ss = envoy::extensions::filters::http::stateful_session::v3;
namespace sc = envoy::extensions::http::stateful_session::cookie::v3;
namespace sh = envoy::extensions::http::stateful_session::header::v3;

namespace {

using config::SessionPersistence;

// RFC 6265 4.1.1: what would end the field or begin another attribute is neither.
bool is_cookie_text(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    return c == ';' || c == ',' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

void read_session_cookie(const envoy::type::http::v3::Cookie& cookie, const FieldPath& path,
                         Reading& in, SessionPersistence& out) {
  out.by = SessionPersistence::By::kCookie;
  out.name = cookie.name();
  if (!is_cookie_text(out.name) || out.name.find_first_of("= \"") != std::string::npos)
    in.refuse(path / "name", fmt::format("\"{}\" is not a cookie's name", escape(out.name)));
  out.lifetime = duration_of(cookie.ttl());
  out.path = cookie.path();
  if (!is_cookie_text(out.path)) in.refuse(path / "path", "is not a cookie's path");
  for (int index = 0; index < cookie.attributes_size(); ++index) {
    const auto& attribute = cookie.attributes(index);
    if (!is_cookie_text(attribute.name()) || !is_cookie_text(attribute.value()))
      in.refuse(path.at("attributes", index), "is not a cookie's attribute");
    out.attributes += "; " + attribute.name();
    if (!attribute.value().empty()) out.attributes += "=" + attribute.value();
  }
}

}  // namespace

std::shared_ptr<const SessionPersistence> read_session_persistence(const google::protobuf::Any& any,
                                                                   const FieldPath& path,
                                                                   Reading& in) {
  ss::StatefulSessionPerRoute route;
  if (!in.unpack(any, path, route) || !route.has_stateful_session()) return nullptr;
  const auto at = path / "stateful_session";
  const auto state = at / "session_state";
  if (!route.stateful_session().has_session_state()) return nullptr;
  const auto& typed = route.stateful_session().session_state().typed_config();
  const auto inner = state / "typed_config";
  SessionPersistence out;
  out.strict = route.stateful_session().strict();
  sc::CookieBasedSessionState cookie;
  sh::HeaderBasedSessionState header;
  const std::string type = type_of(typed);
  if (type == cookie.GetDescriptor()->full_name()) {
    if (!in.unpack(typed, inner, cookie)) return nullptr;
    read_session_cookie(cookie.cookie(), inner / "cookie", in, out);
  } else if (type == header.GetDescriptor()->full_name()) {
    if (!in.unpack(typed, inner, header)) return nullptr;
    out.by = SessionPersistence::By::kHeader;
    out.name = to_lower(header.name());
    if (out.name.starts_with(':') || out.name == "host")
      in.refuse(inner / "name", fmt::format("{} does not name a session", escape(out.name)));
  } else {
    in.refuse(inner, fmt::format("unknown session state {}", escape(type)));
    return nullptr;
  }
  return std::make_shared<const SessionPersistence>(std::move(out));
}

}  // namespace weft::xds
