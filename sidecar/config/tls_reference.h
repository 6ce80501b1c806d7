#pragma once
// TlsReference: TLS settings with the names of the secrets they need, and the material once it is
// known.

#include <memory>
#include <string>

#include "sidecar/core/clock.h"
#include "sidecar/core/tls_config.h"

namespace weft::config {

struct TlsReference {
  TlsSettings settings;
  std::string certificate_secret;  // SDS name; empty: inline material or none. "default" is the
                                   // sidecar's own identity
  std::string validation_secret;   // "ROOTCA" is the mesh's roots
  // A real SDS source was named for the secret (decisions A2 otherwise).
  bool certificate_from_sds = false;
  bool validation_from_sds = false;
  // Inline material as written; the publisher joins it with secrets into `material`.
  TlsMaterial inline_material;
  std::shared_ptr<const TlsMaterial>
      material;  // null until every secret is here: connections are refused meanwhile
  Duration handshake_timeout = std::chrono::seconds(5);
};

}  // namespace weft::config
