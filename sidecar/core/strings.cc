#include "sidecar/core/strings.h"

#include <array>
#include <cstring>

namespace weft {

namespace {

// Eight characters at once, upper-case ASCII letters made lower-case. A byte's high bit after the
// addition says whether its low seven bits are past a bound; bytes with their own high bit set are
// no letters.
std::uint64_t to_lower(std::uint64_t eight) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  const std::uint64_t low = eight & (0x7f * kEach);
  const std::uint64_t from_a = low + (0x80 - 'A') * kEach;
  const std::uint64_t past_z = low + (0x7f - 'Z') * kEach;
  const std::uint64_t upper = (from_a ^ past_z) & ~eight & (0x80 * kEach);
  return eight | (upper >> 2);
}

template <typename Word>
Word load(const char* from) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// Four to seven characters as eight: the two halves overlap.
std::uint64_t load_short(const char* from, std::size_t size) {
  return std::uint64_t{load<std::uint32_t>(from)} << 32 | load<std::uint32_t>(from + size - 4);
}

}  // namespace

// Every header name of every message passes here, so it goes by words.
bool equals_ignore_case(std::string_view a, std::string_view b) {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  const char* x = a.data();
  const char* y = b.data();
  if (size >= 8) {
    for (std::size_t i = 0; i + 8 < size; i += 8) {
      if (to_lower(load<std::uint64_t>(x + i)) != to_lower(load<std::uint64_t>(y + i)))
        return false;
    }
    return to_lower(load<std::uint64_t>(x + size - 8)) ==
           to_lower(load<std::uint64_t>(y + size - 8));
  }
  if (size >= 4) return to_lower(load_short(x, size)) == to_lower(load_short(y, size));
  for (std::size_t i = 0; i < size; ++i) {
    if (to_lower(x[i]) != to_lower(y[i])) return false;
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
    return fail(Fault::kInvalid,
                "bad duration '" + escape(text, 32) + "' (want for example 250ms, 5s, 1h30m)");
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
