#include "telemetry/span_fill.h"

#include <algorithm>
#include <charconv>

namespace weft::telemetry {
namespace {

void begin(const TraceContext& trace, WallTime started, Duration total, KeptFor kept_for,
           Span& span) {
  span.clear();
  span.trace_id = trace.trace_id;
  span.span_id = trace.span_id;
  span.parent_id = trace.parent_id;
  span.start = started;
  // Wall clocks step; a span must not end before it begins.
  span.end = started + std::max(total, Duration::zero());
  span.trace_flags =
      static_cast<std::uint8_t>((trace.sampled() ? 1 : 0) + (trace.w3c_random ? 2 : 0));
  if (kept_for == KeptFor::kFailure) span.add(AttributeKey::kKeptForFailure, std::int64_t{1});
}

void add_status(std::uint16_t status, std::int8_t grpc_status, Span& span) {
  if (status != 0) span.add(AttributeKey::kStatusCode, std::int64_t{status});
  if (grpc_status >= 0) span.add(AttributeKey::kGrpcStatus, std::int64_t{grpc_status});
}

// What failed: our own word for it, or the code.
void add_error(std::string_view word, std::uint16_t status, Span& span) {
  span.status = SpanStatus::kError;
  std::array<char, 8> digits;
  if (word.empty() && status != 0) {
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), status).ptr;
    word = {digits.data(), static_cast<std::size_t>(end - digits.data())};
  }
  span.add(AttributeKey::kErrorType, word.empty() ? std::string_view("other") : word);
}

std::string_view version_of(WireProtocol wire) {
  switch (wire) {
    case WireProtocol::kHttp10:
      return "1.0";
    case WireProtocol::kHttp11:
      return "1.1";
    case WireProtocol::kHttp2:
      return "2";
    case WireProtocol::kUnknown:
    case WireProtocol::kTcp:
      break;
  }
  return {};
}

}  // namespace

void fill_span(const AccessRecord& record, KeptFor kept_for, Span& span) {
  begin(record.trace, record.started, record.total, kept_for, span);
  span.kind = SpanKind::kServer;
  const bool tcp = record.protocol == RequestProtocol::kTcp;
  span.set_name(tcp ? "TCP" : record.method,
                record.route == LabelId::kEmpty ? std::string_view{} : text_of(record.route));
  // What explains a failure comes first, so that it is not what is left out.
  if (record.failed()) add_error(name_of(record.cause), record.status, span);
  span.add(AttributeKey::kCause, name_of(record.cause));
  if (!record.flags.empty()) {
    std::array<char, kFlagsBytesMax> text;
    span.add(AttributeKey::kResponseFlags, record.flags.write_to(text));
  }
  span.add(AttributeKey::kDetails, record.details);
  span.add(AttributeKey::kPolicy, record.policy);
  span.add(AttributeKey::kFault, record.fault);
  span.add(AttributeKey::kDirection, name_of(record.direction));
  add_status(record.status, record.grpc_status, span);
  if (!tcp) span.add(AttributeKey::kHttpMethod, record.method);
  span.add(AttributeKey::kUrlPath, record.path);
  span.add(AttributeKey::kServerAddress, record.authority);
  span.add(AttributeKey::kRequestId, record.request_id);
  span.add(AttributeKey::kBackend, record.backend);
  span.add(AttributeKey::kPeerAddress, record.upstream_address);
  span.add(AttributeKey::kClientAddress, record.source_address);
  span.add(AttributeKey::kSourceWorkload, labels_of(record.source).workload);
  span.add(AttributeKey::kDestinationWorkload, labels_of(record.destination).workload);
  if (record.attempts > 1) span.add(AttributeKey::kAttempts, std::int64_t{record.attempts});
  if (record.queue > Duration::zero())
    span.add(AttributeKey::kQueueMs, std::int64_t{record.queue.count() / 1'000'000});
  span.add(AttributeKey::kProtocolVersion, version_of(record.wire));
  span.add(AttributeKey::kRequestBytes, static_cast<std::int64_t>(record.bytes_in));
  span.add(AttributeKey::kResponseBytes, static_cast<std::int64_t>(record.bytes_out));
  span.add(AttributeKey::kUserAgent, record.user_agent);
}

void fill_span(const AttemptRecord& record, KeptFor kept_for, Span& span) {
  begin(record.trace, record.started, record.total, kept_for, span);
  span.kind = SpanKind::kClient;
  span.set_name(record.method.empty() ? "TCP" : record.method,
                record.backend == LabelId::kEmpty ? std::string_view{} : text_of(record.backend));
  if (record.result != AttemptResult::kOk) add_error(name_of(record.result), record.status, span);
  span.add(AttributeKey::kAttempt, std::int64_t{record.number});
  span.add(AttributeKey::kDetails, record.details);
  add_status(record.status, record.grpc_status, span);
  span.add(AttributeKey::kHttpMethod, record.method);
  span.add(AttributeKey::kPeerAddress, record.upstream_address);
  span.add(AttributeKey::kBackend, record.backend);
  if (record.queue > Duration::zero())
    span.add(AttributeKey::kQueueMs, std::int64_t{record.queue.count() / 1'000'000});
}

}  // namespace weft::telemetry
