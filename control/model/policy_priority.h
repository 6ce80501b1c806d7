#pragma once
// Priority of requests where they wait, as policies write it: `priority` of what a policy names,
// and `inbound.priority`, what an instance's own sidecar makes of those that reach it. Plain data.
// Source: schemas.md 1, behaviour.md 7.

#include <cstdint>
#include <string>

#include "control/model/reader.h"
#include "sidecar/config/priority.h"

namespace weft::control {

// Whose x-weft-priority may raise a request; anybody's who is believed lowers it.
enum class PriorityTrust : std::uint8_t { kNobody, kMesh };

// `trustFrom`: [] or [Mesh].
[[nodiscard]] PriorityTrust read_priority_trust(Reader& priority);

[[nodiscard]] std::string describe(config::Priority value);  // "High"
[[nodiscard]] std::string describe(PriorityTrust value);     // "[Mesh]"

}  // namespace weft::control
