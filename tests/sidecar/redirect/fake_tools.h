#pragma once
// FakeTools: the programs nft, iptables-save and iptables-restore as far as Redirection uses them:
// a text each family's tables hold, changed by what is loaded, printed when asked. A load can be
// told to fail, as a kernel without some module does. One per test, on its thread.

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/redirect/programs.h"

namespace weft::redirect::testing {

class FakeTools final : public Programs {
 public:
  // Programs by name; a variant of iptables brings its four.
  void install_nft() { installed_.insert("nft"); }
  void install_iptables(const std::string& variant);
  // The kernel refuses this text in a load (not in a --test).
  void refuse(std::string text) { refused_ = std::move(text); }
  // A rule of somebody else, or of a broken try: "nat", "PREROUTING -j THEIRS".
  void add_rule(const std::string& program, const std::string& table, const std::string& rule);

  [[nodiscard]] bool has(std::string_view name) override { return installed_.contains(name); }
  [[nodiscard]] Result<Outcome> run(const std::vector<std::string>& argv,
                                    std::string_view input) override;

  // What `program` ("iptables-nft", "ip6tables-legacy") holds, as iptables-save prints it.
  [[nodiscard]] std::string saved(const std::string& program) const;
  [[nodiscard]] const std::map<std::string, std::string>& nft_tables() const { return nft_; }
  std::vector<std::string> log;  // the command lines, in order

 private:
  struct Table {
    std::map<std::string, std::vector<std::string>> chains;
  };
  using Tables = std::map<std::string, Table>;

  Outcome run_nft(const std::vector<std::string>& argv, std::string_view input);
  Outcome restore(const std::string& program, std::string_view input, bool test);
  static std::string restore_line(const std::string& line, Table& table);

  std::set<std::string, std::less<>> installed_;
  std::string refused_;
  std::map<std::string, Tables> iptables_;
  std::map<std::string, std::string> nft_;  // by "ip weft": the text
};

}  // namespace weft::redirect::testing
