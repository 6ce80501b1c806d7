#include "telemetry/trace_context.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "sidecar/core/assert.h"
#include "sidecar/core/hex.h"
#include "sidecar/core/strings.h"

namespace weft::telemetry {
namespace {

enum class Case : std::uint8_t { kLower, kAny };

// What a digit is worth. Bits above the lowest four: no digit, or (kUpper) one in capitals.
constexpr std::uint8_t kUpper = 0x20;
constexpr std::uint8_t kNoDigit = 0x80;
constexpr std::array<std::uint8_t, 256> make_digit_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (unsigned i = 0; i < 10; ++i) values['0' + i] = static_cast<std::uint8_t>(i);
  for (unsigned i = 10; i < 16; ++i) {
    values['a' + i - 10] = static_cast<std::uint8_t>(i);
    values['A' + i - 10] = static_cast<std::uint8_t>(kUpper | i);
  }
  return values;
}
constexpr std::array<std::uint8_t, 256> kDigitValues = make_digit_values();

// Exactly `count` bytes from twice as many digits.
bool read_hex(std::string_view text, Case letters, std::uint8_t* out, std::size_t count) {
  if (text.size() != count * 2) return false;
  std::uint8_t seen = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t high = kDigitValues[static_cast<std::uint8_t>(text[2 * i])];
    const std::uint8_t low = kDigitValues[static_cast<std::uint8_t>(text[2 * i + 1])];
    seen = static_cast<std::uint8_t>(seen | high | low);
    out[i] = static_cast<std::uint8_t>(high << 4 | (low & 15));
  }
  return (seen & (letters == Case::kAny ? kNoDigit : kNoDigit | kUpper)) == 0;
}

template <std::size_t N>
bool read_id(std::string_view text, Case letters, TraceBytes<N>& id) {
  return read_hex(text, letters, id.bytes.data(), N) && !id.is_zero();
}

template <std::size_t N>
void write_digits(const TraceBytes<N>& id, char* out) {
  for (const std::uint8_t byte : id.bytes) {
    std::memcpy(out, hex_pair(byte), 2);
    out += 2;
  }
}

template <std::size_t N>
TraceBytes<N> make_id(Random& random) {
  static_assert(N % 8 == 0);
  TraceBytes<N> id;
  do {
    for (std::size_t i = 0; i < N; i += 8) {
      const std::uint64_t word = random.next();
      std::memcpy(id.bytes.data() + i, &word, 8);
    }
  } while (id.is_zero());
  return id;
}

// version "-" trace-id "-" parent-id "-" trace-flags, and from version 01 on perhaps "-" and more.
bool read_traceparent(std::string_view text, TraceContext& context) {
  constexpr std::size_t kSize = 55;
  if (text.size() < kSize) return false;
  std::uint8_t version = 0;
  std::uint8_t flags = 0;
  if (!read_hex(text.substr(0, 2), Case::kLower, &version, 1) || version == 0xff) return false;
  if (version == 0 ? text.size() != kSize : (text.size() > kSize && text[kSize] != '-'))
    return false;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  TraceId trace_id;
  SpanId span_id;
  if (!read_id(text.substr(3, 32), Case::kLower, trace_id)) return false;
  if (!read_id(text.substr(36, 16), Case::kLower, span_id)) return false;
  if (!read_hex(text.substr(53, 2), Case::kLower, &flags, 1)) return false;
  context.trace_id = trace_id;
  context.span_id = span_id;
  context.sampling = (flags & 1) != 0 ? Sampling::kYes : Sampling::kNo;
  context.w3c_random = (flags & 2) != 0;
  return true;
}

bool read_b3_trace_id(std::string_view text, TraceContext& context) {
  TraceId id;
  if (text.size() == 16) {
    SpanId low;
    if (!read_id(text, Case::kAny, low)) return false;
    std::ranges::copy(low.bytes, id.bytes.begin() + 8);
    context.b3_short = true;
  } else if (!read_id(text, Case::kAny, id)) {
    return false;
  }
  context.trace_id = id;
  return true;
}

std::optional<Sampling> read_b3_sampling(std::string_view text) {
  if (text == "0" || equals_ignore_case(text, "false")) return Sampling::kNo;
  if (text == "1" || equals_ignore_case(text, "true")) return Sampling::kYes;
  if (text == "d") return Sampling::kDebug;
  return std::nullopt;
}

// trace-span[-sampling[-parent]], or sampling alone.
bool read_b3_single(std::string_view text, TraceContext& context) {
  if (text.size() == 1) {
    const std::optional<Sampling> sampling = read_b3_sampling(text);
    context.sampling = sampling.value_or(Sampling::kUndecided);
    return sampling.has_value();
  }
  const auto take = [&text] {
    const std::string_view piece = text.substr(0, text.find('-'));
    text.remove_prefix(std::min(text.size(), piece.size() + 1));
    return piece;
  };
  TraceContext read;
  if (!text.empty() && text.back() == '-') return false;
  if (!read_b3_trace_id(take(), read) || !read_id(take(), Case::kAny, read.span_id)) return false;
  if (!text.empty()) {
    const std::string_view word = take();
    const std::optional<Sampling> sampling =
        word.size() == 1 ? read_b3_sampling(word) : std::nullopt;
    if (!sampling) return false;
    read.sampling = *sampling;
  }
  if (!text.empty() && !read_id(take(), Case::kAny, read.parent_id)) return false;
  if (!text.empty()) return false;
  read.formats = context.formats;
  context = read;
  return true;
}

// A decision may come without ids; ids that are bad leave the decision standing.
bool read_b3_multi(const TraceHeaders& headers, TraceContext& context) {
  TraceContext read;
  if (headers.b3_flags == "1") {
    read.sampling = Sampling::kDebug;
  } else {
    read.sampling = read_b3_sampling(headers.b3_sampled).value_or(Sampling::kUndecided);
  }
  const bool ids = read_b3_trace_id(headers.b3_trace_id, read) &&
                   read_id(headers.b3_span_id, Case::kAny, read.span_id);
  if (!ids) {
    read.trace_id = TraceId{};
    read.span_id = SpanId{};
    read.b3_short = false;
  } else if (!headers.b3_parent_span_id.empty() &&
             !read_id(headers.b3_parent_span_id, Case::kAny, read.parent_id)) {
    read.parent_id = SpanId{};
  }
  read.formats = context.formats;
  context = read;
  return ids || read.sampling != Sampling::kUndecided;
}

}  // namespace

TraceId make_trace_id(Random& random) { return make_id<16>(random); }
SpanId make_span_id(Random& random) { return make_id<8>(random); }
void write_hex(const TraceId& id, char* out) { write_digits(id, out); }
void write_hex(const SpanId& id, char* out) { write_digits(id, out); }

TraceContext parse_trace_context(const TraceHeaders& headers) {
  TraceContext context;
  context.formats.w3c = !headers.traceparent.empty();
  context.formats.b3_single = !headers.b3.empty();
  context.formats.b3_multi = !headers.b3_trace_id.empty() || !headers.b3_span_id.empty() ||
                             !headers.b3_sampled.empty() || !headers.b3_flags.empty();
  if (context.formats.w3c && read_traceparent(headers.traceparent, context)) {
    context.keep_tracestate = !headers.tracestate.empty() && is_tracestate(headers.tracestate);
    // B3 beside it knows two things that traceparent cannot say: that ids are short there, and
    // nothing else we trust.
    context.b3_short = context.formats.b3_multi ? headers.b3_trace_id.size() == 16
                                                : headers.b3.size() > 16 && headers.b3[16] == '-';
    const auto high = context.trace_id.bytes.begin();
    if (std::any_of(high, high + 8, [](std::uint8_t byte) { return byte != 0; }))
      context.b3_short = false;
    return context;
  }
  if (context.formats.b3_single && read_b3_single(headers.b3, context)) return context;
  if (context.formats.b3_multi) static_cast<void>(read_b3_multi(headers, context));
  return context;
}

TraceContext make_child(const TraceContext& parent, Random& random) {
  TraceContext child = parent;
  if (!parent.has_ids()) {
    child.trace_id = make_trace_id(random);
    child.b3_short = false;
    child.w3c_random = false;
    child.keep_tracestate = false;
  }
  child.parent_id = parent.span_id;
  child.span_id = make_span_id(random);
  return child;
}

TraceHeaderText::TraceHeaderText(const TraceContext& context)
    : formats_(context.formats), sampling_(context.sampling) {
  WEFT_ASSERT(context.has_ids());
  if (!formats_.any()) formats_.w3c = true;
  if (formats_.w3c) write_traceparent(context);
  if (formats_.b3_single || formats_.b3_multi) write_b3(context);
  if (formats_.b3_single) b3_size_ = b3_written_;
}

void TraceHeaderText::write_traceparent(const TraceContext& context) {
  std::memcpy(traceparent_.data(), "00-", 3);
  write_hex(context.trace_id, traceparent_.data() + 3);
  traceparent_[35] = '-';
  write_hex(context.span_id, traceparent_.data() + 36);
  traceparent_[52] = '-';
  traceparent_[53] = '0';
  traceparent_[54] =
      static_cast<char>('0' + (context.sampled() ? 1 : 0) + (context.w3c_random ? 2 : 0));
  traceparent_size_ = traceparent_.size();
}

void TraceHeaderText::write_b3(const TraceContext& context) {
  std::array<char, 32> trace;
  write_hex(context.trace_id, trace.data());
  trace_digits_ = context.b3_short ? 16 : 32;
  char* out = b3_.data();
  out = std::copy(trace.end() - static_cast<std::ptrdiff_t>(trace_digits_), trace.end(), out);
  *out++ = '-';
  write_hex(context.span_id, out);
  out += 16;
  if (sampling_ != Sampling::kUndecided) {
    *out++ = '-';
    *out++ = sampling_ == Sampling::kNo ? '0' : sampling_ == Sampling::kYes ? '1' : 'd';
    // A parent can only be said after a decision.
    if (!context.parent_id.is_zero()) {
      *out++ = '-';
      write_hex(context.parent_id, out);
      parent_ = std::string_view(out, 16);
      out += 16;
    }
  }
  b3_written_ = static_cast<std::size_t>(out - b3_.data());
}

std::string_view TraceHeaderText::b3_trace_id() const {
  return formats_.b3_multi ? std::string_view(b3_.data(), trace_digits_) : std::string_view{};
}

std::string_view TraceHeaderText::b3_span_id() const {
  return formats_.b3_multi ? std::string_view(b3_.data() + trace_digits_ + 1, 16)
                           : std::string_view{};
}

std::string_view TraceHeaderText::b3_parent_span_id() const {
  return formats_.b3_multi ? parent_ : std::string_view{};
}

std::string_view TraceHeaderText::b3_sampled() const {
  if (!formats_.b3_multi) return {};
  switch (sampling_) {
    case Sampling::kNo:
      return "0";
    case Sampling::kYes:
      return "1";
    case Sampling::kUndecided:
    case Sampling::kDebug:  // said by the flags
      break;
  }
  return {};
}

std::string_view TraceHeaderText::b3_flags() const {
  return formats_.b3_multi && sampling_ == Sampling::kDebug ? "1" : std::string_view{};
}

}  // namespace weft::telemetry
