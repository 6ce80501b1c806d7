// The two log lines of an AccessRecord: JSON by schemas.md section 3, text by Envoy's default format.
#include <array>
#include <charconv>
#include <chrono>
#include <concepts>

#include "telemetry/access_record.h"
#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

template <std::integral T>
void append_number(std::string& out, T value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// Exactly `width` digits with leading zeros.
void append_padded(std::string& out, std::uint32_t value, int width) {
  std::array<char, 10> digits;
  for (int i = width; i-- > 0; value /= 10) digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), static_cast<std::size_t>(width));
}

// 2016-04-15T20:17:00.310Z. A year outside 0 … 9999 cannot be a real clock and is clamped.
void append_time(std::string& out, WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{ms - day};
  const int year = static_cast<int>(date.year());
  append_padded(out, static_cast<std::uint32_t>(year < 0 ? 0 : year > 9999 ? 9999 : year), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, static_cast<std::uint32_t>(clock.hours().count()), 2);
  out += ':';
  append_padded(out, static_cast<std::uint32_t>(clock.minutes().count()), 2);
  out += ':';
  append_padded(out, static_cast<std::uint32_t>(clock.seconds().count()), 2);
  out += '.';
  append_padded(out, static_cast<std::uint32_t>(clock.subseconds().count()), 3);
  out += 'Z';
}

// Members of one JSON object, in order; keys are ours and need no escaping.
class Members final {
 public:
  explicit Members(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  std::string& key(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void null(std::string_view name) { key(name) += "null"; }
  void text(std::string_view name, std::string_view value, std::size_t bytes_max = kLogTextMax) {
    if (value.empty()) return null(name);
    append_json_string(key(name), value, bytes_max);
  }
  void label(std::string_view name, LabelId id) {
    if (id == LabelId::kUnknown) return null(name);
    text(name, text_of(id), kLabelBytesMax);
  }
  template <std::integral T>
  void number(std::string_view name, T value) {
    append_number(key(name), value);
  }
  // Milliseconds with three decimals.
  void duration(std::string_view name, Duration value) {
    if (value < Duration::zero()) return null(name);
    const std::int64_t us = value.count() / 1000;
    append_number(key(name), us / 1000);
    out_ += '.';
    append_padded(out_, static_cast<std::uint32_t>(us % 1000), 3);
  }
  template <typename Id>
  void hex(std::string_view name, const Id& id) {
    if (id.is_zero()) return null(name);
    std::array<char, 2 * sizeof(Id)> digits;
    write_hex(id, digits.data());
    text(name, {digits.data(), digits.size()});
  }

 private:
  std::string& out_;
  bool first_ = true;
};

void append_source(const AccessRecord& record, Members& line, std::string& out) {
  const PeerLabels& peer = labels_of(record.source);
  line.key("source");
  Members source(out);
  source.label("workload", peer.workload);
  source.label("namespace", peer.workload_namespace);
  source.label("principal", peer.principal);
  source.text("address", record.source_address);
  source.end();
}

void append_destination(const AccessRecord& record, Members& line, std::string& out) {
  const PeerLabels& peer = labels_of(record.destination);
  line.key("destination");
  Members destination(out);
  destination.label("workload", peer.workload);
  destination.label("namespace", peer.workload_namespace);
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
  Members line(out);
  line.key("time") += '"';
  append_time(out, record.started);
  out += '"';
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
