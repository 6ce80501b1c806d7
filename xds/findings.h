#pragma once
// Findings: what a walk over one resource found: reasons to refuse it, fields passed over, fields
// nobody declares.
//
// Owner: whoever translates the resource. Every mistake is collected, since people fix all of them
// at once; past kKept only the count goes on. Texts are for NACKs, logs and `weft lint`, and never
// decide anything.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/error.h"
#include "xds/field_path.h"

namespace weft::xds {

class Findings final {
 public:
  // Of each sort; a resource from a hostile source may hold millions.
  static constexpr std::size_t kKept = 32;
  static constexpr std::size_t kTextBytesMax = 512;

  void refuse(const FieldPath& path, std::string_view why);
  void note(const FieldPath& path, std::string_view what);
  // A field of `path` that our messages do not declare.
  void unknown(const FieldPath& path, int number);

  [[nodiscard]] bool refused() const { return refused_ > 0; }
  [[nodiscard]] std::size_t refused_count() const { return refused_; }
  [[nodiscard]] std::size_t unknown_count() const { return unknown_; }
  [[nodiscard]] const std::vector<std::string>& reasons() const { return reasons_; }
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] const std::vector<std::string>& unknowns() const { return unknowns_; }

  // All reasons in one text: "a.b: is required; c[1]: must not be empty". Only when refused().
  [[nodiscard]] Error error() const;

 private:
  std::vector<std::string> reasons_;
  std::vector<std::string> notes_;
  std::vector<std::string> unknowns_;
  std::size_t refused_ = 0;
  std::size_t unknown_ = 0;
};

}  // namespace weft::xds
