#pragma once
// NftTool: rules through the program `nft`: both families in one transaction, in tables of their
// own (print_nft.h).

#include "sidecar/redirect/programs.h"
#include "sidecar/redirect/tool.h"

namespace weft::redirect {

class NftTool final : public Tool {
 public:
  explicit NftTool(Programs& programs) : programs_(programs) {}

  [[nodiscard]] std::string name() const override { return "nft"; }
  [[nodiscard]] Status usable() override;
  [[nodiscard]] Status load(const std::vector<Ruleset>& rulesets) override;
  [[nodiscard]] Result<std::vector<std::string>> differences(
      const std::vector<Ruleset>& rulesets) override;

 private:
  [[nodiscard]] Result<std::string> run(const std::vector<std::string>& argv,
                                        std::string_view input);

  Programs& programs_;
};

}  // namespace weft::redirect
