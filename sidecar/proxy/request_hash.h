#pragma once
// RequestHash: where a request stands on a hash ring, from what its route names (RouteAction.
// hash_policy), and the cookie that has to be made for it to stand there again.
//
// Each part that is there gives an XXH64 of its bytes, and they are combined in order, as Envoy
// does, so that both find the same endpoint. Pure; allocates only for a regular expression, for
// several lines of one header, and for a cookie that is made.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sidecar/config/hash_policy.h"
#include "sidecar/http/message.h"

namespace weft::proxy {

struct RequestHash {
  std::optional<std::uint64_t> value;  // none: nothing of what is named is there
  std::string set_cookie;              // for the response; empty: nothing to remember
};

// `source`: the caller's address and port as text. A made cookie is of it, so that all requests of
// one connection get the same.
[[nodiscard]] RequestHash hash_request(std::span<const config::HashPolicy> policies,
                                       const http::RequestHead& head, std::string_view source);

}  // namespace weft::proxy
