#pragma once
// dns_answer: the addresses in a DNS answer, read by a parser of our own: RFC 1035 section 4, TTL
// after RFC 2181 section 8.
//
// Whoever answers is a stranger: compression pointers may only point backwards, records, aliases
// and addresses are bounded, a record counts only for the name asked or for an alias of it, and an
// answer that does not add up is refused whole. Pure.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"

namespace weft::net {

enum class DnsType : std::uint16_t { kA = 1, kAaaa = 28 };

struct DnsAnswer {
  static constexpr std::size_t kAddressesMax = 256;  // the rest of a longer answer is left out
  static constexpr std::size_t kRecordsMax = 2048;   // as are records beyond this
  static constexpr std::size_t kAliasesMax = 16;     // the longest chain of CNAMEs that is followed
  static constexpr std::chrono::seconds kTtlMax{86'400};

  std::vector<IpAddress> addresses;  // in the server's order; empty: the name has none of this type
  Duration
      ttl{};  // the smallest on the way to the addresses; zero is the server's word, not a default
};

// kProtocol for an answer that breaks the rules.
[[nodiscard]] Result<DnsAnswer> parse_dns_answer(Bytes message, DnsType type);

}  // namespace weft::net
