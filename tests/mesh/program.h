#pragma once
// Program: weft-sidecar as a process of its own, for tests about what the process as a whole is
// allowed: its descriptors, its memory. One listener "in" that forwards everything to one origin,
// and the admin pages.
//
// Owner: a test. Thread: the test's.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "tests/demo/child.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {

class Program final {
 public:
  enum class Wish : std::uint8_t { kServes, kMayEnd };
  // Serves, or has ended where that may be. `before`: commands for the shell that becomes it, such
  // as "ulimit -n 256".
  Program(std::uint16_t origin, const std::string& before, Wish wish = Wish::kServes);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] bool alive() { return child_ && child_->alive(); }
  // How it ended, such as "exit status 1"; waits for that.
  [[nodiscard]] std::string ending();
  [[nodiscard]] bool ready() const { return page("/ready").status() == 200; }
  [[nodiscard]] Wire dial() const { return Wire::to(in_); }
  // Of the admin port, on a connection of its own each time, as a scraper's may be.
  [[nodiscard]] Wire::Message page(std::string_view target) const;
  // The first sample of it that has all of `label` in it; -1 when the page or the sample is
  // missing.
  [[nodiscard]] double metric(std::string_view name, std::string_view label = {}) const;
  [[nodiscard]] bool metric_reaches(double value, std::string_view name,
                                    std::string_view label = {}) const;
  // Processor time in clock ticks, of which there are 100 in a second.
  [[nodiscard]] long ticks() const;
  // What it said.
  [[nodiscard]] std::string log() const;

 private:
  const std::uint16_t admin_;
  const std::uint16_t in_;
  std::filesystem::path directory_;
  std::optional<demo::Child> child_;
};

}  // namespace weft::mesh_test
