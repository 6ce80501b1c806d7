#pragma once
// BackendTlsTable: which BackendTLSPolicy holds for which port of which Service, with the
// certificates it refers to: at most one each, the one that names the port before the one that
// names the whole Service, the older before the younger (GEP-713).
//
// A port whose instances have sidecars has none: they speak mTLS, which a Condition says. One whose
// certificates cannot be found holds all the same, and lets nobody through: who asked for TLS must
// not get plain text. Immutable once joined; part of a Mesh.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "control/condition.h"
#include "control/model/backend_tls_policy.h"
#include "control/model/config_map.h"

namespace weft::control {

struct Mesh;

struct BackendTls {
  std::shared_ptr<const BackendTlsPolicy> policy;
  std::string roots_pem;  // of all its ConfigMaps; empty where the system's are meant, or none is
                          // there
};

class BackendTlsTable final {
 public:
  using ConfigMaps = std::map<ObjectName, std::shared_ptr<const ConfigMap>>;

  BackendTlsTable() = default;
  // `policies` in order of precedence.
  BackendTlsTable(const Mesh& mesh,
                  const std::vector<std::shared_ptr<const BackendTlsPolicy>>& policies,
                  const ConfigMaps& config_maps, std::vector<Condition>& conditions);

  // Null: the policies say nothing of it.
  [[nodiscard]] const BackendTls* find(const ObjectName& service, std::uint16_t port) const;

 private:
  // Port 0: all of the Service's.
  std::map<std::pair<ObjectName, std::uint16_t>, std::shared_ptr<const BackendTls>> held_;
};

}  // namespace weft::control
