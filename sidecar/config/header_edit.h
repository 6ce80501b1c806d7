#pragma once
// HeaderEdit: one change to a head's fields, as configuration asks for it.

#include <cstdint>
#include <string>
#include <vector>

namespace weft::config {

struct HeaderEdit {
  enum class Op : std::uint8_t { kAppend, kAddIfAbsent, kSet, kSetIfPresent, kRemove };
  Op op = Op::kAppend;
  std::string name;   // as written
  std::string value;  // literal; `%` operators of Envoy are refused by from_proto
};
struct HeaderEdits {
  std::vector<HeaderEdit> request;
  std::vector<HeaderEdit> response;
  [[nodiscard]] bool empty() const { return request.empty() && response.empty(); }
};

}  // namespace weft::config
