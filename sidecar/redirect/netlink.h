#pragma once
// NetlinkRequest: one question to the kernel's routing side (rtnetlink(7)), in the network
// namespace the caller runs in: a change that is acknowledged, or a dump of what is there.
//
// A value; each call opens a socket of its own and closes it. Thread: any one. Errors are errno
// values, for callers who know which of them mean "there already" or "not there".

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace weft::redirect {

class NetlinkRequest final {
 public:
  // RTM_… and NLM_F_… flags, without NLM_F_REQUEST.
  NetlinkRequest(std::uint16_t type, std::uint16_t flags);
  // The fixed part of the message, once and first.
  template <typename T>
  void set_body(const T& body) {
    append(&body, sizeof body);
  }
  void add_attribute(std::uint16_t type, std::span<const std::uint8_t> value);
  void add_attribute(std::uint16_t type, std::uint32_t value);

  // 0 when it is done, else why not.
  [[nodiscard]] int change() const;
  // `each` hears the payload of every message of the answer: the fixed part, then attributes. 0 at
  // the answer's end, else why there is none.
  using EachMessage = std::function<void(std::span<const std::uint8_t>)>;
  [[nodiscard]] int dump(const EachMessage& each) const;

  // The value of an attribute of 32 bits behind a fixed part of `body` bytes; 0 when it is not
  // there.
  [[nodiscard]] static std::uint32_t attribute_of(std::span<const std::uint8_t> payload,
                                                  std::size_t body, std::uint16_t type);

 private:
  void append(const void* data, std::size_t size);
  [[nodiscard]] std::vector<std::uint8_t> with_flag(std::uint16_t flag) const;

  std::vector<std::uint8_t> bytes_;
};

}  // namespace weft::redirect
