#pragma once
// Primitives: the few cryptographic helpers others need: digest, randomness, comparison without a
// clock.
//
// Byte strings are std::string. Thread: any.

#include <string>
#include <string_view>

namespace weft::tls {

[[nodiscard]] std::string sha256(std::string_view bytes);      // 32 bytes
[[nodiscard]] std::string sha256_hex(std::string_view bytes);  // 64 lower-case digits

// From the operating system's generator; fit for keys, tokens and serial numbers.
[[nodiscard]] std::string random_bytes(std::size_t count);

// Takes the same time wherever the first difference is; only the lengths may leak.
[[nodiscard]] bool equal_in_constant_time(std::string_view a, std::string_view b);

// Overwrites a secret so that the compiler cannot leave it out, then empties the string.
void wipe(std::string& secret);

}  // namespace weft::tls
