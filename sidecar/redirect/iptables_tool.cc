#include "sidecar/redirect/iptables_tool.h"

#include <algorithm>
#include <utility>

namespace weft::redirect {

namespace {

std::vector<std::string> texts_of(const std::vector<IptablesRule>& rules) {
  std::vector<std::string> texts;
  for (const IptablesRule& rule : rules) texts.push_back(rule.text);
  return texts;
}

void compare_iptables_table(const std::string& where, const IptablesTable& wanted,
                            const IptablesTable& found, std::vector<std::string>& lines) {
  for (const auto& [chain, rules] : wanted.chains) {
    const auto there = found.chains.find(chain);
    if (there == found.chains.end()) {
      lines.push_back(where + " " + chain + ": the chain is missing");
      continue;
    }
    std::vector<std::string> more =
        compare_chain(where + " " + chain, texts_of(rules), texts_of(there->second));
    lines.insert(lines.end(), more.begin(), more.end());
  }
  for (const auto& [chain, rules] : found.chains) {
    if (!wanted.chains.contains(chain)) lines.push_back(where + " " + chain + ": not ours");
  }
  // Each is in a chain of its own, or in one that others write to: the order says nothing.
  std::vector<std::string> calls_wanted = wanted.calls;
  std::vector<std::string> calls_found = found.calls;
  std::ranges::sort(calls_wanted);
  std::ranges::sort(calls_found);
  std::vector<std::string> more = compare_chain(where + " calls", calls_wanted, calls_found);
  lines.insert(lines.end(), more.begin(), more.end());
}

}  // namespace

std::string IptablesTool::program(Family family, std::string_view what) const {
  return (family == Family::kV4 ? "iptables" : "ip6tables") + variant_ + "-" + std::string(what);
}

Status IptablesTool::usable() {
  for (const Family family : {Family::kV4, Family::kV6}) {
    for (const std::string_view what : {"save", "restore"}) {
      const std::string name = program(family, what);
      if (!programs_.has(name)) return fail(Fault::kInvalid, name + " is not installed");
    }
  }
  Result<IptablesState> state = read(Family::kV4);
  if (!state) return fail(state.error());
  return {};
}

Result<IptablesState> IptablesTool::read(Family family) {
  const std::string name = program(family, "save");
  Result<Programs::Outcome> outcome = programs_.run({name}, {});
  if (!outcome) return fail(outcome.error());
  if (outcome->status != 0) return fail(Fault::kInternal, name + ": " + complaint_of(*outcome));
  return parse_iptables_save(outcome->out);
}

Status IptablesTool::restore(Family family, const std::string& text, bool test) {
  const std::string name = program(family, "restore");
  std::vector<std::string> argv{name, "--noflush", "-w", "5"};  // seconds, for the others' lock
  if (test) argv.emplace_back("--test");
  Result<Programs::Outcome> outcome = programs_.run(argv, text);
  if (!outcome) return fail(outcome.error());
  if (outcome->status != 0) return fail(Fault::kInternal, name + ": " + complaint_of(*outcome));
  return {};
}

// Best effort: the error that led here is the one to tell.
void IptablesTool::lead_back(Family family, const IptablesState& before) {
  const Result<IptablesState> now = read(family);
  if (now && *now != before) (void)restore(family, print_iptables(*now, before), false);
}

Status IptablesTool::load(const std::vector<Ruleset>& rulesets) {
  struct Step {
    Family family;
    IptablesState before;
    std::string text;
  };
  std::vector<Step> steps;
  for (const Ruleset& rules : rulesets) {
    Result<IptablesState> before = read(rules.family);
    if (!before) return fail(before.error());
    std::string text = print_iptables(*before, iptables_state(rules));
    if (text.empty()) continue;
    if (Status tried = restore(rules.family, text, true); !tried) return tried;
    steps.push_back({rules.family, std::move(*before), std::move(text)});
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Status loaded = restore(steps[i].family, steps[i].text, false);
    if (loaded) continue;
    for (std::size_t j = i + 1; j-- > 0;) lead_back(steps[j].family, steps[j].before);
    return loaded;
  }
  return {};
}

Result<std::vector<std::string>> IptablesTool::differences(const std::vector<Ruleset>& rulesets) {
  static const IptablesTable kNothing{};
  std::vector<std::string> lines;
  for (const Ruleset& rules : rulesets) {
    Result<IptablesState> found = read(rules.family);
    if (!found) return fail(found.error());
    IptablesState wanted = iptables_state(rules);
    for (const auto& [table, there] : *found) wanted.try_emplace(table);
    for (const auto& [table, shall] : wanted) {
      const auto there = found->find(table);
      const std::string where = std::string(name_of(rules.family)) + " " + table;
      compare_iptables_table(where, shall, there == found->end() ? kNothing : there->second, lines);
    }
  }
  return lines;
}

}  // namespace weft::redirect
