#pragma once
// HandshakeResult: how a handshake ended, in words few enough to be a metric's label; and the
// counters of them.
//
// Owner of HandshakeCounters: Library, one per worker and side; telemetry prints them as
// weft_handshakes_total{side,result,reason}. Writer: the worker's thread.

#include <array>
#include <cstdint>
#include <string_view>

#include "sidecar/core/counters.h"
#include "sidecar/core/error.h"

namespace weft::tls {

enum class HandshakeResult : std::uint8_t {
  kOk,
  kNoCertificate,  // the peer showed none where one is required
  kExpired,        // a certificate of its chain has expired
  kNotYetValid,
  kUntrusted,        // the chain does not lead to our roots, or breaks a rule on the way
  kWrongIdentity,    // good chain, but not a name or trust domain we accept
  kBadSvid,          // good chain, but the leaf breaks X.509-SVID's rules
  kRefusedByPeer,    // it sent a fatal alert
  kNothingInCommon,  // no shared version, cipher, group or application protocol
  kNotTls,           // the first bytes are no TLS, for example plain HTTP
  kBroken,           // bytes that break TLS
  kClosed,           // the connection ended in the middle
  kTimeout,
};
inline constexpr std::size_t kHandshakeResults =
    static_cast<std::size_t>(HandshakeResult::kTimeout) + 1;

[[nodiscard]] std::string_view name_of(HandshakeResult result);  // "wrong_identity"
[[nodiscard]] Fault fault_of(HandshakeResult result);            // REQUIRES result != kOk

// What a reason code of OpenSSL's TLS library means. Alerts of the peer are kRefusedByPeer.
[[nodiscard]] HandshakeResult result_of_ssl_reason(int reason);

// The certificate errors of X509_verify_cert.
[[nodiscard]] HandshakeResult result_of_chain_error(int error);

struct HandshakeCounters {
  std::array<Counter, kHandshakeResults> counts;

  void add(HandshakeResult result) { counts[static_cast<std::size_t>(result)].add(); }
  [[nodiscard]] std::uint64_t value(HandshakeResult result) const {
    return counts[static_cast<std::size_t>(result)].value();
  }
};

}  // namespace weft::tls
