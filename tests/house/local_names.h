#pragma once
// LocalNames: what a source file keeps to itself: the names in its anonymous namespaces, and its
// short names for namespaces and types. Sanitized builds compile several files as one, where two
// files of one namespace may not mean different things by one name.
//
// It reads the tree's own form of C++ (clang-format's), not all of the language: what it does not
// understand is left out, so that it may miss a clash and does not invent one.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/house/source_text.h"

namespace weft::house {

struct LocalName {
  std::string name_space;  // around it, without the anonymous one: "weft::control"
  std::string name;
  // What tells two apart that may stand side by side: the types of a function's parameters, what an
  // alias is short for. Empty: nothing may.
  std::string meaning;
  enum class Kind : std::uint8_t { kFunction, kAlias, kOther } kind = Kind::kOther;
  std::size_t line = 0;
};

[[nodiscard]] std::vector<LocalName> local_names(std::string_view text);

// Every pair of files that could not be compiled as one, by the later file.
[[nodiscard]] std::vector<Finding> clashes(const std::vector<File>& files);

}  // namespace weft::house
