#include "sidecar/http/websocket.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <tuple>

#include "sidecar/core/base64.h"
#include "sidecar/core/random.h"

namespace weft::http {

namespace {

constexpr std::size_t kBlock = 64;
using Digest = std::array<std::uint8_t, 20>;
using Hash = std::array<std::uint32_t, 5>;

std::uint32_t word_at(const std::uint8_t* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

void add_block(const std::uint8_t* block, Hash& hash) {
  std::array<std::uint32_t, 80> words{};
  for (std::size_t i = 0; i < 16; ++i) words[i] = word_at(block + 4 * i);
  for (std::size_t i = 16; i < 80; ++i)
    words[i] = std::rotl(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1);
  auto [a, b, c, d, e] = hash;
  for (std::size_t i = 0; i < 80; ++i) {
    std::uint32_t mix = 0;
    if (i < 20) {
      mix = ((b & c) | (~b & d)) + 0x5a827999U;
    } else if (i < 40) {
      mix = (b ^ c ^ d) + 0x6ed9eba1U;
    } else if (i < 60) {
      mix = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcU;
    } else {
      mix = (b ^ c ^ d) + 0xca62c1d6U;
    }
    const std::uint32_t next = std::rotl(a, 5) + mix + e + words[i];
    e = d;
    d = c;
    c = std::rotl(b, 30);
    b = a;
    a = next;
  }
  hash[0] += a;
  hash[1] += b;
  hash[2] += c;
  hash[3] += d;
  hash[4] += e;
}

// SHA-1 of a text that fits two blocks with its padding. It proves nothing to anybody here; the
// protocol asks for it.
Digest sha1(std::string_view text) {
  std::array<std::uint8_t, 2 * kBlock> blocks{};
  std::memcpy(blocks.data(), text.data(), text.size());
  blocks[text.size()] = 0x80;
  const std::size_t used = text.size() + 9 <= kBlock ? kBlock : 2 * kBlock;
  const std::size_t bits = text.size() * 8;
  blocks[used - 2] = static_cast<std::uint8_t>(bits >> 8);
  blocks[used - 1] = static_cast<std::uint8_t>(bits);
  Hash hash{0x67452301U, 0xefcdab89U, 0x98badcfeU, 0x10325476U, 0xc3d2e1f0U};
  for (std::size_t at = 0; at < used; at += kBlock) add_block(blocks.data() + at, hash);
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i)
    digest[i] = static_cast<std::uint8_t>(hash[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

}  // namespace

WebSocketKey make_websocket_key() {
  std::array<std::uint8_t, 16> bytes{};
  Random random = Random::from_system();
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t eight = random.next();
    std::memcpy(bytes.data() + at, &eight, sizeof eight);
  }
  WebSocketKey key{};
  encode_base64(bytes, key);
  return key;
}

WebSocketAccept websocket_accept(const WebSocketKey& key) {
  static constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<char, std::tuple_size_v<WebSocketKey> + kGuid.size()> text{};
  std::copy(kGuid.begin(), kGuid.end(), std::copy(key.begin(), key.end(), text.begin()));
  WebSocketAccept accept{};
  encode_base64(sha1({text.data(), text.size()}), accept);
  return accept;
}

}  // namespace weft::http
