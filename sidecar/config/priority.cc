#include "sidecar/config/priority.h"

#include <array>

#include "sidecar/core/strings.h"

namespace weft::config {

namespace {

constexpr std::array<std::string_view, kPriorities> kPriorityNames = {"critical", "high", "normal",
                                                                      "low"};

}  // namespace

std::string_view name_of(Priority priority) {
  return kPriorityNames[static_cast<std::size_t>(priority)];
}

std::optional<Priority> parse_priority(std::string_view text) {
  for (std::size_t at = 0; at < kPriorities; ++at) {
    if (equals_ignore_case(trim(text), kPriorityNames[at])) return static_cast<Priority>(at);
  }
  return std::nullopt;
}

}  // namespace weft::config
