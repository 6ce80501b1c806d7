#include "sidecar/redirect/nft_tool.h"

#include "sidecar/core/strings.h"
#include "sidecar/redirect/print_nft.h"

namespace weft::redirect {

namespace {

bool lists_table(std::string_view listing, std::string_view table) {
  while (!listing.empty()) {
    const std::size_t end = listing.find('\n');
    if (trim(listing.substr(0, end)) == "table " + std::string(table)) return true;
    listing = end == std::string_view::npos ? std::string_view{} : listing.substr(end + 1);
  }
  return false;
}

void compare_tables(const std::string& table, const NftTable& wanted, const NftTable& found,
                    std::vector<std::string>& lines) {
  for (const auto& [chain, rules] : wanted) {
    const auto there = found.find(chain);
    const std::string where = table + " " + chain;
    if (there == found.end()) {
      lines.push_back(where + ": the chain is missing");
      continue;
    }
    std::vector<std::string> more = compare_chain(where, rules, there->second);
    lines.insert(lines.end(), more.begin(), more.end());
  }
  for (const auto& [chain, rules] : found) {
    if (!wanted.contains(chain)) lines.push_back(table + " " + chain + ": not ours");
  }
}

}  // namespace

Result<std::string> NftTool::run(const std::vector<std::string>& argv, std::string_view input) {
  Result<Programs::Outcome> outcome = programs_.run(argv, input);
  if (!outcome) return fail(outcome.error());
  if (outcome->status != 0) return fail(Fault::kInternal, "nft: " + complaint_of(*outcome));
  return std::move(outcome->out);
}

Status NftTool::usable() {
  if (!programs_.has("nft")) return fail(Fault::kInvalid, "nft is not installed");
  Result<std::string> listing = run({"nft", "list", "tables"}, {});
  if (!listing) return fail(listing.error());
  return {};
}

Status NftTool::load(const std::vector<Ruleset>& rulesets) {
  Result<std::string> loaded = run({"nft", "-f", "-"}, print_nft(rulesets));
  if (!loaded) return fail(loaded.error());
  return {};
}

Result<std::vector<std::string>> NftTool::differences(const std::vector<Ruleset>& rulesets) {
  Result<std::string> tables = run({"nft", "list", "tables"}, {});
  if (!tables) return fail(tables.error());
  std::vector<std::string> lines;
  for (const Ruleset& rules : rulesets) {
    const std::string name(nft_table_name(rules.family));
    const bool there = lists_table(*tables, name);
    if (rules.chains.empty()) {
      if (there) lines.push_back(name + ": the table is there");
      continue;
    }
    if (!there) {
      lines.push_back(name + ": the table is missing");
      continue;
    }
    std::vector<std::string> argv{"nft", "-s", "-y", "list", "table"};
    for (const std::string_view word : split(name, ' ')) argv.emplace_back(word);
    Result<std::string> listing = run(argv, {});
    if (!listing) return fail(listing.error());
    compare_tables(name, nft_table(rules), parse_nft_table(*listing), lines);
  }
  return lines;
}

}  // namespace weft::redirect
