#pragma once
// Judging: what the lists of a window say about a promise. Pure.

#include <optional>
#include <string_view>
#include <vector>

#include "tests/demo/journal.h"
#include "tests/demo/shop.h"
#include "tests/demo/verdict.h"

namespace weft::demo {

// Nothing failed, and both lists say the same.
void judge_clean(const Joined& joined, Verdict& verdict);

// Each version's count is within one in a thousand of what was asked, by the answers and by what
// the origins saw.
void judge_split(const std::vector<Sent>& sent, const Joined& joined, const Weights& asked,
                 Verdict& verdict);

// How long after `edited` the last request was begun that still went to a version other than
// `wanted`, among those begun before `until`; zero when none did, nothing when none at all was
// begun.
[[nodiscard]] std::optional<Duration> moved_after(const std::vector<Sent>& sent, TimePoint edited,
                                                  TimePoint until, std::string_view wanted);
// How long after `edited` the first request was begun that went to `version`.
[[nodiscard]] std::optional<Duration> first_after(const std::vector<Sent>& sent, TimePoint edited,
                                                  std::string_view version);

// Requests that may not fail although `victim` was killed: begun after it was gone, or seen by
// another instance of cart.
struct KillToll {
  std::size_t in_flight_failed = 0;  // excused
  std::size_t unexcused = 0;
  std::vector<std::string> words;  // of the first few unexcused
};
[[nodiscard]] KillToll count_toll(const std::vector<Sent>& sent,
                                  const std::vector<Sighting>& sightings, std::string_view victim,
                                  TimePoint gone);

}  // namespace weft::demo
