#include "telemetry/otlp.h"

#include <google/protobuf/arena.h>

#include <algorithm>

#include "sidecar/core/assert.h"
#include "telemetry/proto/trace_service.pb.h"
#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

namespace otlp = opentelemetry::proto;

constexpr std::size_t kResponseBytesMax = 64 * 1024;
constexpr std::size_t kMessageMax = 512;

template <typename Id>
void set_id(const Id& id, std::string& out) {
  out.assign(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

std::uint64_t nanoseconds(WallTime time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

// Labels come from configuration and peers: protobuf strings must be UTF-8.
void set_text(std::string_view text, std::string& out) {
  out.clear();
  std::size_t good = 0;
  while (good < text.size()) {
    const std::size_t length = utf8_length(text.substr(good));
    good += length;
    if (length != 0) continue;
    out.append(text.substr(0, good)) += '?';
    text.remove_prefix(good + 1);
    good = 0;
  }
  out.append(text);
}

void add_text(std::string_view key, std::string_view value, otlp::common::v1::KeyValue& out) {
  out.mutable_key()->assign(key);
  set_text(value, *out.mutable_value()->mutable_string_value());
}

void encode_span(const Span& span, otlp::trace::v1::Span& out) {
  set_id(span.trace_id, *out.mutable_trace_id());
  set_id(span.span_id, *out.mutable_span_id());
  if (!span.parent_id.is_zero()) set_id(span.parent_id, *out.mutable_parent_span_id());
  out.mutable_name()->assign(span.name());
  switch (span.kind) {
    case SpanKind::kInternal:
      out.set_kind(otlp::trace::v1::Span::SPAN_KIND_INTERNAL);
      break;
    case SpanKind::kServer:
      out.set_kind(otlp::trace::v1::Span::SPAN_KIND_SERVER);
      break;
    case SpanKind::kClient:
      out.set_kind(otlp::trace::v1::Span::SPAN_KIND_CLIENT);
      break;
  }
  out.set_start_time_unix_nano(nanoseconds(span.start));
  out.set_end_time_unix_nano(nanoseconds(span.end));
  out.set_flags(span.trace_flags);
  out.set_dropped_attributes_count(span.attributes_dropped);
  if (span.status == SpanStatus::kError)
    out.mutable_status()->set_code(otlp::trace::v1::Status::STATUS_CODE_ERROR);
  span.for_each_attribute([&out](AttributeKey key, auto value) {
    if constexpr (std::is_same_v<decltype(value), std::string_view>) {
      add_text(name_of(key), value, *out.add_attributes());
    } else {
      otlp::common::v1::KeyValue& attribute = *out.add_attributes();
      attribute.mutable_key()->assign(name_of(key));
      attribute.mutable_value()->set_int_value(value);
    }
  });
}

}  // namespace

std::string OtlpEncoder::encode(const std::deque<Span>& spans, std::size_t count) const {
  WEFT_ASSERT(count <= spans.size());
  // A span is some thirty small messages: on an arena they cost half. The main loop may share its
  // core with a worker, whose requests wait meanwhile.
  google::protobuf::Arena arena;
  auto& request = *google::protobuf::Arena::CreateMessage<
      otlp::collector::trace::v1::ExportTraceServiceRequest>(&arena);
  otlp::trace::v1::ResourceSpans& resource_spans = *request.add_resource_spans();
  for (const auto& [key, value] : resource_)
    add_text(key, value, *resource_spans.mutable_resource()->add_attributes());
  add_text("telemetry.sdk.name", "weft", *resource_spans.mutable_resource()->add_attributes());
  add_text("telemetry.sdk.language", "cpp", *resource_spans.mutable_resource()->add_attributes());
  add_text("telemetry.sdk.version", WEFT_VERSION,
           *resource_spans.mutable_resource()->add_attributes());
  otlp::trace::v1::ScopeSpans& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("weft");
  scope_spans.mutable_scope()->set_version(WEFT_VERSION);
  for (std::size_t i = 0; i < count; ++i) encode_span(spans[i], *scope_spans.add_spans());
  return request.SerializeAsString();
}

Result<ExportResponse> parse_export_response(std::string_view bytes) {
  if (bytes.size() > kResponseBytesMax)
    return fail(Fault::kProtocol, "OTLP answer is too long", Side::kUpstream);
  otlp::collector::trace::v1::ExportTraceServiceResponse response;
  if (!response.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return fail(Fault::kProtocol, "OTLP answer is no ExportTraceServiceResponse", Side::kUpstream);
  }
  const auto& partial = response.partial_success();
  return ExportResponse{.spans_rejected = static_cast<std::uint64_t>(
                            std::max<std::int64_t>(partial.rejected_spans(), 0)),
                        .message = partial.error_message().substr(0, kMessageMax)};
}

ExportVerdict judge_http_status(int status) {
  if (status >= 200 && status < 300) return ExportVerdict::kAccepted;
  switch (status) {
    case 429:
    case 502:
    case 503:
    case 504:
      return ExportVerdict::kRetry;
    default:
      return ExportVerdict::kRefused;
  }
}

ExportVerdict judge_grpc_status(int status, bool has_retry_info) {
  switch (status) {
    case 0:
      return ExportVerdict::kAccepted;
    case 1:   // CANCELLED
    case 4:   // DEADLINE_EXCEEDED
    case 10:  // ABORTED
    case 11:  // OUT_OF_RANGE
    case 14:  // UNAVAILABLE
    case 15:  // DATA_LOSS
      return ExportVerdict::kRetry;
    case 8:  // RESOURCE_EXHAUSTED
      return has_retry_info ? ExportVerdict::kRetry : ExportVerdict::kRefused;
    default:
      return ExportVerdict::kRefused;
  }
}

}  // namespace weft::telemetry
