#pragma once
// xxh64(): the 64-bit xxHash of some bytes. Versions of resources, hash rings and lookup keys need
// one hash that every machine computes alike. Not for secrets and not against people who choose
// their collisions.
//
// Source: the xxHash specification (XXH64), checked against its published test vectors.

#include <cstdint>
#include <string_view>

namespace weft {

[[nodiscard]] std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed = 0);

}  // namespace weft
