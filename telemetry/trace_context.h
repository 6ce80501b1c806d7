#pragma once
// TraceContext: which trace a request belongs to; read from W3C and B3 headers, continued, and
// printed again.
//
// W3C Trace Context (traceparent, tracestate) comes first, then B3 in one header, then B3 in many;
// the first that is well formed gives the ids. Whatever a caller sent is sent on: if both kinds
// came, both are written, with the same ids. Bad headers are never an error for the request: they
// are ignored and replaced. An upper-case or all-zero W3C id is bad, a version after 00 is read as
// far as 00 goes (W3C Trace Context 1, section 4.3). Pure; values; no allocation.

#include <array>
#include <cstdint>
#include <string_view>

#include "sidecar/core/random.h"

namespace weft::telemetry {

template <std::size_t N>
struct TraceBytes {
  std::array<std::uint8_t, N> bytes{};
  [[nodiscard]] constexpr bool is_zero() const { return bytes == std::array<std::uint8_t, N>{}; }
  auto operator<=>(const TraceBytes&) const = default;
};
using TraceId = TraceBytes<16>;
using SpanId = TraceBytes<8>;

[[nodiscard]] TraceId make_trace_id(Random& random);
[[nodiscard]] SpanId make_span_id(Random& random);
// Lower-case hex digits into `out`, which has room for twice the bytes.
void write_hex(const TraceId& id, char* out);
void write_hex(const SpanId& id, char* out);

// The headers as they came; empty means absent. Several lines of one header are joined with ',' by
// the caller: that makes a repeated traceparent malformed, as it should be, and is how tracestate
// is meant to be joined.
struct TraceHeaders {
  std::string_view traceparent;
  std::string_view tracestate;
  std::string_view b3;
  std::string_view b3_trace_id;
  std::string_view b3_span_id;
  std::string_view b3_parent_span_id;
  std::string_view b3_sampled;
  std::string_view b3_flags;
};

enum class Sampling : std::uint8_t {
  kUndecided,  // the caller left it to us
  kNo,
  kYes,
  kDebug,  // B3 only: sampled, and nobody may decide otherwise
};

// Which headers came, and so which to write.
struct TraceFormats {
  bool w3c = false;
  bool b3_single = false;
  bool b3_multi = false;
  [[nodiscard]] constexpr bool any() const { return w3c || b3_single || b3_multi; }
  bool operator==(const TraceFormats&) const = default;
};

struct TraceContext {
  TraceId trace_id;  // zero: nothing usable came
  SpanId span_id;    // the span that speaks: the caller's when parsed, ours in a child
  SpanId parent_id;  // its parent, zero when not known
  Sampling sampling = Sampling::kUndecided;
  TraceFormats formats;
  bool w3c_random = false;  // trace flag 02 of W3C Trace Context 2, handed on
  bool b3_short = false;    // the trace id came with 64 bits and is written so in B3
  bool keep_tracestate =
      false;  // the caller's tracestate belongs to this trace and is well formed: send it on

  [[nodiscard]] bool has_ids() const { return !trace_id.is_zero(); }
  [[nodiscard]] bool sampled() const { return sampling >= Sampling::kYes; }
  bool operator==(const TraceContext&) const = default;
};

[[nodiscard]] TraceContext parse_trace_context(const TraceHeaders& headers);

// A new span below `parent`, in its trace; a new trace when the parent has no ids. The decision is
// the parent's.
[[nodiscard]] TraceContext make_child(const TraceContext& parent, Random& random);

// The text of the headers to send; views into itself, empty for a header that is not to be written.
// With no format known, W3C is written. REQUIRES: context.has_ids().
class TraceHeaderText final {
 public:
  explicit TraceHeaderText(const TraceContext& context);
  TraceHeaderText(const TraceHeaderText&) = delete;
  TraceHeaderText& operator=(const TraceHeaderText&) = delete;

  [[nodiscard]] std::string_view traceparent() const {
    return {traceparent_.data(), traceparent_size_};
  }
  [[nodiscard]] std::string_view b3() const { return {b3_.data(), b3_size_}; }
  [[nodiscard]] std::string_view b3_trace_id() const;
  [[nodiscard]] std::string_view b3_span_id() const;
  [[nodiscard]] std::string_view b3_parent_span_id() const;
  [[nodiscard]] std::string_view b3_sampled() const;
  [[nodiscard]] std::string_view b3_flags() const;

 private:
  void write_traceparent(const TraceContext& context);
  void write_b3(const TraceContext& context);

  // The single b3 header; the many-header form is cut out of it.
  std::array<char, 32 + 1 + 16 + 1 + 1 + 1 + 16> b3_{};
  std::array<char, 55> traceparent_{};
  std::size_t traceparent_size_ = 0;
  std::size_t b3_size_ = 0;
  std::size_t trace_digits_ = 0;
  std::string_view parent_;
  TraceFormats formats_;
  Sampling sampling_ = Sampling::kUndecided;
  std::size_t b3_written_ = 0;
};

// Whether `text` may be sent on as tracestate: at most 32 members, keys and values as W3C Trace
// Context 2 section 3.3 says, no key twice. Empty is fine.
[[nodiscard]] bool is_tracestate(std::string_view text);

}  // namespace weft::telemetry
