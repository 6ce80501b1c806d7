#pragma once
// Impostor: a server at vault's address with whatever certificate, which answers 200 to whoever
// believes it. It is a weft-sidecar with a static start file. Blocking.

#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "tests/demo/child.h"
#include "tests/demo/stage.h"

namespace weft::demo {

// Returns once it listens.
[[nodiscard]] Result<Child> start_impostor(const Stage& stage, const TlsMaterial& material);
// Its start file.
[[nodiscard]] std::string impostor_yaml(const SocketAddress& address, const TlsMaterial& material);

}  // namespace weft::demo
