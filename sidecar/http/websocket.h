#pragma once
// The WebSocket opening handshake, as far as a proxy that changes the version of HTTP must take
// part in it: keys and what proves that they were understood.
//
// HTTP/1.1 sends a key and wants the hash of it back; HTTP/2 has neither (RFC 8441 section 5). So
// whoever writes an upgrade that came without a key makes one and checks the answer, and whoever
// answers a key out of an answer without proof makes the proof. Pure but for the system's
// randomness. Source: RFC 6455 sections 1.3, 4.1 and 4.2; SHA-1 from RFC 3174.

#include <array>
#include <string_view>

namespace weft::http {

// Base64 of 16 and of 20 bytes.
using WebSocketKey = std::array<char, 24>;
using WebSocketAccept = std::array<char, 28>;

[[nodiscard]] inline std::string_view view(const WebSocketKey& key) {
  return {key.data(), key.size()};
}
[[nodiscard]] inline std::string_view view(const WebSocketAccept& accept) {
  return {accept.data(), accept.size()};
}

[[nodiscard]] WebSocketKey make_websocket_key();
[[nodiscard]] WebSocketAccept websocket_accept(const WebSocketKey& key);

}  // namespace weft::http
