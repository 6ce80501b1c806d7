#pragma once
// BackendTlsPolicy: the Gateway API's BackendTLSPolicy (gateway.networking.k8s.io/v1 and v1alpha3,
// GEP-1897): that connections to a Service's instances are TLS, and whom one expects there. Of use
// in front of instances without a sidecar; between sidecars there is mTLS anyway.

#include <string>
#include <vector>

#include "control/model/metadata.h"

namespace weft::control {

struct BackendTlsPolicy {
  static constexpr std::size_t kTargetsMax = 16;
  static constexpr std::size_t kRefsMax = 8;
  static constexpr std::size_t kNamesMax = 5;

  struct Target {
    ObjectName service;   // of its own namespace
    std::string section;  // a port by name or number; empty: all of them
    bool operator==(const Target&) const = default;
  };
  struct AltName {
    bool uri = false;  // otherwise a host's name
    std::string value;
    bool operator==(const AltName&) const = default;
  };

  Metadata metadata;
  std::vector<Target> targets;     // each once
  std::string hostname;            // told as SNI, and expected where there are no alt_names
  std::vector<ObjectName> ca;      // ConfigMaps of its own namespace
  bool system_ca = false;          // or those that the caller's system trusts
  std::vector<AltName> alt_names;  // any one of them
};

[[nodiscard]] BackendTlsPolicy read_backend_tls_policy(Reader& document);

}  // namespace weft::control
