#pragma once
// JoinToken: what a join token says about itself, read without judging it: the sidecar learns from
// it whom to trust first, and whether it is the token of another workload.
//
// "weft1.<payload>.<signature>", payload and signature base64url; the payload is JSON: id, iat, exp
// (seconds since the epoch), td, root (hex SHA-256 of the root's SubjectPublicKeyInfo). The root
// key signs (decisions A7); only the control plane can check that, and nothing here is proof of
// anything. Pure.

#include <string>
#include <string_view>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"

namespace weft::xds {

struct UnverifiedJoinToken {
  static constexpr std::string_view kPrefix = "weft1.";
  static constexpr std::size_t kBytesMax = 4096;

  SpiffeId id;
  WallTime expires{};
  std::string root_spki_sha256;
};

// Whether it looks like one of ours at all; a Kubernetes token does not.
[[nodiscard]] bool is_join_token(std::string_view text);
[[nodiscard]] Result<UnverifiedJoinToken> read_join_token(std::string_view text);

}  // namespace weft::xds
