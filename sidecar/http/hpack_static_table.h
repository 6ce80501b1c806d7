#pragma once
// The static table: the 61 fields that both ends of HPACK know from the start.
//
// Constant. Source: RFC 7541 appendix A. Four of its names have no HeaderId (if-match, if-range,
// if-unmodified-since, refresh): they are decoded like all others, but not looked for when
// encoding.

#include <array>
#include <cstddef>
#include <string_view>

#include "sidecar/http/hpack_field.h"

namespace weft::http {

inline constexpr std::size_t kHpackStaticEntries = 61;

// Entry 1 of the RFC is at 0.
extern const std::array<HpackField, kHpackStaticEntries> kHpackStaticTable;

// The index of an entry; 0 is none.
struct HpackStaticMatch {
  std::uint8_t name = 0;   // the first with this name
  std::uint8_t field = 0;  // with the value as well
};
// Entries of one name stand side by side.
struct HpackStaticRun {
  std::uint8_t first = 0;  // its index; 0: there is none
  std::uint8_t count = 0;
};
extern const std::array<HpackStaticRun, kHeaderIds> kHpackStaticRunsById;
extern const std::array<HpackStaticRun, kPseudos> kHpackStaticRunsByPseudo;

[[nodiscard]] inline HpackStaticMatch find_hpack_static(HpackStaticRun run,
                                                        std::string_view value) {
  HpackStaticMatch match{.name = run.first};
  for (std::size_t i = 0; i < run.count; ++i) {
    if (kHpackStaticTable[run.first - 1U + i].value != value) continue;
    match.field = static_cast<std::uint8_t>(run.first + i);
    break;
  }
  return match;
}
[[nodiscard]] inline HpackStaticMatch find_hpack_static(HeaderId id, std::string_view value) {
  return find_hpack_static(kHpackStaticRunsById[static_cast<std::size_t>(id)], value);
}
[[nodiscard]] inline HpackStaticMatch find_hpack_static(Pseudo pseudo, std::string_view value) {
  return find_hpack_static(kHpackStaticRunsByPseudo[static_cast<std::size_t>(pseudo)], value);
}

}  // namespace weft::http
