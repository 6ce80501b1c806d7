#pragma once
// Query: what an app asks of port 53, read from bytes it may have made up, the same question as it
// is put to others, and the short replies a resolver writes itself. RFC 1035 section 4, EDNS after
// RFC 6891. Pure.
//
// A query has one question and no pointers in its name; everything that is not understood is
// answered with the code the RFC has for it, or, when it is no query at all, not answered. Nothing
// that was not understood goes on: cookies, client subnets and other options of EDNS are between an
// asker and whoever it asks, which is us (RFC 6891 6.1.1), and stay here.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/result.h"

namespace weft::dns {

enum class Rcode : std::uint8_t {
  kNoError = 0,
  kFormat = 1,
  kServerFailure = 2,
  kNoSuchName = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // of EDNS; its upper bits travel in the OPT record
};

inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kClassInternet = 1;

struct Query {
  static constexpr std::size_t kNameMax = 255;       // on the wire (RFC 1035 2.3.4)
  static constexpr std::size_t kAdditionalMax = 16;  // records after the question
  static constexpr std::uint16_t kPayloadMin = 512;
  static constexpr std::uint16_t kPayloadMax = 1232;  // what no path has to fragment

  std::uint16_t id = 0;
  std::uint16_t wishes = 0;       // the flags an answer may depend on: RD, AD, CD
  Rcode fault = Rcode::kNoError;  // what to answer at once; then `question` may be empty
  std::string name;               // lower case, dots between labels, none at the end
  std::uint16_t type = 0;
  std::uint16_t record_class = 0;
  std::vector<std::uint8_t> question;  // as it came, for the reply: case is the asker's nonce
  bool edns = false;
  bool dnssec_ok = false;
  std::uint16_t payload_max = kPayloadMin;  // over UDP
};

// kProtocol: not worth an answer (no header, or itself an answer: two resolvers would play ball).
[[nodiscard]] Result<Query> parse_query(Bytes message);

// All that an answer may depend on, so that whoever asks with the same key may have the same
// answer; the spelling of the name is none of it.
[[nodiscard]] std::string key_of(const Query& query);

// The question as somebody else is asked it; the number in front is the caller's to write. With
// EDNS where the asker spoke it, for at most kPayloadMin over UDP.
[[nodiscard]] std::vector<std::uint8_t> write_query(const Query& query);

struct Reply {
  Rcode rcode = Rcode::kNoError;
  std::span<const IpAddress> addresses;  // only those of the query's type are told
  std::uint32_t ttl_s = 0;
  std::size_t first = 0;  // which of them is told first, modulo their number; the others follow
};

// At most `bytes_max` long; when not all addresses fit, the reply says that it is cut (TC) and the
// asker comes back over TCP.
[[nodiscard]] std::vector<std::uint8_t> write_reply(const Query& query, const Reply& reply,
                                                    std::size_t bytes_max);
// Header and question with TC: for an answer of somebody else that is too long.
[[nodiscard]] std::vector<std::uint8_t> write_truncated(const Query& query);

}  // namespace weft::dns
