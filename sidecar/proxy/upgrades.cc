#include "sidecar/proxy/upgrades.h"

#include <algorithm>

namespace weft::proxy {

UpgradeVerdict judge_upgrade(std::string_view wanted, const std::vector<std::string>& listed,
                             const config::ForwardAction* action) {
  if (action != nullptr) {
    for (const config::UpgradeRule& rule : action->upgrades) {
      if (rule.protocol == wanted) return {rule.allowed, rule.allowed && rule.ends_here};
    }
  }
  return {.allowed = std::find(listed.begin(), listed.end(), wanted) != listed.end()};
}

}  // namespace weft::proxy
