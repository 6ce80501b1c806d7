#pragma once
// KeepAlive: the kernel's probes of a TCP connection on which nothing moves, so that a peer that is
// gone without a word is noticed. A value; unset members are Linux's defaults (tcp(7)).

#include <cstdint>

namespace weft {

struct KeepAlive {
  std::uint16_t idle_s = 7200;    // without a byte, before the first probe
  std::uint16_t interval_s = 75;  // between probes
  std::uint16_t probes = 9;       // so many without an answer end the connection
  bool operator==(const KeepAlive&) const = default;
};

}  // namespace weft
