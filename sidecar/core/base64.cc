#include "sidecar/core/base64.h"

#include <algorithm>

#include "sidecar/core/assert.h"

namespace weft {

namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Values = std::array<std::int8_t, 256>;

constexpr void add(std::string_view alphabet, Values& values) {
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
}

constexpr Values values_of(std::string_view alphabet, std::string_view other = {}) {
  Values values{};
  values.fill(-1);
  add(alphabet, values);
  add(other, values);
  return values;
}
constexpr Values kStandardValues = values_of(kStandard);
constexpr Values kUrlValues = values_of(kUrl);
constexpr Values kEitherValues = values_of(kStandard, kUrl);

// Without padding.
std::optional<std::string> decode(std::string_view text, const Values& values) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::int8_t value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>((bits >> count) & 255U);
    bits &= (1U << count) - 1U;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

}  // namespace

void encode_base64(Bytes bytes, std::span<char> text) {
  WEFT_ASSERT(text.size() == base64_size(bytes.size()));
  const auto byte_at = [&](std::size_t at) -> std::uint32_t {
    return at < bytes.size() ? bytes[at] : 0U;
  };
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::uint32_t three = byte_at(i) << 16U | byte_at(i + 1) << 8U | byte_at(i + 2);
    for (std::size_t j = 0; j < 4; ++j)
      text[at++] = i + j > bytes.size() ? '=' : kStandard[(three >> (18 - 6 * j)) & 63U];
  }
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 == 0) {
    if (text.ends_with("==")) {
      text.remove_suffix(2);
    } else if (text.ends_with('=')) {
      text.remove_suffix(1);
    }
  }
  return decode(text, kEitherValues);
}

std::string encode_base64url(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : bytes) {
    bits = (bits << 8U) | static_cast<std::uint8_t>(c);
    count += 8;
    while (count >= 6) {
      count -= 6;
      text += kUrl[(bits >> count) & 63U];
    }
  }
  if (count > 0) text += kUrl[(bits << (6 - count)) & 63U];
  return text;
}

std::optional<std::string> decode_base64url(std::string_view text) {
  return decode(text, kUrlValues);
}

bool Base64Reader::feed(Bytes text, Buffer& out) {
  while (!text.empty() && !broken_) {
    // In pieces, so that a long text asks for no long block.
    constexpr std::size_t kPiece = 4096;
    const Bytes piece = text.first(std::min(text.size(), kPiece));
    text = text.subspan(piece.size());
    const std::span<std::uint8_t> room = out.reserve(base64_size(piece.size()));
    std::size_t written = 0;
    for (const std::uint8_t c : piece) {
      group_[count_++] = c;
      if (count_ < group_.size()) continue;
      count_ = 0;
      if (take_group(room, written)) continue;
      broken_ = true;
      break;
    }
    out.commit(written);
  }
  return !broken_;
}

bool Base64Reader::take_group(std::span<std::uint8_t> out, std::size_t& written) {
  const std::size_t digits = group_[3] != '=' ? 4 : group_[2] != '=' ? 3 : 2;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < digits; ++i) {
    const std::int8_t value = kStandardValues[group_[i]];
    if (value < 0) return false;
    bits |= static_cast<std::uint32_t>(value) << (18 - 6 * i);
  }
  const std::size_t bytes = digits - 1;
  if ((bits & ((1U << (24 - 8 * bytes)) - 1U)) != 0) return false;
  for (std::size_t i = 0; i < bytes; ++i)
    out[written++] = static_cast<std::uint8_t>(bits >> (16 - 8 * i));
  return true;
}

}  // namespace weft
