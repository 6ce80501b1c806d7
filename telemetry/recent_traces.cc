#include "telemetry/recent_traces.h"

#include <algorithm>
#include <vector>

#include "telemetry/json_object.h"

namespace weft::telemetry {
namespace {

void append_span(const Span& span, std::string& out) {
  JsonObject object(out);
  object.text("name", span.name());
  object.text("kind", name_of(span.kind));
  object.hex("span_id", span.span_id);
  object.hex("parent_id", span.parent_id);
  object.time("start", span.start);
  object.duration("duration_ms", span.end - span.start);
  object.key("error") += span.status == SpanStatus::kError ? "true" : "false";
  object.key("attributes");
  JsonObject attributes(out);
  span.for_each_attribute([&attributes](AttributeKey key, auto value) {
    if constexpr (std::is_same_v<decltype(value), std::string_view>) {
      attributes.text(name_of(key), value, kLabelBytesMax);
    } else {
      attributes.number(name_of(key), value);
    }
  });
  attributes.end();
  object.end();
}

struct Trace {
  TraceId id;
  std::vector<const Span*> spans;
};

void append_trace(Trace& trace, std::string& out) {
  std::ranges::stable_sort(trace.spans, {}, [](const Span* span) { return span->start; });
  JsonObject object(out);
  object.hex("trace_id", trace.id);
  object.key("spans") += '[';
  for (const Span* span : trace.spans) {
    if (span != trace.spans.front()) out += ',';
    append_span(*span, out);
  }
  out += ']';
  object.end();
}

}  // namespace

void RecentTraces::add(const Span& span) {
  if (spans_.size() == kSpansMax) spans_.pop_front();
  spans_.push_back(span);
}

std::string RecentTraces::to_json(std::size_t traces_max) const {
  std::vector<Trace> traces;
  for (auto span = spans_.rbegin(); span != spans_.rend(); ++span) {
    auto trace = std::ranges::find(traces, span->trace_id, &Trace::id);
    if (trace == traces.end()) {
      if (traces.size() == traces_max) continue;
      trace = traces.insert(traces.end(), Trace{.id = span->trace_id, .spans = {}});
    }
    trace->spans.push_back(&*span);
  }
  std::string out = "{\"traces\":[";
  for (Trace& trace : traces) {
    if (&trace != &traces.front()) out += ',';
    append_trace(trace, out);
  }
  out += "]}";
  return out;
}

}  // namespace weft::telemetry
