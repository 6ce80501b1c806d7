#pragma once
// Mistakes: what is wrong with a document, each with its place:
// "start.yaml:12:5: static_resources.clusters[0].lb_policy: …".
//
// Past kKept only the count goes on. What is quoted of the document is printable and short. A
// value.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/document.h"
#include "sidecar/core/error.h"

namespace weft::xds {

class Mistakes final {
 public:
  // A hostile document may hold a million; past this only the count goes on.
  static constexpr std::size_t kKept = 64;
  static constexpr std::size_t kPathBytesMax = 512;
  static constexpr std::size_t kReasonBytesMax = 1024;

  explicit Mistakes(std::string source) : source_(std::move(source)) {}
  void add(config::Position position, std::string_view path, std::string_view why);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }
  // One a line. REQUIRES !empty().
  [[nodiscard]] Error error() const;

 private:
  std::string source_;
  std::vector<std::string> texts_;
  std::size_t count_ = 0;
};

}  // namespace weft::xds
