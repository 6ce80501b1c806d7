#pragma once
// Http1Framing: where a message's body ends and what becomes of its connection, decided from its
// fields; and the fields that belong to this hop taken out, so that the head is in its canonical
// shape (message.h).
//
// Pure functions on a head whose fields are as they came. Everything that two parsers might read
// differently is refused. Source: RFC 9112 sections 3.2, 6 and 9, RFC 9110 sections 7.6.1, 7.8
// and 10.1.1; threats.md 3.1.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/http/message.h"

namespace weft::http {

enum class BodyKind : std::uint8_t { kNone, kLength, kChunked, kUntilClose, kTunnel };

// Longer names of upgrade protocols are passed over.
inline constexpr std::size_t kProtocolBytesMax = 32;

struct Http1Framing {
  BodyKind body = BodyKind::kNone;
  std::uint64_t length = 0;  // kLength
  bool keep_alive = true;    // as far as the peer is concerned
};

// REQUIRES: `head.target` as it came. Sets authority, target, protocol, content_length and
// expects_continue. A request that asks for a tunnel has BodyKind::kTunnel; it has no body before
// the other side agrees.
[[nodiscard]] Result<Http1Framing> frame_request(RequestHead& head);

// What a response answers.
struct Asked {
  Method method = Method::kGet;
  std::string_view protocol;  // the upgrade asked for
};
[[nodiscard]] Result<Http1Framing> frame_response(ResponseHead& head, const Asked& asked);

}  // namespace weft::http
