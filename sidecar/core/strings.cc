#include "sidecar/core/strings.h"

#include <array>

namespace weft {

bool equals_ignore_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  while (true) {
    const std::size_t at = text.find(separator);
    pieces.push_back(trim(text.substr(0, at)));
    if (at == std::string_view::npos) return pieces;
    text.remove_prefix(at + 1);
  }
}

std::optional<std::uint64_t> parse_u64(std::string_view text) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Result<Duration> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return fail(Fault::kInvalid, "bad duration '" + escape(text, 32) + "' (want for example 250ms, 5s, 1h30m)");
  };
  struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
  };
  static constexpr std::array<Unit, 4> kUnits{
      {{"h", 3'600'000'000'000}, {"m", 60'000'000'000}, {"s", 1'000'000'000}, {"ms", 1'000'000}}};
  std::string_view rest = text;
  std::int64_t total = 0;
  std::size_t unit_next = 0;
  if (rest.empty()) return bad();
  while (!rest.empty()) {
    std::size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
    if (digits == 0 || digits > 5) return bad();
    const auto number = static_cast<std::int64_t>(*parse_u64(rest.substr(0, digits)));
    rest.remove_prefix(digits);
    std::size_t letters = 0;
    while (letters < rest.size() && (rest[letters] < '0' || rest[letters] > '9')) ++letters;
    const std::string_view name = rest.substr(0, letters);
    rest.remove_prefix(letters);
    // Units come in order, each at most once.
    while (unit_next < kUnits.size() && kUnits[unit_next].name != name) ++unit_next;
    if (unit_next == kUnits.size()) return bad();
    total += number * kUnits[unit_next].nanoseconds;
    ++unit_next;
  }
  return Duration(total);
}

std::string format_duration(Duration duration) {
  std::int64_t ms = duration.count() / 1'000'000;
  if (ms == 0 && duration.count() != 0) return std::to_string(duration.count()) + "ns";
  if (ms == 0) return "0s";
  std::string text;
  if (ms < 0) {
    text = "-";
    ms = -ms;
  }
  if (ms >= 3'600'000) text += std::to_string(ms / 3'600'000) + "h";
  if (ms / 60'000 % 60 != 0) text += std::to_string(ms / 60'000 % 60) + "m";
  if (ms / 1000 % 60 != 0) text += std::to_string(ms / 1000 % 60) + "s";
  if (ms % 1000 != 0) text += std::to_string(ms % 1000) + "ms";
  return text;
}

std::string escape(std::string_view text, std::size_t bytes_max) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte > 0x7e) {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    } else {
      out += c;
    }
  }
  if (text.size() > bytes_max) out += "...";
  return out;
}

std::string to_hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

}  // namespace weft
