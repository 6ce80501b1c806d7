#include "xds/wire.h"

namespace weft::xds {

namespace {

constexpr std::uint32_t kVarint = 0;
constexpr std::uint32_t kFixed64 = 1;
constexpr std::uint32_t kBytes = 2;
constexpr std::uint32_t kFixed32 = 5;

std::optional<std::uint64_t> take_varint(std::string_view& in) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(in.front());
    in.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

bool skip(std::string_view& in, std::uint64_t count) {
  if (count > in.size()) return false;
  in.remove_prefix(static_cast<std::size_t>(count));
  return true;
}

std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void write_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

}  // namespace

std::optional<std::string_view> peek_field(std::string_view message, std::uint32_t number) {
  std::string_view last;
  while (!message.empty()) {
    const std::optional<std::uint64_t> tag = take_varint(message);
    if (!tag) return std::nullopt;
    switch (*tag & 7) {
      case kVarint:
        if (!take_varint(message)) return std::nullopt;
        break;
      case kFixed64:
        if (!skip(message, 8)) return std::nullopt;
        break;
      case kFixed32:
        if (!skip(message, 4)) return std::nullopt;
        break;
      case kBytes: {
        const std::optional<std::uint64_t> size = take_varint(message);
        const std::string_view rest = message;
        if (!size || !skip(message, *size)) return std::nullopt;
        if (*tag >> 3 == number) last = rest.substr(0, static_cast<std::size_t>(*size));
        break;
      }
      default:
        return std::nullopt;  // groups, which proto3 has not
    }
  }
  return last;
}

std::size_t field_size(std::uint32_t number, std::size_t payload_bytes) {
  return varint_size(std::uint64_t{number} << 3) + varint_size(payload_bytes) + payload_bytes;
}

void write_header(std::string& out, std::uint32_t number, std::size_t payload_bytes) {
  write_varint(out, (std::uint64_t{number} << 3) | kBytes);
  write_varint(out, payload_bytes);
}

void write_field(std::string& out, std::uint32_t number, std::string_view payload) {
  write_header(out, number, payload.size());
  out += payload;
}

}  // namespace weft::xds
