#include "telemetry/json_object.h"

#include <chrono>

namespace weft::telemetry {
namespace {

// Exactly `kWidth` digits with leading zeros; where the next character goes.
template <int kWidth>
char* put_padded(char* out, std::uint32_t value) {
  for (int i = kWidth; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
  return out + kWidth;
}

}  // namespace

void append_time(std::string& out, WallTime time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(ms);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{ms - day};
  const int year = static_cast<int>(date.year());
  std::array<char, 24> text;
  char* at = put_padded<4>(text.data(), static_cast<std::uint32_t>(year < 0      ? 0
                                                                   : year > 9999 ? 9999
                                                                                 : year));
  *at++ = '-';
  at = put_padded<2>(at, static_cast<unsigned>(date.month()));
  *at++ = '-';
  at = put_padded<2>(at, static_cast<unsigned>(date.day()));
  *at++ = 'T';
  at = put_padded<2>(at, static_cast<std::uint32_t>(clock.hours().count()));
  *at++ = ':';
  at = put_padded<2>(at, static_cast<std::uint32_t>(clock.minutes().count()));
  *at++ = ':';
  at = put_padded<2>(at, static_cast<std::uint32_t>(clock.seconds().count()));
  *at++ = '.';
  at = put_padded<3>(at, static_cast<std::uint32_t>(clock.subseconds().count()));
  *at++ = 'Z';
  out.append(text.data(), at);
}

std::string& JsonObject::key(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  out_ += '"';
  out_ += name;
  out_ += "\":";
  return out_;
}

void JsonObject::text(std::string_view name, std::string_view value, std::size_t bytes_max) {
  if (value.empty()) return null(name);
  append_json_string(key(name), value, bytes_max);
}

void JsonObject::label(std::string_view name, LabelId id) {
  if (id == LabelId::kUnknown) return null(name);
  text(name, text_of(id), kLabelBytesMax);
}

void JsonObject::time(std::string_view name, WallTime value) {
  key(name) += '"';
  append_time(out_, value);
  out_ += '"';
}

void JsonObject::duration(std::string_view name, Duration value) {
  if (value < Duration::zero()) return null(name);
  const std::int64_t us = value.count() / 1000;
  append_number(key(name), us / 1000);
  std::array<char, 4> rest{'.'};
  put_padded<3>(rest.data() + 1, static_cast<std::uint32_t>(us % 1000));
  out_.append(rest.data(), rest.size());
}

void JsonObject::hex(std::string_view name, const TraceId& id) {
  if (id.is_zero()) return null(name);
  std::array<char, 32> digits;
  write_hex(id, digits.data());
  text(name, {digits.data(), digits.size()});
}

void JsonObject::hex(std::string_view name, const SpanId& id) {
  if (id.is_zero()) return null(name);
  std::array<char, 16> digits;
  write_hex(id, digits.data());
  text(name, {digits.data(), digits.size()});
}

}  // namespace weft::telemetry
