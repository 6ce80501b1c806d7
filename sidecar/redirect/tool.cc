#include "sidecar/redirect/tool.h"

#include <algorithm>

namespace weft::redirect {

std::vector<std::string> compare_chain(const std::string& chain,
                                       const std::vector<std::string>& wanted,
                                       const std::vector<std::string>& found) {
  std::vector<std::string> lines;
  std::vector<std::string> left = found;
  for (const std::string& rule : wanted) {
    if (const auto at = std::ranges::find(left, rule); at != left.end()) {
      left.erase(at);
    } else {
      lines.push_back(chain + ": missing: " + rule);
    }
  }
  for (const std::string& rule : left) lines.push_back(chain + ": not ours: " + rule);
  if (lines.empty() && wanted != found) lines.push_back(chain + ": the rules are in another order");
  return lines;
}

}  // namespace weft::redirect
