#include "sidecar/handshake_counts.h"

#include "tls/library.h"

namespace weft::sidecar {

namespace {

telemetry::HandshakeResult metric_of(tls::HandshakeResult result) {
  using From = tls::HandshakeResult;
  using To = telemetry::HandshakeResult;
  switch (result) {
    case From::kOk:
      return To::kOk;
    case From::kNoCertificate:
      return To::kNoCertificate;
    case From::kExpired:
    case From::kNotYetValid:
      return To::kExpired;
    case From::kUntrusted:
      return To::kUnknownAuthority;
    case From::kWrongIdentity:
    case From::kBadSvid:
      return To::kIdentity;
    case From::kNothingInCommon:
    case From::kBroken:
      return To::kProtocol;
    case From::kNotTls:
      return To::kPlaintext;
    case From::kClosed:
      return To::kReset;
    case From::kTimeout:
      return To::kTimeout;
    case From::kRefusedByPeer:
      return To::kOther;
  }
  return To::kOther;
}

}  // namespace

void HandshakeCounts::update() {
  constexpr std::size_t kResults = tls::kHandshakeResults;
  seen_.resize(workers_.size() * 2 * kResults);
  std::size_t at = 0;
  for (const auto& worker : workers_) {
    for (const bool server : {true, false}) {
      const tls::HandshakeCounters& counters =
          server ? worker->library().accepted() : worker->library().connected();
      const auto side =
          server ? telemetry::HandshakeSide::kServer : telemetry::HandshakeSide::kClient;
      for (std::size_t i = 0; i < kResults; ++i, ++at) {
        const auto result = static_cast<tls::HandshakeResult>(i);
        const std::uint64_t now = counters.value(result);
        shard_.handshakes(side, metric_of(result)).add(now - seen_[at]);
        seen_[at] = now;
      }
    }
  }
}

}  // namespace weft::sidecar
