#pragma once
// LineSplitter: bytes as they come -> whole lines, for a watch, whose every event is one line.
//
// A line longer than the limit is thrown away as it comes and told as too long; what follows it is
// heard. A last line without its end is no line. Pure.

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace weft::control::kube {

class LineSplitter final {
 public:
  struct Line {
    std::string text;  // without its end; empty when too long
    bool too_long = false;
  };

  explicit LineSplitter(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  void add(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      grow(bytes.substr(0, end));
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      if (too_long_ || !partial_.empty()) {
        lines_.push_back({std::exchange(partial_, {}), std::exchange(too_long_, false)});
      }
    }
  }

  // The next whole line; empty ones are passed over.
  [[nodiscard]] std::optional<Line> next() {
    if (lines_.empty()) return std::nullopt;
    Line line = std::move(lines_.front());
    lines_.pop_front();
    return line;
  }

  // Of the line that has not ended.
  [[nodiscard]] std::size_t held() const { return partial_.size(); }

 private:
  void grow(std::string_view piece) {
    if (too_long_) return;
    if (piece.size() > bytes_max_ - partial_.size()) {
      too_long_ = true;
      partial_ = {};
      return;
    }
    partial_ += piece;
  }

  const std::size_t bytes_max_;
  std::string partial_;
  std::deque<Line> lines_;
  bool too_long_ = false;
};

}  // namespace weft::control::kube
