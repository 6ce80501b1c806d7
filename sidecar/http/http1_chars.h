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

// The first byte from `at` on that is no token character. REQUIRES: there is one. By hand four at a
// time: names are too short for wide registers, and a loop step costs as much as the look-up.
[[nodiscard]] inline const char* find_token_end(const char* at) {
  while (true) {
    if (!is_token_char(at[0])) return at;
    if (!is_token_char(at[1])) return at + 1;
    if (!is_token_char(at[2])) return at + 2;
    if (!is_token_char(at[3])) return at + 3;
    at += 4;
  }
}

// The number of bytes at the front of [at, end) of which `Class` says that they belong to it.
// Sixteen at a time where the processor can; a text of sixteen or more ends with an overlapping
// step instead of single bytes.
template <typename Class>
[[nodiscard]] inline const char* find_end_of_run(const char* at, const char* end) {
#ifdef __SSE2__
  if (end - at >= 16) {
    while (true) {
      const unsigned out = Class::outside(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
      if (out != 0) return at + __builtin_ctz(out);
      if (end - at < 32) break;
      at += 16;
    }
    if (end - at == 16) return end;
    at = end - 16;
    const unsigned out = Class::outside(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    return out != 0 ? at + __builtin_ctz(out) : end;
  }
#endif
  while (at < end && Class::inside(*at)) ++at;
  return at;
}

#ifdef __SSE2__
namespace chars {
// Which bytes of a piece equal `c`, or lie between two bounds, both included.
[[nodiscard]] inline __m128i equal(__m128i piece, char c) {
  return _mm_cmpeq_epi8(piece, _mm_set1_epi8(c));
}
[[nodiscard]] inline __m128i between(__m128i piece, char low, char high) {
  const __m128i shifted = _mm_sub_epi8(piece, _mm_set1_epi8(low));
  const __m128i bound = _mm_set1_epi8(static_cast<char>(high - low));
  return _mm_cmpeq_epi8(_mm_min_epu8(shifted, bound), shifted);
}
[[nodiscard]] inline unsigned mask_of(__m128i piece) {
  return static_cast<unsigned>(_mm_movemask_epi8(piece));
}
}  // namespace chars
#endif

struct FieldValueChar {
  [[nodiscard]] static constexpr bool inside(char c) { return chars::is(c, chars::kFieldValue); }
#ifdef __SSE2__
  [[nodiscard]] static unsigned outside(__m128i piece) {
    const __m128i control = chars::between(piece, '\0', '\x1f');
    return chars::mask_of(_mm_or_si128(_mm_andnot_si128(chars::equal(piece, '\t'), control),
                                       chars::equal(piece, '\x7f')));
  }
#endif
};

struct TargetChar {
  [[nodiscard]] static constexpr bool inside(char c) { return chars::is(c, chars::kTarget); }
#ifdef __SSE2__
  [[nodiscard]] static unsigned outside(__m128i piece) {
    const __m128i visible = chars::between(piece, '\x21', '\x7e');
    return 0xffffU ^ chars::mask_of(_mm_andnot_si128(chars::equal(piece, '#'), visible));
  }
#endif
};

// What a canonical host is made of: lower-case letters, digits, '-', '.'.
struct PlainHostChar {
  [[nodiscard]] static constexpr bool inside(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
  }
#ifdef __SSE2__
  [[nodiscard]] static unsigned outside(__m128i piece) {
    const __m128i letter_or_digit =
        _mm_or_si128(chars::between(piece, 'a', 'z'), chars::between(piece, '0', '9'));
    return 0xffffU ^ chars::mask_of(_mm_or_si128(letter_or_digit, chars::between(piece, '-', '.')));
  }
#endif
};

// What a path may hold without a second look, and '/' and '.', which need one only side by side.
struct PlainPathChar {
  [[nodiscard]] static constexpr bool inside(char c) {
    return chars::is(c, chars::kTarget) && c != '%' && c != '\\' && c != ';' && c != '?';
  }
#ifdef __SSE2__
  [[nodiscard]] static unsigned outside(__m128i piece) {
    const __m128i visible = chars::between(piece, '\x21', '\x7e');
    const __m128i number_or_percent =
        _mm_or_si128(chars::equal(piece, '#'), chars::equal(piece, '%'));
    const __m128i backslash_or_mark =
        _mm_or_si128(chars::equal(piece, '\\'), chars::equal(piece, '?'));
    const __m128i special =
        _mm_or_si128(_mm_or_si128(number_or_percent, backslash_or_mark), chars::equal(piece, ';'));
    return 0xffffU ^ chars::mask_of(_mm_andnot_si128(special, visible));
  }
#endif
};

// "//", "/./", "/../", or a hidden file, which needs a slower look to tell.
[[nodiscard]] inline bool has_dot_or_slash_behind_slash(std::string_view path) {
  const char* at = path.data();
  const char* const end = at + path.size();
#ifdef __SSE2__
  static_assert('.' + 1 == '/');
  const auto found = [](const char* from) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + 1));
    return chars::mask_of(
               _mm_and_si128(chars::equal(first, '/'), chars::between(second, '.', '/'))) != 0;
  };
  if (path.size() > 16) {
    for (; end - at > 32; at += 16) {
      if (found(at)) return true;
    }
    return found(at) || found(end - 17);
  }
#endif
  for (; end - at > 1; ++at) {
    if (at[0] == '/' && (at[1] == '/' || at[1] == '.')) return true;
  }
  return false;
}

}  // namespace weft::http
