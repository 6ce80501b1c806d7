#pragma once
// ProxyHeader: the line or block that a proxy sends in front of a connection to say whose it is:
// the PROXY protocol, versions 1 (text) and 2 (binary), read and written.
//
// After the PROXY protocol specification (haproxy.org, doc/proxy-protocol.txt, 2.2 and 2.3). Pure.
// Who may be believed is not decided here: only a listener that was told to expect the header ever
// asks. Strict, for a header that two readers take differently is an identity that two readers take
// differently: one space between words, decimal ports without leading zeros, CRLF, and in version 2
// every length exact.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/address.h"

namespace weft {

// The longest line of version 1, CRLF included (the specification's figure).
inline constexpr std::size_t kProxyHeaderV1Max = 107;
// Ours for version 2. The two largest addresses and a TLS description with its names have less than
// 1 KiB; a client's whole certificate may be told and is not wanted here.
inline constexpr std::size_t kProxyHeaderV2Max = 4096;

struct ProxyHeader {
  enum class Version : std::uint8_t { kV1, kV2 };
  Version version = Version::kV2;
  // Both none: the sender speaks for itself (LOCAL), or does not know (UNKNOWN, UNSPEC). The
  // connection's own addresses hold.
  SocketAddress source;
  SocketAddress destination;
  bool operator==(const ProxyHeader&) const = default;
};

struct ProxyHeaderRead {
  enum class State : std::uint8_t {
    kNeedMore,   // so far it may be one
    kAbsent,     // it begins as neither version does
    kMalformed,  // it began as one and broke the rules or the limit
    kDone,
  };
  State state = State::kNeedMore;
  ProxyHeader header;    // when kDone
  std::size_t size = 0;  // bytes it takes, when kDone
  std::string_view why;  // when kMalformed
};

// Ask again with more bytes from the same beginning until it knows.
[[nodiscard]] ProxyHeaderRead read_proxy_header(std::string_view bytes);

// IPv4 beside IPv6 is written as the IPv6 address that it is mapped to; what is no IP address makes
// a header that names nobody.
[[nodiscard]] std::string write_proxy_header(const ProxyHeader& header);

}  // namespace weft
