#pragma once
// The authorities that this system trusts, as one PEM text: the file that SSL_CERT_FILE names, or
// the first there is of those that distributions keep. Blocking; for the main loop, when a
// configuration asks for them first.

#include <string>

#include "sidecar/core/result.h"

namespace weft::sidecar {

[[nodiscard]] Result<std::string> read_system_roots();

}  // namespace weft::sidecar
