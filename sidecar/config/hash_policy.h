#pragma once
// HashPolicy: one part of a request's hash, by which ring hash and Maglev choose its endpoint.
// Those of a route are taken in order and combined (envoy.config.route.v3.RouteAction.HashPolicy).

#include <cstdint>
#include <optional>
#include <string>

#include "sidecar/config/matchers.h"
#include "sidecar/core/clock.h"

namespace weft::config {

struct HashPolicy {
  enum class Of : std::uint8_t { kHeader, kCookie, kQueryParameter, kSourceAddress, kPath };
  Of of = Of::kHeader;
  std::string name;  // of the header (lower case), cookie or query parameter
  // Header: what is hashed instead of its value.
  std::optional<TextMatch> rewrite;
  std::string substitution;
  // Cookie: made when the request has none; zero: for the session.
  std::optional<Duration> cookie_ttl;
  std::string cookie_path;
  std::string cookie_attributes;  // "; SameSite=Strict"
  bool terminal = false;          // the rest is not looked at once there is a hash
};

}  // namespace weft::config
