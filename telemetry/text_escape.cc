#include "telemetry/text_escape.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace weft::telemetry {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

std::uint8_t byte_at(std::string_view text, std::size_t i) {
  return static_cast<std::uint8_t>(text[i]);
}

bool is_continuation(std::string_view text, std::size_t i) {
  return i < text.size() && (byte_at(text, i) & 0xc0) == 0x80;
}

// Cuts between characters, so that a cut never makes a byte look bad.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t size = bytes_max;
  while (size > 0 && bytes_max - size < 3 && is_continuation(text, size)) --size;
  return text.substr(0, size);
}

bool is_plain_ascii(std::uint8_t byte) {
  return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

// Whether all eight bytes are plain, by the usual tricks for a word of bytes: a borrow may blame a
// byte above one that is not plain, never one in a word that is.
bool all_plain(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kTops = 0x8080808080808080;
  const auto is_there = [word](std::uint64_t byte) {
    const std::uint64_t differs = word ^ byte * kOnes;
    return (differs - kOnes) & ~differs;
  };
  const std::uint64_t control = (word - 0x20 * kOnes) & ~word;
  return ((word | control | is_there('"') | is_there('\\') | is_there(0x7f)) & kTops) == 0;
}

// How many plain characters stand at the front.
std::size_t plain_run(std::string_view text) {
  std::size_t run = 0;
  for (std::uint64_t word = 0; text.size() - run >= sizeof word; run += sizeof word) {
    std::memcpy(&word, text.data() + run, sizeof word);
    if (!all_plain(word)) break;
  }
  while (run < text.size() && is_plain_ascii(byte_at(text, run))) ++run;
  return run;
}

// Runs of plain characters are appended at once; escape(out, rest) appends the character at the
// front of `rest` and returns how many bytes it took.
template <typename Escape>
void append_escaped(std::string& out, std::string_view text, Escape escape) {
  while (!text.empty()) {
    const std::size_t run = plain_run(text);
    out.append(text.substr(0, run));
    text.remove_prefix(run);
    if (!text.empty()) text.remove_prefix(escape(out, text));
  }
}

std::size_t append_utf8(std::string& out, std::string_view rest) {
  const std::size_t length = utf8_length(rest);
  out.append(length == 0 ? kReplacement : rest.substr(0, length));
  return std::max<std::size_t>(length, 1);
}

std::size_t append_json_character(std::string& out, std::string_view rest) {
  const std::uint8_t byte = byte_at(rest, 0);
  if (byte > 0x7f) return append_utf8(out, rest);
  switch (byte) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
  }
  return 1;
}

std::size_t append_log_character(std::string& out, std::string_view rest) {
  const std::uint8_t byte = byte_at(rest, 0);
  out += '\\';
  if (byte == '"' || byte == '\\') {
    out += static_cast<char>(byte);
  } else {
    out += 'x';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return 1;
}

std::size_t append_label_character(std::string& out, std::string_view rest) {
  switch (rest[0]) {
    case '"':
      out += "\\\"";
      return 1;
    case '\\':
      out += "\\\\";
      return 1;
    case '\n':
      out += "\\n";
      return 1;
    default:
      return append_utf8(out, rest);
  }
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) return 0;
  const std::uint8_t first = byte_at(text, 0);
  if (first < 0x80) return 1;
  const std::uint8_t second = text.size() > 1 ? byte_at(text, 1) : 0;
  // The table of RFC 3629 section 4: what may stand second keeps out overlong forms, surrogates and
  // values over U+10FFFF.
  if (first >= 0xc2 && first <= 0xdf) return is_continuation(text, 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (first == 0xe0 && second < 0xa0) return 0;
    if (first == 0xed && second > 0x9f) return 0;
    return is_continuation(text, 1) && is_continuation(text, 2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (first == 0xf0 && second < 0x90) return 0;
    if (first == 0xf4 && second > 0x8f) return 0;
    return is_continuation(text, 1) && is_continuation(text, 2) && is_continuation(text, 3) ? 4 : 0;
  }
  return 0;
}

void append_json_string(std::string& out, std::string_view text, std::size_t bytes_max) {
  const std::string_view kept = cut(text, bytes_max);
  out += '"';
  append_escaped(out, kept, append_json_character);
  if (kept.size() < text.size()) out += "...";
  out += '"';
}

void append_log_text(std::string& out, std::string_view text, std::size_t bytes_max) {
  const std::string_view kept = text.substr(0, std::min(text.size(), bytes_max));
  append_escaped(out, kept, append_log_character);
  if (kept.size() < text.size()) out += "...";
}

void append_label_value(std::string& out, std::string_view text) {
  append_escaped(out, text, append_label_character);
}

}  // namespace weft::telemetry
