// The two log lines of an AccessRecord: JSON by schemas.md section 3, text by Envoy's default
// format.
#include "telemetry/access_record.h"
#include "telemetry/json_object.h"
#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

void append_source(const AccessRecord& record, JsonObject& line, std::string& out) {
  const PeerLabels& peer = labels_of(record.source);
  line.key("source");
  JsonObject source(out);
  source.label("workload", peer.workload);
  source.label("namespace", peer.workload_namespace);
  source.label("principal", peer.principal);
  source.text("address", record.source_address);
  source.end();
}

void append_destination(const AccessRecord& record, JsonObject& line, std::string& out) {
  const PeerLabels& peer = labels_of(record.destination);
  line.key("destination");
  JsonObject destination(out);
  destination.label("workload", peer.workload);
  destination.label("namespace", peer.workload_namespace);
  destination.label("principal", peer.principal);
  destination.label("service", labels_of(record.service).host);
  destination.label("version", peer.canonical_revision);
  destination.end();
}

// A value between quotes or alone; Envoy writes '-' for what is absent.
void append_or_dash(std::string& out, std::string_view text, std::size_t bytes_max = kLogTextMax) {
  if (text.empty()) {
    out += '-';
  } else {
    append_log_text(out, text, bytes_max);
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += " \"";
  append_or_dash(out, text);
  out += '"';
}

void append_ms_or_dash(std::string& out, Duration duration) {
  out += ' ';
  if (duration < Duration::zero()) {
    out += '-';
  } else {
    append_number(out, duration.count() / 1'000'000);
  }
}

}  // namespace

void append_json(const AccessRecord& record, std::string& out) {
  JsonObject line(out);
  line.time("time", record.started);
  line.text("direction", name_of(record.direction));
  line.text("method", record.method);
  line.text("authority", record.authority);
  line.text("path", record.path, kLogPathMax);
  line.text("protocol", name_of(record.wire));
  line.number("status", record.status);
  if (record.grpc_status < 0) {
    line.null("grpc_status");
  } else {
    line.number("grpc_status", static_cast<int>(record.grpc_status));
  }
  if (record.flags.empty()) {
    line.null("flags");
  } else {
    line.key("flags") += '"';
    record.flags.append_to(out);
    out += '"';
  }
  line.text("details", record.details);
  line.text("cause", name_of(record.cause));
  line.label("policy", record.policy);
  line.duration("duration_ms", record.total);
  line.duration("head_ms", record.head);
  line.duration("upstream_ms", record.upstream);
  line.duration("queue_ms", record.queue);
  line.number("bytes_in", record.bytes_in);
  line.number("bytes_out", record.bytes_out);
  line.number("attempts", record.attempts);
  line.label("route", record.route);
  line.label("backend", record.backend);
  line.text("upstream", record.upstream_address);
  append_source(record, line, out);
  append_destination(record, line, out);
  line.text("tls", name_of(record.tls));
  line.text("request_id", record.request_id);
  line.hex("trace_id", record.trace.trace_id);
  line.hex("span_id", record.trace.span_id);
  line.text("user_agent", record.user_agent);
  line.label("fault", record.fault);
  line.number("generation", record.generation);
  line.end();
  out += '\n';
}

void append_text(const AccessRecord& record, std::string& out) {
  out += '[';
  append_time(out, record.started);
  out += "] \"";
  append_or_dash(out, record.method);
  out += ' ';
  append_or_dash(out, record.path, kLogPathMax);
  out += ' ';
  append_or_dash(out, name_of(record.wire));
  out += "\" ";
  append_number(out, record.status);
  out += ' ';
  record.flags.append_to(out);
  out += ' ';
  append_number(out, record.bytes_in);
  out += ' ';
  append_number(out, record.bytes_out);
  append_ms_or_dash(out, record.total);
  append_ms_or_dash(out, record.upstream);
  append_quoted(out, record.forwarded_for);
  append_quoted(out, record.user_agent);
  append_quoted(out, record.request_id);
  append_quoted(out, record.authority);
  append_quoted(out, record.upstream_address);
  out += '\n';
}

}  // namespace weft::telemetry
