#pragma once
// JsonObject: writes one JSON object member by member into the caller's buffer; what is absent is
// null. No allocation beyond the buffer's growth. Keys are ours and are not escaped; values are
// (text_escape.h).

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/clock.h"
#include "telemetry/labels.h"
#include "telemetry/text_escape.h"
#include "telemetry/trace_context.h"

namespace weft::telemetry {

template <std::integral T>
void append_number(std::string& out, T value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// 2016-04-15T20:17:00.310Z; a year outside 0 … 9999 cannot be a real clock and is clamped.
void append_time(std::string& out, WallTime time);

class JsonObject final {
 public:
  static constexpr std::size_t kTextMax = 512;

  explicit JsonObject(std::string& out) : out_(out) { out_ += '{'; }
  JsonObject(const JsonObject&) = delete;
  JsonObject& operator=(const JsonObject&) = delete;
  void end() { out_ += '}'; }

  // The buffer, where the caller now writes the value.
  std::string& key(std::string_view name);
  void null(std::string_view name) { key(name) += "null"; }
  void text(std::string_view name, std::string_view value, std::size_t bytes_max = kTextMax);
  void label(std::string_view name, LabelId id);
  template <std::integral T>
  void number(std::string_view name, T value) {
    append_number(key(name), value);
  }
  void time(std::string_view name, WallTime value);
  // Milliseconds with three decimals; a negative one is not known.
  void duration(std::string_view name, Duration value);
  void hex(std::string_view name, const TraceId& id);
  void hex(std::string_view name, const SpanId& id);

 private:
  std::string& out_;
  bool first_ = true;
};

}  // namespace weft::telemetry
