#pragma once
// JoinToken: what a new workload shows for its first certificate: who it may become, until when,
// and whom it may trust.
//
// "weft1.<payload>.<signature>", both base64url; the payload is JSON, the signature the root key's
// over everything before it. Reusable until it expires, bound to one identity; renewals use the
// certificate and never the token (decisions A7). Pure. Made by Authority; read by Authority and,
// unverified, by the sidecar for the root's digest.

#include <string>
#include <string_view>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "tls/key.h"

namespace weft::control {

struct JoinToken {
  static constexpr std::string_view kPrefix = "weft1";
  static constexpr std::size_t kBytesMax = 4096;
  // A clock may be this far behind the one that made the token.
  static constexpr Duration kClockSkew = std::chrono::seconds(60);

  SpiffeId id;
  WallTime issued{};
  WallTime expires{};
  std::string root_spki_sha256;  // hex; the sidecar's first trust
};

[[nodiscard]] Result<std::string> sign_join_token(const JoinToken& token, const tls::Key& root);

// kDenied: not one of ours, tampered with, or read differently by a sidecar; kTimeout: it has
// expired or is from the future.
[[nodiscard]] Result<JoinToken> verify_join_token(std::string_view text, const tls::Key& root,
                                                  WallTime now);

}  // namespace weft::control
