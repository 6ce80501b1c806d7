#pragma once
// DNS messages for tests: written field by field, so that each can be wrong in one place.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/buffer.h"

namespace weft::dns::testing {

class Message {
 public:
  Message& u8(std::uint32_t value) {
    bytes.push_back(static_cast<std::uint8_t>(value));
    return *this;
  }
  Message& u16(std::uint32_t value) { return u8(value >> 8 & 0xffU).u8(value & 0xffU); }
  Message& u32(std::uint32_t value) { return u16(value >> 16).u16(value & 0xffffU); }
  // "cart.shop": labels, and the root at the end.
  Message& name(std::string_view text) {
    while (!text.empty()) {
      const std::string_view label = text.substr(0, text.find('.'));
      u8(static_cast<std::uint32_t>(label.size()));
      bytes.insert(bytes.end(), label.begin(), label.end());
      text.remove_prefix(label.size() == text.size() ? label.size() : label.size() + 1);
    }
    return u8(0);
  }
  Message& header(std::uint32_t id, std::uint32_t flags, std::uint32_t questions,
                  std::uint32_t answers, std::uint32_t authorities, std::uint32_t additional) {
    return u16(id).u16(flags).u16(questions).u16(answers).u16(authorities).u16(additional);
  }
  Message& opt(std::uint32_t payload, std::uint32_t version = 0, std::uint32_t flags = 0) {
    return u8(0).u16(41).u16(payload).u8(0).u8(version).u16(flags).u16(0);
  }
  // An A record for the name in the question.
  Message& a(std::uint32_t ttl, std::uint32_t address) {
    return u16(0xc00c).u16(1).u16(1).u32(ttl).u16(4).u32(address);
  }
  Message& soa(std::uint32_t ttl, std::uint32_t minimum) {
    u16(0xc00c).u16(6).u16(1).u32(ttl).u16(22).u8(0).u8(0);
    return u32(1).u32(2).u32(3).u32(4).u32(minimum);
  }
  operator Bytes() const { return bytes; }

  std::vector<std::uint8_t> bytes;
};

[[nodiscard]] inline Message question_of(std::string_view name, std::uint16_t type = 1,
                                         std::uint16_t id = 7) {
  return Message().header(id, 0x0100, 1, 0, 0, 0).name(name).u16(type).u16(1);
}

}  // namespace weft::dns::testing
