#pragma once
// AppProtocol: what is spoken at a port, by what people say of it. Pure.

#include <cstdint>
#include <string>

#include "control/model/mesh_config.h"

namespace weft::control {

enum class AppProtocol : std::uint8_t { kHttp1, kHttp2, kTcp };  // kHttp2: gRPC and h2c

// appProtocol, else the port's name up to a '-', else whether its number is known to be opaque.
[[nodiscard]] AppProtocol protocol_of(const std::string& app_protocol, const std::string& name,
                                      std::uint16_t port, const MeshConfig& config);
// Whether any of them says it.
[[nodiscard]] bool is_declared(const std::string& app_protocol, const std::string& name,
                               std::uint16_t port, const MeshConfig& config);

}  // namespace weft::control
