#pragma once
// Result<T> and Status: a value or an Error. The idiom everywhere: `if (!port) return
// tl::unexpected(port.error());`, and `return fail(Fault::kInvalid, "…")` to make one.

#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "sidecar/core/error.h"

namespace weft {

template <typename T>
using Result = tl::expected<T, Error>;
using Status = tl::expected<void, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(Error error) {
  return tl::unexpected<Error>(std::move(error));
}
[[nodiscard]] inline tl::unexpected<Error> fail(Fault fault, std::string detail,
                                                Side side = Side::kLocal) {
  return tl::unexpected<Error>(Error{fault, side, std::move(detail)});
}

}  // namespace weft
