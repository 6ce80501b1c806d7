// Trace headers as a stranger may send them, one a line: traceparent, tracestate, b3, x-b3-traceid,
// -spanid, -parentspanid, -sampled, -flags.
//
// What was read must be printed as headers that read the same; and what goes into a log line or a
// label must stay inside it.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "telemetry/text_escape.h"
#include "telemetry/trace_context.h"

namespace {

using weft::telemetry::TraceContext;
using weft::telemetry::TraceHeaders;
using weft::telemetry::TraceHeaderText;

void require(bool holds) {
  if (!holds) std::abort();
}

TraceHeaders headers_in(std::string_view text) {
  std::array<std::string_view, 8> lines;
  for (std::string_view& line : lines) {
    line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return {.traceparent = lines[0],
          .tracestate = lines[1],
          .b3 = lines[2],
          .b3_trace_id = lines[3],
          .b3_span_id = lines[4],
          .b3_parent_span_id = lines[5],
          .b3_sampled = lines[6],
          .b3_flags = lines[7]};
}

void survives_printing(const TraceContext& context) {
  const TraceHeaderText text(context);
  const TraceContext again =
      weft::telemetry::parse_trace_context({.traceparent = text.traceparent(),
                                            .tracestate = {},
                                            .b3 = text.b3(),
                                            .b3_trace_id = text.b3_trace_id(),
                                            .b3_span_id = text.b3_span_id(),
                                            .b3_parent_span_id = text.b3_parent_span_id(),
                                            .b3_sampled = text.b3_sampled(),
                                            .b3_flags = text.b3_flags()});
  require(again.trace_id == context.trace_id && again.span_id == context.span_id);
  require(again.sampled() == context.sampled());
  require(again.formats == context.formats || !context.formats.any());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const TraceHeaders headers = headers_in(text);
  const TraceContext context = weft::telemetry::parse_trace_context(headers);
  require(!context.keep_tracestate || weft::telemetry::is_tracestate(headers.tracestate));
  require(context.has_ids() == !context.span_id.is_zero());
  if (context.has_ids()) survives_printing(context);
  weft::Random random(size);
  survives_printing(weft::telemetry::make_child(context, random));

  std::string json;
  weft::telemetry::append_json_string(json, text, 64);
  require(std::ranges::count(json, '\n') == 0);
  for (std::string_view rest = json; !rest.empty();) {
    const std::size_t length = weft::telemetry::utf8_length(rest);
    require(length > 0);
    rest.remove_prefix(length);
  }
  std::string line;
  weft::telemetry::append_log_text(line, text, 64);
  for (const char c : line) require(c >= ' ' && c <= '~');
  return 0;
}
