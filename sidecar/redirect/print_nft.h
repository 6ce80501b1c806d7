#pragma once
// print_nft: rules as one script for `nft -f -`, and what `nft list table` says of a table that
// holds them.
//
// Each family has a table of its own, `ip weft` and `ip6 weft` (nat in a table of both families
// needs Linux 5.2). The script makes each table anew in one transaction: loaded twice it changes
// nothing, and a line that the kernel refuses leaves everything as it was. Each line is written the
// way nft itself prints it (1.0), so that check() can compare text. Pure.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/redirect/rules.h"

namespace weft::redirect {

[[nodiscard]] std::string_view nft_table_name(Family family);  // "ip weft"

// A ruleset without chains removes what its family has.
[[nodiscard]] std::string print_nft(const std::vector<Ruleset>& rulesets);

// The lines of each chain: its hook first when it has one, then its rules.
using NftTable = std::map<std::string, std::vector<std::string>, std::less<>>;
[[nodiscard]] NftTable nft_table(const Ruleset& rules);
// From the output of `nft -s -y list table`: white space and comments aside, the same shape.
[[nodiscard]] NftTable parse_nft_table(std::string_view listing);

}  // namespace weft::redirect
