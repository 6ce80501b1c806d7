#include "tests/sidecar/redirect/fake_tools.h"

#include <algorithm>
#include <sstream>
#include <utility>

namespace weft::redirect::testing {

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::pair<std::string, std::string> at_first_blank(const std::string& text) {
  const std::size_t blank = text.find(' ');
  return {text.substr(0, blank), blank == std::string::npos ? "" : text.substr(blank + 1)};
}

}  // namespace

void FakeTools::install_iptables(const std::string& variant) {
  for (const char* family : {"iptables", "ip6tables"}) {
    for (const char* what : {"-save", "-restore"}) installed_.insert(family + variant + what);
  }
}

void FakeTools::add_rule(const std::string& program, const std::string& table,
                         const std::string& rule) {
  const auto [chain, text] = at_first_blank(rule);
  std::vector<std::string>& rules = iptables_[program][table].chains[chain];
  if (!text.empty()) rules.push_back(text);
}

Result<Programs::Outcome> FakeTools::run(const std::vector<std::string>& argv,
                                         std::string_view input) {
  std::string line;
  for (const std::string& word : argv) line += (line.empty() ? "" : " ") + word;
  log.push_back(line);
  const std::string& name = argv.front();
  if (!has(name)) return fail(Fault::kInvalid, name + " is not installed");
  if (name == "nft") return run_nft(argv, input);
  if (name.ends_with("-save")) {
    return Outcome{.out = saved(name.substr(0, name.size() - 5))};
  }
  const bool test = std::ranges::find(argv, "--test") != argv.end();
  return restore(name.substr(0, name.size() - 8), input, test);
}

std::string FakeTools::saved(const std::string& program) const {
  const auto tables = iptables_.find(program);
  if (tables == iptables_.end()) return "";
  std::string out = "# Generated\n";
  for (const auto& [name, table] : tables->second) {
    out += "*" + name + "\n";
    for (const auto& [chain, rules] : table.chains) out += ":" + chain + " - [0:0]\n";
    for (const auto& [chain, rules] : table.chains) {
      for (const std::string& rule : rules) out += "-A " + chain + " " + rule + "\n";
    }
    out += "COMMIT\n";
  }
  return out;
}

// What is wrong with the line; empty when it is done.
std::string FakeTools::restore_line(const std::string& line, Table& table) {
  if (line.starts_with(':')) {
    table.chains[at_first_blank(line.substr(1)).first].clear();
    return "";
  }
  const std::string verb = line.substr(0, 3);
  const auto [chain, rule] = at_first_blank(line.substr(std::min<std::size_t>(3, line.size())));
  if (verb == "-X ") {
    for (const auto& [name, rules] : table.chains) {
      for (const std::string& other : rules) {
        if (other.ends_with("-j " + chain)) return chain + " is in use";
      }
    }
    return table.chains.erase(chain) == 1 ? "" : "no chain " + chain;
  }
  if (chain != "PREROUTING" && chain != "OUTPUT" && !table.chains.contains(chain)) {
    return "no chain " + chain;
  }
  std::vector<std::string>& rules = table.chains[chain];
  if (verb == "-A ") {
    rules.push_back(rule);
  } else if (verb == "-I ") {
    rules.insert(rules.begin(), rule);
  } else if (verb == "-D ") {
    const auto at = std::ranges::find(rules, rule);
    if (at == rules.end()) return "no rule to take away: " + line;
    rules.erase(at);
  } else {
    return "what is this: " + line;
  }
  return "";
}

// A table changes at its COMMIT, or not at all: as the real one.
Programs::Outcome FakeTools::restore(const std::string& program, std::string_view input,
                                     bool test) {
  std::string name;
  Table table;
  for (const std::string& line : lines_of(input)) {
    if (line.empty() || line.starts_with('#')) continue;
    if (line.starts_with('*')) {
      name = line.substr(1);
      table = iptables_[program][name];
    } else if (line == "COMMIT") {
      if (!test) iptables_[program][name] = table;
    } else {
      std::string wrong = restore_line(line, table);
      if (!test && !refused_.empty() && line.find(refused_) != std::string::npos) {
        wrong = "the kernel has no " + refused_;
      }
      if (!wrong.empty()) return {.status = 2, .err = wrong + "\n"};
    }
  }
  return {};
}

Programs::Outcome FakeTools::run_nft(const std::vector<std::string>& argv, std::string_view input) {
  if (argv.size() == 3 && argv[1] == "list") {
    std::string out;
    for (const auto& [name, text] : nft_) out += "table " + name + "\n";
    return {.out = out};
  }
  if (argv[1] == "-f") {
    if (!refused_.empty() && input.find(refused_) != std::string_view::npos) {
      return {.status = 1, .err = "Error: Could not process rule: No such file or directory\n"};
    }
    std::string* open = nullptr;
    for (const std::string& line : lines_of(input)) {
      if (line.starts_with("delete table ")) nft_.erase(line.substr(13));
      if (line.starts_with("table ") && line.ends_with(" {")) {
        open = &nft_[line.substr(6, line.size() - 8)];
      }
      if (open != nullptr && line.find('#') == std::string::npos) *open += line + "\n";
      if (line == "}") open = nullptr;
    }
    return {};
  }
  const std::string name = argv[argv.size() - 2] + " " + argv.back();
  const auto found = nft_.find(name);
  if (found == nft_.end()) return {.status = 1, .err = "Error: No such file or directory\n"};
  return {.out = found->second};
}

}  // namespace weft::redirect::testing
