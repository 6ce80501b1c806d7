// Tokens that strangers show for a certificate, and what the API server says of them.
//
// As a token the input is never believed; as the payload of one that the root has signed only when
// it names an identity and a time that hold. The sidecar, which believes its own file, reads what
// the control plane reads. As an answer to a TokenReview it proves a name that can be one, or
// nothing.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/join_token.h"
#include "control/kubernetes/kube_token_reviewer.h"
#include "sidecar/core/base64.h"
#include "xds/join_token.h"

namespace {

using namespace weft::control;

void token_require(bool holds) {
  if (!holds) std::abort();
}

const weft::tls::Key& token_root() {
  static const weft::tls::Key key = weft::tls::Key::generate().value();
  return key;
}

constexpr weft::WallTime kTokenNow{std::chrono::hours(24 * 365 * 56)};

// Payloads name the root as ROOT, whose digest is another in every run.
std::string with_root(std::string payload) {
  const std::size_t at = payload.find("ROOT");
  if (at != std::string::npos) payload.replace(at, 4, token_root().spki_sha256());
  return payload;
}

void judge_payload(std::string_view bytes) {
  const std::string text =
      std::string(JoinToken::kPrefix) + "." + weft::encode_base64url(with_root(std::string(bytes)));
  const auto signature = token_root().sign(text);
  token_require(signature.has_value());
  const std::string whole = text + "." + weft::encode_base64url(*signature);
  const auto token = verify_join_token(whole, token_root(), kTokenNow);
  if (!token) {
    token_require(!token.error().detail.empty());
    return;
  }
  token_require(!token->id.empty() && kTokenNow < token->expires);
  token_require(token->issued <= kTokenNow + JoinToken::kClockSkew);
  token_require(token->root_spki_sha256 == token_root().spki_sha256());
  // The sidecar, which only reads, reads the same.
  const auto read = weft::xds::read_join_token(whole);
  token_require(read.has_value() && read->id == token->id);
  // One bit of the payload changed, and it is nobody's.
  std::string changed = whole;
  changed[JoinToken::kPrefix.size() + 1] ^= 1;
  token_require(!verify_join_token(changed, token_root(), kTokenNow));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  token_require(!verify_join_token(text, token_root(), kTokenNow));
  judge_payload(text);
  (void)weft::xds::read_join_token(text);
  for (const std::uint16_t status : {std::uint16_t{201}, std::uint16_t{403}}) {
    const auto name = kube::judge_review(status, text);
    if (!name) {
      for (const char c : name.error().detail)
        token_require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
      continue;
    }
    token_require(status == 201 && check_label_name(name->name_space).empty() &&
                  check_object_name(name->name).empty());
  }
  return 0;
}
