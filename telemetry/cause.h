#pragma once
// Cause and ResponseFlags: why an exchange ended as it did: our word (label and log field `cause`,
// header x-weft-cause) and Envoy's short flags (label `response_flags`, log field `flags`). The
// table that chooses them is sidecar/proxy/replies.cc (behaviour.md section 15).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::telemetry {

enum class Cause : std::uint8_t {
  kNone,  // the answer is the upstream's own
  kMalformedRequest,
  kUnauthenticated,
  kDenied,
  kEgressDenied,
  kUpgradeDenied,
  kNoRoute,
  kClientTimeout,
  kBodyTooLarge,
  kTargetTooLong,
  kHeadTooLarge,
  kMisdirected,
  kRateLimited,
  kNoValidBackend,
  kNoCluster,
  kMethodUnsupported,
  kVersionUnsupported,
  kUpstreamProtocol,
  kConnectFailure,
  kTlsFailure,
  kIdentityMismatch,
  kUpstreamReset,
  kNoHealthyEndpoint,
  kNameNotResolved,
  kBulkheadFull,
  kQueueTimeout,
  kCircuitOpen,
  kOverload,
  kUpstreamTimeout,
  kDeadlineExceeded,
  kStreamIdle,
  kStreamTooLong,
  kRetriesExhausted,
  kFault,
  kFallback,
  kRedirect,
  kDirectResponse,
  kClientGone,
  kDraining,
  kInternal,
};
inline constexpr std::size_t kCauses = static_cast<std::size_t>(Cause::kInternal) + 1;

[[nodiscard]] std::string_view name_of(Cause cause);  // "circuit_open"; "" for kNone
[[nodiscard]] std::optional<Cause> parse_cause(std::string_view name);

// In the order in which they are printed.
enum class Flag : std::uint8_t {
  kNoHealthyUpstream,          // UH
  kUpstreamTimeout,            // UT
  kLocalReset,                 // LR
  kUpstreamRemoteReset,        // UR
  kUpstreamConnectionFailure,  // UF
  kUpstreamClosed,             // UC
  kUpstreamOverflow,           // UO
  kNoRoute,                    // NR
  kDelayInjected,              // DI
  kFaultInjected,              // FI
  kRateLimited,                // RL
  kDownstreamClosed,           // DC
  kRetryLimitExceeded,         // URX
  kStreamIdle,                 // SI
  kDownstreamProtocolError,    // DPE
  kUpstreamMaxStreamDuration,  // UMSDR
  kDownstreamDurationTimeout,  // DT
  kUpstreamProtocolError,      // UPE
  kNoCluster,                  // NC
  kOverloadManager,            // OM
  kDnsFailure,                 // DF
  kDownstreamRemoteReset,      // DR
};
inline constexpr std::size_t kFlags = static_cast<std::size_t>(Flag::kDownstreamRemoteReset) + 1;

[[nodiscard]] std::string_view name_of(Flag flag);

inline constexpr std::size_t kFlagsBytesMax = 96;  // all of them at once

class ResponseFlags final {
 public:
  constexpr ResponseFlags() = default;
  static constexpr ResponseFlags from_bits(std::uint32_t bits) {
    ResponseFlags flags;
    flags.bits_ = bits;
    return flags;
  }

  constexpr void set(Flag flag) { bits_ |= 1U << static_cast<unsigned>(flag); }
  [[nodiscard]] constexpr bool has(Flag flag) const {
    return (bits_ & (1U << static_cast<unsigned>(flag))) != 0;
  }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  [[nodiscard]] constexpr std::uint32_t bits() const { return bits_; }
  // "UF,URX"; "-" when empty.
  void append_to(std::string& out) const;
  // The same into a buffer of at least kFlagsBytesMax.
  [[nodiscard]] std::string_view write_to(std::span<char> buffer) const;
  [[nodiscard]] std::string to_string() const;
  constexpr bool operator==(const ResponseFlags&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

}  // namespace weft::telemetry
