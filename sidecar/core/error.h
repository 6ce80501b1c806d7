#pragma once
// Error: what went wrong, on whose side, and a sentence for people.
//
// Code decides on `fault` and `side` only; `detail` is for logs, NACKs and replies and is never
// compared. A Fault names the class of a failure; the one table from Fault to reply, flag and retry
// rule is sidecar/proxy/replies.cc.

#include <cstdint>
#include <string>
#include <string_view>

namespace weft {

enum class Fault : std::uint8_t {
  kInternal,            // our own limit or invariant; never the peer's doing
  kInvalid,             // configuration, file or argument that cannot be used
  kProtocol,            // bytes that break the protocol's rules
  kFlood,               // each by the rules, but more of it than any honest peer sends
  kHeadTooLarge,        // 431: header bytes or count over the limit
  kTargetTooLong,       // 414
  kBodyTooLarge,        // 413
  kMethodUnsupported,   // 501
  kVersionUnsupported,  // 505
  kMisdirected,         // 421
  kConnect,             // refused, unreachable or reset before anything was exchanged
  kConnectTimeout,
  kTlsHandshake,  // handshake refused or broken
  kTlsTimeout,
  kTlsIdentity,  // the chain is good, the identity is not one we accept
  kReset,        // connection or stream ended in the middle
  kRefused,      // peer proved that it did not process (REFUSED_STREAM, id above GOAWAY's last)
  kClosed,       // orderly end where more was expected
  kTimeout,      // a deadline passed; which one is in detail
  kIdle,         // nothing moved for too long
  kNoRoute,
  kNoCluster,
  kNoEndpoint,  // nothing healthy to send to
  kNameNotResolved,
  kLimit,        // a configured limit refused: connections, requests, pending, retries
  kCircuitOpen,  // the destination is given a rest
  kOverload,     // the process protects itself
  kRateLimited,
  kDenied,
  kDraining,
  kCancelled,  // the one who asked has gone
};

enum class Side : std::uint8_t { kDownstream, kUpstream, kLocal };

struct Error {
  Fault fault = Fault::kInternal;
  Side side = Side::kLocal;
  std::string detail;
};

[[nodiscard]] std::string_view name_of(Fault fault);
[[nodiscard]] std::string_view name_of(Side side);

// "protocol: content-length twice" – the side only when it is not ours.
[[nodiscard]] std::string to_string(const Error& error);

}  // namespace weft
