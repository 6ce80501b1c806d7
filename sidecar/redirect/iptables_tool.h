#pragma once
// IptablesTool: rules through iptables-save and iptables-restore, and their twins for IPv6, in
// chains of their own (iptables_state.h).
//
// Each table of a family changes in one step; that all of them change or none takes more: every
// text is tried with --test first, and when the kernel refuses one later, what was loaded before it
// is led back.

#include "sidecar/redirect/iptables_state.h"
#include "sidecar/redirect/programs.h"
#include "sidecar/redirect/tool.h"

namespace weft::redirect {

class IptablesTool final : public Tool {
 public:
  // `variant`: "-nft", "-legacy", or "" for what the system calls iptables.
  IptablesTool(Programs& programs, std::string variant)
      : programs_(programs), variant_(std::move(variant)) {}

  [[nodiscard]] std::string name() const override { return "iptables" + variant_; }
  [[nodiscard]] Status usable() override;
  [[nodiscard]] Status load(const std::vector<Ruleset>& rulesets) override;
  [[nodiscard]] Result<std::vector<std::string>> differences(
      const std::vector<Ruleset>& rulesets) override;

 private:
  [[nodiscard]] std::string program(Family family, std::string_view what) const;
  [[nodiscard]] Result<IptablesState> read(Family family);
  [[nodiscard]] Status restore(Family family, const std::string& text, bool test);
  void lead_back(Family family, const IptablesState& before);

  Programs& programs_;
  std::string variant_;
};

}  // namespace weft::redirect
