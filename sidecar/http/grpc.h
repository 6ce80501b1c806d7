#pragma once
// gRPC over HTTP/2 as the mesh needs it: message framing, status codes and their HTTP counterparts,
// grpc-message escaping, trailers-only answers, grpc-timeout. Pure; bodies are opaque bytes.
//
// Source: gRPC's PROTOCOL-HTTP2.md and http-grpc-status-mapping.md. Thread: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/http/message.h"

namespace weft::http {

enum class GrpcStatus : std::uint8_t {
  kOk = 0,
  kCancelled = 1,
  kUnknown = 2,
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kNotFound = 5,
  kAlreadyExists = 6,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kFailedPrecondition = 9,
  kAborted = 10,
  kOutOfRange = 11,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kDataLoss = 15,
  kUnauthenticated = 16,
};

[[nodiscard]] std::string_view name_of(GrpcStatus status);    // "DEADLINE_EXCEEDED"
[[nodiscard]] std::string_view number_of(GrpcStatus status);  // "4", as in grpc-status
[[nodiscard]] std::optional<GrpcStatus> grpc_status_from(std::string_view number);
// What a client makes of an HTTP answer without grpc-status, and what a proxy's own refusal becomes
// towards a gRPC caller.
[[nodiscard]] GrpcStatus grpc_status_of_http(std::uint16_t http_status);
// For metrics, breakers and gateways: the HTTP status that means the same.
[[nodiscard]] std::uint16_t http_status_of_grpc(GrpcStatus status);

// grpc-message: percent-encoded UTF-8. Decoding never fails; what is no escape stays as it is.
[[nodiscard]] std::string encode_grpc_message(std::string_view message);
[[nodiscard]] std::string decode_grpc_message(std::string_view text);

// A complete answer in one HEADERS frame; send_head(…, end = true).
[[nodiscard]] ResponseHead make_trailers_only(GrpcStatus status, std::string_view message);
// The head of an answer with messages, and the trailers that end it.
[[nodiscard]] ResponseHead make_grpc_head();
[[nodiscard]] Headers make_grpc_trailers(GrpcStatus status, std::string_view message = {});

struct GrpcOutcome {
  GrpcStatus status = GrpcStatus::kUnknown;
  std::string message;
};
// From the trailers when there were any, else from a trailers-only head, else from the HTTP status.
[[nodiscard]] GrpcOutcome read_grpc_outcome(const ResponseHead& head, const Headers* trailers);

// grpc-timeout: one to eight digits and a unit. Nothing when it is malformed; a value too large for
// the clock is clamped to kGrpcTimeoutMax, zero is zero.
inline constexpr Duration kGrpcTimeoutMax = std::chrono::hours(24 * 365);
[[nodiscard]] std::optional<Duration> parse_grpc_timeout(std::string_view text);
// The finest unit whose number fits eight digits; rounded down, so that a callee never waits longer
// than we do. At least 1n.
[[nodiscard]] std::string format_grpc_timeout(Duration timeout);

// Appends one uncompressed message: five bytes of prefix and the payload.
void write_grpc_message(Buffer& out, std::string_view payload);
[[nodiscard]] Buffer make_grpc_message(std::string_view payload);

// Cuts a body into messages. Holds at most one incomplete message, never more than
// `message_bytes_max` and its prefix plus what was fed at once.
class GrpcReader final {
 public:
  explicit GrpcReader(std::size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void feed(Buffer&& bytes) { pending_.append(std::move(bytes)); }
  // The next whole payload, or nothing yet; an error when the message is compressed or too large,
  // and for ever after.
  [[nodiscard]] Result<std::optional<Buffer>> next();
  // Bytes of an incomplete message are waiting: the end of the body now would cut it.
  [[nodiscard]] bool mid_message() const { return !pending_.empty(); }

 private:
  Buffer pending_;
  std::size_t message_bytes_max_;
};

}  // namespace weft::http
