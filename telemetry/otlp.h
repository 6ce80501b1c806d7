#pragma once
// OtlpEncoder: spans -> the bytes of an OTLP ExportTraceServiceRequest, and back from the
// collector's answer.
//
// The only place that includes the OTLP messages. The same bytes are the body of OTLP/HTTP
// (application/x-protobuf, POST /v1/traces) and the message of OTLP/gRPC
// (opentelemetry.proto.collector.trace.v1.TraceService/Export); who sends them is sidecar/exporter.
// Thread: the main loop. Source: opentelemetry-proto 1.x, OTLP specification 1.3.

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/result.h"
#include "telemetry/span.h"

namespace weft::telemetry {

class OtlpEncoder final {
 public:
  // What the spans are of: service.name, service.namespace, service.version, host.name, … .
  // telemetry.sdk.* is added.
  using Resource = std::vector<std::pair<std::string, std::string>>;
  explicit OtlpEncoder(Resource resource) : resource_(std::move(resource)) {}

  // The first `count` spans. REQUIRES: count <= spans.size().
  [[nodiscard]] std::string encode(const std::deque<Span>& spans, std::size_t count) const;

 private:
  Resource resource_;
};

// What a collector said about a batch that it answered with success.
struct ExportResponse {
  std::uint64_t spans_rejected = 0;
  std::string message;  // a warning or the reason; for people
};
[[nodiscard]] Result<ExportResponse> parse_export_response(std::string_view bytes);

// What to do after an answer (OTLP specification, failures).
enum class ExportVerdict : std::uint8_t { kAccepted, kRetry, kRefused };
[[nodiscard]] ExportVerdict judge_http_status(int status);
// RESOURCE_EXHAUSTED may be retried only when the server said after which time.
[[nodiscard]] ExportVerdict judge_grpc_status(int status, bool has_retry_info);

}  // namespace weft::telemetry
