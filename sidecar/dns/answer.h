#pragma once
// Answer: the shape of somebody else's answer, as far as passing it on and keeping it a while
// takes: its code, how long it may be kept, and where its TTLs stand. RFC 1035 section 4, RFC 2181
// 8 (TTLs), RFC 2308 5 (how long "no such name" holds). Pure; whoever answers is a stranger.

#include <cstdint>
#include <vector>

#include "sidecar/core/buffer.h"
#include "sidecar/core/result.h"
#include "sidecar/dns/query.h"

namespace weft::dns {

struct Answer {
  static constexpr std::size_t kRecordsMax = 2048;
  static constexpr std::uint32_t kTtlSecondsMax = 86'400;
  static constexpr std::uint32_t kNegativeTtlSecondsMax = 300;

  std::uint16_t id = 0;
  std::uint8_t rcode = 0;
  bool truncated = false;
  std::uint32_t ttl_s = 0;        // the smallest; 0: not to be kept
  std::vector<std::size_t> ttls;  // offsets
};

// kProtocol: it does not add up, or answers another question than this query's.
[[nodiscard]] Result<Answer> parse_answer(Bytes message, const Query& query);

// The answer as this query's asker shall have it: with its id, its spelling of the name, and TTLs
// that have grown `age_s` older.
[[nodiscard]] std::vector<std::uint8_t> readdress(Bytes message, const Answer& answer,
                                                  const Query& query, std::uint32_t age_s);

}  // namespace weft::dns
