#pragma once
// crc32c: the Castagnoli checksum (RFC 3720 appendix B.4), a byte at a time.
//
// For short headers; nothing on the data path may need it. Pure.

#include <cstdint>
#include <string_view>

namespace weft {

// `so_far` is what an earlier call returned for the bytes in front of these.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t so_far = 0);

}  // namespace weft
