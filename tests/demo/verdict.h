#pragma once
// Verdict: what came of one promise: kept or not, the figures it rests on, and why not. Pure.

#include <string>
#include <vector>

#include "sidecar/core/clock.h"

namespace weft::demo {

struct Verdict {
  std::string name;                     // "split-90-10"
  std::string promise;                  // in one sentence
  std::vector<std::string> figures;     // one line each
  std::vector<std::string> objections;  // empty: the promise was kept
  Duration took{};

  [[nodiscard]] bool kept() const { return objections.empty(); }
  void figure(std::string line) { figures.push_back(std::move(line)); }
  // Objects unless `holds`.
  void expect(bool holds, std::string objection) {
    if (!holds) objections.push_back(std::move(objection));
  }
  // A line, and below it the figures and objections.
  [[nodiscard]] std::string text() const;
};

// The last lines of a run: how many of the promises were kept, and the names of those that were
// not.
[[nodiscard]] std::string summary(const std::vector<Verdict>& verdicts);
[[nodiscard]] bool all_kept(const std::vector<Verdict>& verdicts);

}  // namespace weft::demo
