#pragma once
// Mistakes: everything that is wrong with one document, each with its place, and everything in it
// that was passed over.
//
// All mistakes are collected, since people fix them in one go; past kKept only the count goes on.
// Texts read "cart.yaml:12:5: spec.ports[0].port: want a number from 1 to 65535, found '0'" and
// come in the order of the file.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/document.h"

namespace weft::control {

class Mistakes final {
 public:
  static constexpr std::size_t kKept = 64;

  explicit Mistakes(std::string source) : source_(std::move(source)) {}

  void add(config::Position position, std::string_view path, std::string_view what);
  // Something that is accepted and has no effect here.
  void note(config::Position position, std::string_view path, std::string_view what);

  [[nodiscard]] bool empty() const { return mistakes_.count == 0; }
  [[nodiscard]] const std::string& source() const { return source_; }
  [[nodiscard]] std::vector<std::string> texts() const { return mistakes_.texts(); }
  [[nodiscard]] std::vector<std::string> notes() const { return notes_.texts(); }

 private:
  struct List {
    struct Line {
      config::Position position;
      std::string text;
    };
    void add(config::Position position, std::string text);
    [[nodiscard]] std::vector<std::string> texts() const;
    std::vector<Line> lines;
    std::size_t count = 0;
  };
  [[nodiscard]] std::string line(config::Position position, std::string_view path,
                                 std::string_view what) const;

  std::string source_;
  List mistakes_;
  List notes_;
};

}  // namespace weft::control
