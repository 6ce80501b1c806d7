// The end of an exchange: everything that it knows about itself, told once.

#include "sidecar/proxy/exchange.h"
#include "sidecar/proxy/record_log.h"
#include "telemetry/span_fill.h"

namespace weft::proxy {

namespace {

telemetry::WireProtocol wire_of(http::Version version) {
  switch (version) {
    case http::Version::kHttp10:
      return telemetry::WireProtocol::kHttp10;
    case http::Version::kHttp11:
      return telemetry::WireProtocol::kHttp11;
    case http::Version::kHttp2:
      return telemetry::WireProtocol::kHttp2;
  }
  return telemetry::WireProtocol::kUnknown;
}

}  // namespace

void Exchange::fill(telemetry::AccessRecord& record) const {
  const TimePoint now = services_.turn.now();
  record.started = services_.wall(started_);
  record.total = now - started_;
  if (head_at_ != TimePoint{}) {
    record.head = head_at_ - started_;
    if (upstream_began_ != TimePoint{} && attempts_ != 0)
      record.upstream = head_at_ - upstream_began_;
  }
  record.queue = queued_;
  record.direction = origin_.direction;
  record.protocol =
      is_grpc_ ? telemetry::RequestProtocol::kGrpc : telemetry::RequestProtocol::kHttp;
  record.wire = wire_of(head_.version);
  record.method = head_.method_name;
  record.authority = head_.authority;
  record.path = head_.path();
  record.user_agent = head_.headers.find(http::HeaderId::kUserAgent).value_or(std::string_view{});
  record.request_id = request_id_;
  record.forwarded_for =
      head_.headers.find(http::HeaderId::kXForwardedFor).value_or(std::string_view{});
  record.status = status_;
  record.grpc_status = grpc_status_;
  record.cause = cause_;
  record.flags = flags_;
  record.details = details_;
  record.bytes_in = bytes_in_;
  record.bytes_out = bytes_out_;
  record.attempts = attempts_;
  const bool inbound = origin_.direction == telemetry::Direction::kInbound;
  record.source = inbound ? source_ : origin_.local;
  record.destination = inbound ? origin_.local : upstream_peer_;
  record.service = labels_.service;
  record.source_address = origin_.address;
  record.upstream_address = upstream_address_;
  record.security = origin_.security;
  record.tls = origin_.tls_version;
  if (route_ != nullptr) record.route = static_cast<telemetry::LabelId>(route_->label);
  record.backend = labels_.backend;
  record.generation = generation_;
  record.trace = trace_;
  if (extras_ != nullptr) {
    record.fault = extras_->fault_label;
    if (extras_->limit != nullptr)
      record.policy = static_cast<telemetry::LabelId>(extras_->limit->label);
  }
}

void Exchange::write_logs(const telemetry::AccessRecord& record) {
  write_access_logs(services_, origin_.http->access_logs, record);
}

telemetry::TraceContext Exchange::attempt_context() const {
  telemetry::TraceContext context = trace_;
  context.parent_id = trace_.span_id;
  context.span_id = attempt_span_;
  return context;
}

void Exchange::write_attempt_span() {
  if (!trace_.sampled()) return;
  telemetry::Span* span = services_.spans.claim();
  if (span == nullptr) return;
  telemetry::AttemptRecord record;
  record.trace = attempt_context();
  record.started = services_.wall(attempt_->started());
  record.total = services_.turn.now() - attempt_->started();
  record.queue = attempt_->waited();
  record.number = attempts_;
  record.method = head_.method_name;
  record.upstream_address = upstream_address_;
  record.backend = labels_.backend;
  record.status = attempt_status_;
  record.result = attempt_->result();
  telemetry::fill_span(record, telemetry::KeptFor::kSampled, *span);
  services_.spans.publish();
}

void Exchange::write_spans(const telemetry::AccessRecord& record) {
  telemetry::KeptFor kept_for = telemetry::KeptFor::kSampled;
  if (!trace_.sampled()) {
    if (!origin_.http->tracing.enabled || !record.failed() ||
        !services_.sampler.keep_failure(sampling_options(), services_.turn.now())) {
      return;
    }
    kept_for = telemetry::KeptFor::kFailure;
  }
  telemetry::Span* span = services_.spans.claim();
  if (span == nullptr) return;
  telemetry::fill_span(record, kept_for, *span);
  services_.spans.publish();
}

}  // namespace weft::proxy
