#pragma once
// session_key(): what a session's token says of its endpoint: a hash of the address, so that every
// sidecar reads what any of them wrote. It proves nothing: whoever invents one reaches an endpoint
// that he could have been given anyway.

#include <cstdint>
#include <string_view>

#include "sidecar/core/xxhash.h"

namespace weft::upstream {

[[nodiscard]] inline std::uint64_t session_key(std::string_view address_text) {
  // A seed of its own: ring hashes of addresses say other things.
  return xxh64(address_text, 0x776566742d736573);
}

}  // namespace weft::upstream
