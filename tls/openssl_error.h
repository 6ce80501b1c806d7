#pragma once
// openssl_error: OpenSSL's error queue as an Error.
//
// The queue belongs to the thread and keeps what nobody read, so it is emptied before a call whose
// failure will be looked at and emptied again when it has been looked at.

#include <string_view>

#include "sidecar/core/result.h"

namespace weft::tls {

void clear_openssl_errors();

// "what: reason of the first error in the queue (reason of the last, when it differs)". Empties the
// queue.
[[nodiscard]] Error openssl_error(Fault fault, std::string_view what, Side side = Side::kLocal);

// The reason code of the first error, 0 when there is none; the queue stays as it is.
[[nodiscard]] int first_ssl_reason();

}  // namespace weft::tls
