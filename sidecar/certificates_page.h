#pragma once
// The page /certs: every certificate and root that a Snapshot uses, where, until when, and how the
// sidecar's own identity fares. No key. Pure.

#include <string>

#include "sidecar/config/snapshot.h"
#include "sidecar/identity.h"

namespace weft::sidecar {

// Either may be null. JSON.
[[nodiscard]] std::string certificates_page(const config::Snapshot* snapshot,
                                            const Identity* identity);

}  // namespace weft::sidecar
