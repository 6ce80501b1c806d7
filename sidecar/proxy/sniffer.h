#pragma once
// sniff: what a connection's first bytes say it speaks. Pure; asked again with more bytes until it
// knows.
//
// Never needs more than kSniffBytesMax bytes. TLS is known by its record header, HTTP/2 by its
// preface (RFC 9113 section 3.4), HTTP/1 by a method token followed by a space and the beginning of
// a target; everything else is opaque at the first byte that rules the others out.

#include <cstdint>
#include <string_view>

namespace weft::proxy {

enum class Sniffed : std::uint8_t { kNeedMore, kTls, kHttp1, kHttp2, kOpaque };

inline constexpr std::size_t kSniffBytesMax = 64;

[[nodiscard]] Sniffed sniff(std::string_view first_bytes);

}  // namespace weft::proxy
