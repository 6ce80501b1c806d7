#pragma once
// ConfigMap: core/v1, as far as somebody refers to it: the certificates under "ca.crt" by which a
// BackendTLSPolicy judges servers. What else is in it is nobody's business here.

#include <string>

#include "control/model/metadata.h"

namespace weft::control {

struct ConfigMap {
  static constexpr const char* kCaKey = "ca.crt";
  static constexpr std::size_t kKeysMax = 4096;
  static constexpr std::size_t kBytesMax = 1024 * 1024;  // what Kubernetes allows for all of it

  Metadata metadata;
  std::string ca_pem;  // every certificate of it can be read; empty: there is no such key
};

[[nodiscard]] ConfigMap read_config_map(Reader& document);

}  // namespace weft::control
