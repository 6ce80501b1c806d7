#pragma once
// Character classes of HTTP/1 text and the scans over it, shared by the parser, the normaliser and
// the chunk reader.
//
// Pure; no state. Source: RFC 9110 section 5.6.2 (token) and 5.5 (field values), RFC 9112
// section 2.2 (line ends).

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace weft::http {

namespace chars {

inline constexpr std::uint8_t kToken = 1;
inline constexpr std::uint8_t kFieldValue = 2;  // visible, obs-text, space, tab
inline constexpr std::uint8_t kTarget = 4;      // visible ASCII but '#'
inline constexpr std::uint8_t kHostName = 8;    // letters, digits, "-._~"

constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> classes{};
  const auto mark = [&](std::string_view of, std::uint8_t bit) {
    for (const char c : of) classes[static_cast<unsigned char>(c)] |= bit;
  };
  constexpr std::string_view kAlphanumeric =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  mark(kAlphanumeric, kToken | kHostName);
  mark("!#$%&'*+-.^_`|~", kToken);
  mark("-._~", kHostName);
  for (std::size_t c = 0x20; c < 0x100; ++c) {
    if (c != 0x7f) classes[c] |= kFieldValue;
    if (c > 0x20 && c < 0x7f && c != '#') classes[c] |= kTarget;
  }
  classes['\t'] |= kFieldValue;
  return classes;
}
inline constexpr auto kClasses = make_classes();

[[nodiscard]] constexpr bool is(char c, std::uint8_t bit) {
  return (kClasses[static_cast<unsigned char>(c)] & bit) != 0;
}

}  // namespace chars

[[nodiscard]] constexpr bool is_token_char(char c) { return chars::is(c, chars::kToken); }
[[nodiscard]] constexpr bool is_token(std::string_view text) {
  for (const char c : text) {
    if (!is_token_char(c)) return false;
  }
  return !text.empty();
}
[[nodiscard]] constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
// 0 to 15, or -1.
[[nodiscard]] constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The first '\n' in [at, end), or `end`. Lines of a head are short, so a call of memchr for each
// costs more than the scan.
[[nodiscard]] inline const char* find_line_feed(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i wanted = _mm_set1_epi8('\n');
  for (; end - at >= 16; at += 16) {
    const __m128i piece = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(piece, wanted));
    if (hits != 0) return at + __builtin_ctz(static_cast<unsigned>(hits));
  }
#endif
  while (at < end && *at != '\n') ++at;
  return at;
}

// The first byte in [at, end) that no field value may hold, or `end`.
[[nodiscard]] inline const char* find_value_end(const char* at, const char* end) {
#ifdef __SSE2__
  const __m128i control_max = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - at >= 16; at += 16) {
    const __m128i piece = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(piece, control_max), piece);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(piece, tab), control),
                                     _mm_cmpeq_epi8(piece, del));
    const int hits = _mm_movemask_epi8(bad);
    if (hits != 0) return at + __builtin_ctz(static_cast<unsigned>(hits));
  }
#endif
  while (at < end && chars::is(*at, chars::kFieldValue)) ++at;
  return at;
}

}  // namespace weft::http
