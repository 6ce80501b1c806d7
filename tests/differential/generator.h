#pragma once
// Generator: messages of HTTP/1, one after the other on a connection, made by a grammar that is
// wrong now and then, and bent afterwards by a seeded hand.
//
// The same kind and seed always give the same bytes.

#include <cstdint>
#include <string>

#include "tests/differential/reading.h"

namespace weft::differential {

[[nodiscard]] std::string generate(Kind kind, std::uint64_t seed);

}  // namespace weft::differential
