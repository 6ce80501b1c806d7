#include "control/model/policy_priority.h"

#include <fmt/format.h>

#include <vector>

#include "sidecar/core/strings.h"

namespace weft::control {

PriorityTrust read_priority_trust(Reader& priority) {
  constexpr std::size_t kTrustedMax = 4;
  std::vector<std::string> trusted;
  priority.texts("trustFrom", trusted, kTrustedMax);
  PriorityTrust out = PriorityTrust::kNobody;
  for (const std::string& who : trusted) {
    if (who == "Mesh") {
      out = PriorityTrust::kMesh;
    } else {
      priority.refuse("trustFrom",
                      fmt::format("want Mesh, callers with a certificate of the mesh, found '{}'",
                                  escape(who, 64)));
    }
  }
  return out;
}

std::string describe(config::Priority value) {
  switch (value) {
    case config::Priority::kCritical:
      return "Critical";
    case config::Priority::kHigh:
      return "High";
    case config::Priority::kNormal:
      return "Normal";
    case config::Priority::kLow:
      return "Low";
  }
  return {};
}

std::string describe(PriorityTrust value) {
  switch (value) {
    case PriorityTrust::kNobody:
      return "[]";
    case PriorityTrust::kMesh:
      return "[Mesh]";
  }
  return {};
}

}  // namespace weft::control
