#pragma once
// AccessRecord: everything one exchange (or one TCP tunnel) tells at its end, whatever the ending:
// served, refused, reset, timed out, cancelled, injected. Counters, histograms, the log line and
// the span are all made from it (behaviour.md 11).
//
// Filled by sidecar/proxy as things happen. Texts of the request are views that must be valid while
// the record is being used, that is during Shard::record, append_json and fill_span; nothing keeps
// them. Names fixed by configuration are ids. A duration that is not known is kNotKnown.

#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/clock.h"
#include "telemetry/cause.h"
#include "telemetry/labels.h"
#include "telemetry/trace_context.h"

namespace weft::telemetry {

// Which sidecar speaks: the destination's (inbound) or the source's (outbound). Label `reporter`,
// log field `direction`.
enum class Direction : std::uint8_t { kInbound, kOutbound };
enum class RequestProtocol : std::uint8_t { kHttp, kGrpc, kTcp };
enum class WireProtocol : std::uint8_t { kUnknown, kHttp10, kHttp11, kHttp2, kTcp };
enum class SecurityPolicy : std::uint8_t { kUnknown, kNone, kMutualTls };
enum class TlsVersion : std::uint8_t { kNone, kTls12, kTls13 };

[[nodiscard]] std::string_view name_of(Direction direction);      // "inbound"
[[nodiscard]] std::string_view reporter_of(Direction direction);  // "destination"
[[nodiscard]] std::string_view name_of(RequestProtocol protocol);
[[nodiscard]] std::string_view name_of(WireProtocol protocol);  // "HTTP/1.1"; "" for kUnknown
[[nodiscard]] std::string_view name_of(SecurityPolicy policy);  // "mutual_tls"
[[nodiscard]] std::string_view name_of(TlsVersion version);     // "TLSv1.3"; "" for kNone

struct AccessRecord {
  static constexpr Duration kNotKnown{-1};
  static constexpr std::int8_t kNoGrpcStatus = -1;

  // When, and how long.
  WallTime started{};
  Duration total{0};              // first byte of the request to the end of the answer
  Duration head = kNotKnown;      // to the response head
  Duration upstream = kNotKnown;  // request sent upstream to its response head, last attempt
  Duration queue = kNotKnown;     // waited for a limit or a connection, all attempts together

  // What was asked. The path has no query unless configuration says so.
  Direction direction = Direction::kInbound;
  RequestProtocol protocol = RequestProtocol::kHttp;
  WireProtocol wire = WireProtocol::kUnknown;
  std::string_view method;
  std::string_view authority;
  std::string_view path;
  std::string_view user_agent;
  std::string_view request_id;
  std::string_view forwarded_for;

  // What was answered.
  std::uint16_t status = 0;  // 0: no answer reached the client
  std::int8_t grpc_status = kNoGrpcStatus;
  Cause cause = Cause::kNone;
  ResponseFlags flags;
  std::string_view details;     // for people: "connect 10.0.0.1:80: connection refused"
  std::uint64_t bytes_in = 0;   // bodies, or tunnel bytes, from downstream
  std::uint64_t bytes_out = 0;  // to downstream
  std::uint32_t attempts = 0;

  // Who, and by which decision.
  PeerId source = PeerId::kUnknown;
  PeerId destination = PeerId::kUnknown;
  ServiceId service = ServiceId::kUnknown;
  std::string_view source_address;
  std::string_view upstream_address;
  SecurityPolicy security = SecurityPolicy::kUnknown;
  TlsVersion tls = TlsVersion::kNone;
  LabelId route = LabelId::kEmpty;
  LabelId backend = LabelId::kEmpty;  // the backendRef or cluster chosen
  LabelId policy = LabelId::kEmpty;   // namespace/name/rule that refused
  LabelId fault = LabelId::kEmpty;    // name of the fault that was injected
  std::uint64_t generation = 0;       // of the configuration that decided

  // Trace: our own span; zero when there is none.
  TraceContext trace;

  // An answer that somebody should look at: none, 5xx, a failing gRPC status or a flag. What mode
  // Errors logs.
  [[nodiscard]] bool failed() const;
};

// One line with every field of schemas.md section 3, absent ones as null, and a final newline.
// Appends; allocates only when `out` must grow. Texts from outside are cut (kLogPathMax …),
// escaped, and made valid UTF-8.
void append_json(const AccessRecord& record, std::string& out);
// Envoy's default format (xds-v3.md 3.11), control characters and quotes escaped.
void append_text(const AccessRecord& record, std::string& out);

inline constexpr std::size_t kLogPathMax = 2048;
inline constexpr std::size_t kLogTextMax = 512;

}  // namespace weft::telemetry
