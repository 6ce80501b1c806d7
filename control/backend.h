#pragma once
// Backend: what a backendRef, or a destination of Istio's, leads to, or why to nothing. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "control/mesh.h"

namespace weft::control {

// Who asks: from which namespace, by which port of the Service it called; for requests or for
// connections.
struct BackendQuestion {
  std::string_view clients;
  std::uint16_t port = 0;
  bool http = true;
};

struct Backend {
  enum class Why : std::uint8_t {
    kFound,
    kUnusable,  // BackendRef::unusable says it
    kNoService,
    kNoPort,
    kWrongProtocol,
    kNoSubset,
    kNotTheirs,  // an ExternalName of another namespace than what names it
  };
  Why why = Why::kNoService;
  const MeshService* service = nullptr;
  const MeshPort* port = nullptr;
  const Subset* subset = nullptr;  // null: all of it

  [[nodiscard]] bool found() const { return why == Why::kFound; }
};

[[nodiscard]] Backend find_backend(const Mesh& mesh, const BackendRef& ref,
                                   const BackendQuestion& question);

// Reason and message of a Condition about what was not found.
struct BackendObjection {
  std::string reason;
  std::string message;
};
[[nodiscard]] BackendObjection objection_to(const Backend& backend, const BackendRef& ref,
                                            const BackendQuestion& question);

}  // namespace weft::control
