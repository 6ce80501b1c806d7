#pragma once
// Cookies of a request (RFC 6265 section 4.2.1). Pure.

#include <optional>
#include <string_view>

#include "sidecar/http/message.h"

namespace weft::proxy {

// The value of the first cookie of that name, without quotes around it.
[[nodiscard]] std::optional<std::string_view> find_cookie(const http::RequestHead& head,
                                                          std::string_view name);

}  // namespace weft::proxy
