#pragma once
// Status codes: their reason phrases, and the code with which a codec refuses what it cannot read.
//
// Source: RFC 9110 section 15, RFC 6585 (428, 429, 431, 511), RFC 8297 (103).

#include <cstdint>
#include <string_view>

#include "sidecar/core/error.h"

namespace weft::http {

// "Not Found"; empty for a code that nobody named (a reason phrase may be empty).
[[nodiscard]] std::string_view reason_of(std::uint16_t status);

// 400, 413, 414, 431, 501 or 505: what a server's codec answers to a message it refuses.
[[nodiscard]] std::uint16_t status_of_refusal(Fault fault);

}  // namespace weft::http
