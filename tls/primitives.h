#pragma once
// Primitives: the few cryptographic helpers others need: digest, randomness, comparison without a
// clock, base64url.
//
// Byte strings are std::string. base64url is RFC 4648 section 5 without padding, as JOSE writes it.
// Thread: any.

#include <string>
#include <string_view>

#include "sidecar/core/result.h"

namespace weft::tls {

[[nodiscard]] std::string sha256(std::string_view bytes);      // 32 bytes
[[nodiscard]] std::string sha256_hex(std::string_view bytes);  // 64 lower-case digits

// From the operating system's generator; fit for keys, tokens and serial numbers.
[[nodiscard]] std::string random_bytes(std::size_t count);

// Takes the same time wherever the first difference is; only the lengths may leak.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

[[nodiscard]] std::string base64url_encode(std::string_view bytes);
// Strict: no padding, no white space, no other alphabet, no stray bits in the last character.
[[nodiscard]] Result<std::string> base64url_decode(std::string_view text);

// Overwrites a secret so that the compiler cannot leave it out, then empties the string.
void wipe(std::string& secret);

}  // namespace weft::tls
