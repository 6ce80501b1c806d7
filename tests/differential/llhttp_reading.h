#pragma once
// What llhttp, which Node.js reads HTTP/1 with, makes of some bytes. Debian package node-llhttp,
// built without its strict mode, so that there is more to differ about.

#include "tests/differential/reading.h"

namespace weft::differential {

[[nodiscard]] Reading read_by_llhttp(Kind kind, std::string_view text);

}  // namespace weft::differential
