#pragma once
// IptablesState: what iptables has of ours in one family, as a value: wanted (from the rules), or
// read back (from iptables-save); and the text for `iptables-restore --noflush` that leads from the
// one to the other.
//
// Ours are the chains whose names begin with WEFT_ and every rule in other chains that calls them;
// nothing else is ever read, written or deleted. Loaded by iptables-restore, each table changes in
// one step or not at all. Each rule is written the way iptables-save prints it (1.8), so that
// states can be compared. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/redirect/rules.h"

namespace weft::redirect {

struct IptablesRule {
  std::string text;  // without "-A CHAIN "
  std::string why;
  bool operator==(const IptablesRule& other) const { return text == other.text; }
};

struct IptablesTable {
  std::map<std::string, std::vector<IptablesRule>> chains;  // ours
  std::vector<std::string> calls;  // "PREROUTING -j WEFT_PREROUTING": from the chains of others
  bool operator==(const IptablesTable&) const = default;
};

using IptablesState = std::map<std::string, IptablesTable>;  // by table; without empty ones

[[nodiscard]] IptablesState iptables_state(const Ruleset& rules);
// From the output of iptables-save. kInvalid when it is no such output.
[[nodiscard]] Result<IptablesState> parse_iptables_save(std::string_view text);

// Empty when there is nothing to do in any table. Calls come first in their chains: what others do
// there must not get at the packets before.
[[nodiscard]] std::string print_iptables(const IptablesState& current, const IptablesState& wanted);

}  // namespace weft::redirect
