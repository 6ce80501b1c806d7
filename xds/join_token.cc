#include "xds/join_token.h"

#include <optional>

#include "sidecar/config/document.h"
#include "sidecar/core/base64.h"

namespace weft::xds {

namespace {

tl::unexpected<Error> unreadable(std::string_view why) {
  return fail(Fault::kInvalid, "join token: " + std::string(why));
}

std::string text_of(const config::Value& payload, std::string_view key) {
  const config::Value* value = payload.find(key);
  return value != nullptr && value->is_scalar() ? value->text() : std::string();
}

}  // namespace

bool is_join_token(std::string_view text) { return text.starts_with(UnverifiedJoinToken::kPrefix); }

Result<UnverifiedJoinToken> read_join_token(std::string_view text) {
  if (!is_join_token(text)) return unreadable("not one of weft's");
  if (text.size() > UnverifiedJoinToken::kBytesMax) return unreadable("too long");
  text.remove_prefix(UnverifiedJoinToken::kPrefix.size());
  const std::size_t dot = text.find('.');
  if (dot == std::string_view::npos) return unreadable("cut short");
  const std::optional<std::string> payload = decode_base64url(text.substr(0, dot));
  if (!payload) return unreadable("broken");
  const auto documents = config::parse_documents(*payload, "token");
  if (!documents || documents->size() != 1 || !documents->front().root.is_map())
    return unreadable("broken");
  const config::Value& root = documents->front().root;
  const Result<SpiffeId> id = SpiffeId::parse(text_of(root, "id"));
  const config::Value* expires = root.find("exp");
  const Result<std::int64_t> seconds =
      expires == nullptr ? Result<std::int64_t>(0) : expires->as_int();
  UnverifiedJoinToken token;
  token.root_spki_sha256 = text_of(root, "root");
  // Until the year 2200; beyond it a WallTime would overflow.
  if (!id || !seconds || *seconds <= 0 || *seconds > 7'258'118'400 ||
      token.root_spki_sha256.size() != 64)
    return unreadable("incomplete");
  token.id = *id;
  token.expires = WallTime(std::chrono::seconds(*seconds));
  return token;
}

}  // namespace weft::xds
