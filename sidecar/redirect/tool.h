#pragma once
// Tool: one way to put rules into the kernel. Owner: the loader, for one command. A Tool holds no
// state of its own: what is there is what the kernel says.

#include <string>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/redirect/rules.h"

namespace weft::redirect {

class Tool {
 public:
  virtual ~Tool() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // An error says why it is of no use here.
  [[nodiscard]] virtual Status usable() = 0;
  // Makes exactly these rules hold, whatever of ours was there before; on an error what was there
  // is there still.
  [[nodiscard]] virtual Status load(const std::vector<Ruleset>& rulesets) = 0;
  // What is not as these rules say, a line each; none when all is. Changes nothing.
  [[nodiscard]] virtual Result<std::vector<std::string>> differences(
      const std::vector<Ruleset>& rulesets) = 0;
};

// Lines about one chain: what is missing, what nobody wanted, or the order.
[[nodiscard]] std::vector<std::string> compare_chain(const std::string& chain,
                                                     const std::vector<std::string>& wanted,
                                                     const std::vector<std::string>& found);

}  // namespace weft::redirect
