#pragma once
// Base64: bytes as text and back, whole and in pieces. Pure.
//
// RFC 4648: section 4 with padding, as HTTP and JSON write it, and section 5 (the alphabet for
// URLs) without, as JOSE does. Decoders take nothing that an encoder would not have written: a
// foreign character, a length that no bytes have, padding in the wrong place, a bit that nobody
// reads. Two texts never mean the same bytes in one form, or a signature over the text could be
// sidestepped.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "sidecar/core/buffer.h"

namespace weft {

[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
// With padding. REQUIRES text.size() == base64_size(bytes.size()).
void encode_base64(Bytes bytes, std::span<char> text);
// Either alphabet, with padding or without it.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

// The alphabet for URLs, no padding.
[[nodiscard]] std::string encode_base64url(std::string_view bytes);
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

// A stream of base64 texts, each padded at its end, cut anywhere. Holds less than four characters.
class Base64Reader final {
 public:
  // Appends what `text` decodes to; false when it is none, and for ever after.
  [[nodiscard]] bool feed(Bytes text, Buffer& out);
  // Characters wait for others: the stream may not end here.
  [[nodiscard]] bool partial() const { return count_ != 0; }

 private:
  [[nodiscard]] bool take_group(std::span<std::uint8_t> out, std::size_t& written);
  std::array<std::uint8_t, 4> group_{};
  std::size_t count_ = 0;
  bool broken_ = false;
};

}  // namespace weft
