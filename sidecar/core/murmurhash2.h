#pragma once
// murmurhash2(): the 64-bit MurmurHash2 (A. Appleby, public domain) of some bytes, as libstdc++
// computes std::hash of a string with its own seed. For hash rings that are shared with others, who
// chose it; new things use xxh64().
//
// Checked against std::hash<std::string_view>.

#include <cstdint>
#include <string_view>

namespace weft {

inline constexpr std::uint64_t kMurmurHash2Seed = 0xc70f6907;

[[nodiscard]] std::uint64_t murmurhash2(std::string_view bytes,
                                        std::uint64_t seed = kMurmurHash2Seed);

}  // namespace weft
