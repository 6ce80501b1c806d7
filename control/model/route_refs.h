#pragma once
// References of Gateway API routes: the Services they stand for (parentRefs) and those they lead to
// (backendRefs). HTTPRoute, GRPCRoute, TCPRoute and TLSRoute all have them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/route_actions.h"

namespace weft::control {

inline constexpr std::size_t kParentsMax = 32;
inline constexpr std::size_t kBackendsMax = 16;

struct ParentRef {
  ObjectName service;
  std::optional<std::uint16_t> port;  // absent, and no section: every port
  std::string section;                // a port's name
  // The rest of it as it was written: whoever reads the status compares letters, and "" and "core"
  // are one group.
  struct Written {
    std::optional<std::string> group;
    std::optional<std::string> kind;
    std::optional<std::string> name_space;
  };
  Written written = {};

  // Whether both stand for the same.
  bool operator==(const ParentRef& other) const {
    return service == other.service && port == other.port && section == other.section;
  }
  // Whether a port of the Service is meant.
  [[nodiscard]] bool names(std::uint16_t number, const std::string& name) const {
    return (!port || *port == number) && (section.empty() || section == name);
  }
};

// `parentRefs` of a spec; those that are no Services are noted and left out.
void read_parents(Reader& spec, const ObjectName& route, std::vector<ParentRef>& out);

// One backendRef, without its weight and filters: what it names, or why that can never be one.
[[nodiscard]] BackendRef read_backend_ref(Reader& ref, const ObjectName& route);
// `backendRefs` of a rule, with weights; `filters` reads those of each, null where there are none.
using ReadBackendFilters = void (*)(Reader& backend, BackendRef& out);
void read_backends(Reader& rule, const ObjectName& route, ReadBackendFilters filters,
                   std::vector<BackendRef>& out);

}  // namespace weft::control
