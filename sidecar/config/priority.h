#pragma once
// Priority: whose request is served first where requests wait, and who gives way where no more may
// wait (behaviour.md 7). The lower number goes first. Pure.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weft::config {

enum class Priority : std::uint8_t { kCritical, kHigh, kNormal, kLow };
inline constexpr std::size_t kPriorities = 4;

// x-weft-priority: "critical", "high", "normal", "low", in any case.
[[nodiscard]] std::string_view name_of(Priority priority);
[[nodiscard]] std::optional<Priority> parse_priority(std::string_view text);

// What a route says of its requests' priority.
struct PriorityRule {
  Priority usual = Priority::kNormal;
  // As high as an mTLS peer's field may raise it; kLow: nobody's does.
  Priority raised_to = Priority::kLow;

  // Of a request whose field asks for `asked`: lowered by anybody whose field is believed at all,
  // raised by peers only.
  [[nodiscard]] Priority of(Priority asked, bool mesh_peer) const {
    const Priority highest = mesh_peer && raised_to < usual ? raised_to : usual;
    return asked < highest ? highest : asked;
  }
  bool operator==(const PriorityRule&) const = default;
};

// What happens to a request when as many wait as may (weft.config.v1.ClusterPolicy.when_full).
enum class WhenFull : std::uint8_t {
  kReject,      // it is refused
  kDropLowest,  // the newest of the lowest priority that waits, if that is lower
  kDropOldest   // the oldest of the lowest priority that waits, unless that is higher
};

}  // namespace weft::config
