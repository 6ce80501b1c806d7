#include "control/join_token.h"

#include <fmt/format.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>

#include "control/json.h"
#include "sidecar/core/base64.h"
#include "sidecar/core/strings.h"
#include "xds/join_token.h"

namespace weft::control {

namespace {

using nlohmann::json;

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

tl::unexpected<Error> denied(std::string why) { return fail(Fault::kDenied, "join token: " + why); }

// Of the years 1970 to 2200; what is outside is nobody's token.
std::optional<WallTime> time_of(const json& payload, const char* key) {
  const auto at = payload.find(key);
  if (at == payload.end() || !at->is_number_unsigned()) return std::nullopt;
  const auto seconds = at->get<std::uint64_t>();
  if (seconds > 7'258'118'400) return std::nullopt;
  return WallTime(std::chrono::seconds(seconds));
}

}  // namespace

Result<std::string> sign_join_token(const JoinToken& token, const tls::Key& root) {
  const json payload = {{"id", token.id.uri()},
                        {"iat", seconds_of(token.issued)},
                        {"exp", seconds_of(token.expires)},
                        {"td", std::string(token.id.trust_domain())},
                        {"root", token.root_spki_sha256}};
  const std::string text =
      fmt::format("{}.{}", JoinToken::kPrefix, encode_base64url(payload.dump()));
  const Result<std::string> signature = root.sign(text);
  if (!signature) return fail(signature.error());
  return text + "." + encode_base64url(*signature);
}

Result<JoinToken> verify_join_token(std::string_view text, const tls::Key& root, WallTime now) {
  if (text.size() > JoinToken::kBytesMax) return denied("too long");
  const std::size_t last = text.rfind('.');
  const std::size_t first = text.find('.');
  if (first == std::string_view::npos || first == last ||
      text.substr(0, first) != JoinToken::kPrefix) {
    return denied("not one of weft's");
  }
  // The signature first: nothing that strangers wrote is taken apart.
  const std::optional<std::string> signature = decode_base64url(text.substr(last + 1));
  if (!signature || !root.verify(text.substr(0, last), *signature)) {
    return denied("not signed by this root");
  }
  const std::optional<std::string> bytes =
      decode_base64url(text.substr(first + 1, last - first - 1));
  const json payload = bytes ? json::parse(*bytes, nullptr, false) : json(json::value_t::discarded);
  if (!payload.is_object()) return denied("unreadable");
  const Result<SpiffeId> id = SpiffeId::parse(text_at(payload, {"id"}));
  const std::optional<WallTime> issued = time_of(payload, "iat");
  const std::optional<WallTime> expires = time_of(payload, "exp");
  if (!id || !issued || !expires || id->trust_domain() != text_at(payload, {"td"}) ||
      text_at(payload, {"root"}) != root.spki_sha256()) {
    return denied("incomplete");
  }
  // What the sidecar reads differently, as it does where a name is there twice, is nobody's.
  const Result<xds::UnverifiedJoinToken> read = xds::read_join_token(text);
  if (!read || read->id != *id || read->expires != *expires ||
      read->root_spki_sha256 != root.spki_sha256()) {
    return denied("ambiguous");
  }
  if (now >= *expires) return fail(Fault::kTimeout, "join token: it has expired");
  if (*issued > now + JoinToken::kClockSkew) {
    return fail(Fault::kTimeout, "join token: it is from the future");
  }
  return JoinToken{.id = *id,
                   .issued = *issued,
                   .expires = *expires,
                   .root_spki_sha256 = text_at(payload, {"root"})};
}

}  // namespace weft::control
