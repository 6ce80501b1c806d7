#pragma once
// The grammar of an HTTP/1 head: request line, status line and field lines, read strictly from text
// that is complete.
//
// Pure functions. Views that come back point into the text given. Errors name the rule that was
// broken in words of ours, never the peer's bytes, so that they may be answered and logged. Source:
// RFC 9112 sections 2 to 5; threats.md 3.1.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/http/headers.h"
#include "sidecar/http/message.h"

namespace weft::http {

struct RequestLine {
  std::string_view method;
  std::string_view target;
  Version version = Version::kHttp11;
};

struct StatusLine {
  std::uint16_t status = 0;
  Version version = Version::kHttp11;
};

inline constexpr std::size_t kMethodBytesMax = 64;

// `line` without its line end.
[[nodiscard]] Result<RequestLine> parse_request_line(std::string_view line,
                                                     std::size_t target_bytes_max);
[[nodiscard]] Result<StatusLine> parse_status_line(std::string_view line);

// Field lines and the empty line that ends them. REQUIRES: every '\n' in `text` follows a '\r', and
// it ends with "\r\n".
[[nodiscard]] Status parse_fields(std::string_view text, std::size_t fields_max, Headers& into);

}  // namespace weft::http
