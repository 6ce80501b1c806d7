#pragma once
// Lint: what the control plane would say about files, without one.

#include <string>
#include <vector>

#include "control/registry.h"

namespace weft::control::cli {

struct LintReport {
  std::vector<std::string> mistakes;    // refused
  std::vector<std::string> conditions;  // accepted, and would not do what it says
  std::vector<std::string> advice;      // accepted, and probably not what is meant
  std::vector<std::string> notes;       // accepted, without effect, or worth a second look
  std::size_t files = 0;
  std::size_t objects = 0;

  [[nodiscard]] std::string text(bool quiet) const;
};

// Without a clock nobody judges times.
[[nodiscard]] LintReport lint(std::vector<SourceFile> files, WallTime (*wall_clock)() = nullptr);

}  // namespace weft::control::cli
