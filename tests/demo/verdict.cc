#include "tests/demo/verdict.h"

#include <fmt/format.h>

#include <algorithm>

namespace weft::demo {

std::string Verdict::text() const {
  std::string out = fmt::format("{}  {} ({:.0f} s): {}\n", kept() ? "kept  " : "BROKEN", name,
                                std::chrono::duration<double>(took).count(), promise);
  for (const std::string& line : figures) out += "        " + line + "\n";
  for (const std::string& line : objections) out += "        not so: " + line + "\n";
  return out;
}

bool all_kept(const std::vector<Verdict>& verdicts) {
  return std::ranges::all_of(verdicts, &Verdict::kept);
}

std::string summary(const std::vector<Verdict>& verdicts) {
  std::string broken;
  std::size_t kept = 0;
  for (const Verdict& verdict : verdicts) {
    if (verdict.kept()) {
      ++kept;
    } else {
      broken += (broken.empty() ? "" : ", ") + verdict.name;
    }
  }
  return fmt::format("{} of {} promises kept{}{}\n", kept, verdicts.size(),
                     broken.empty() ? "" : "; broken: ", broken);
}

}  // namespace weft::demo
