#pragma once
// StatusText: the status to be written, from what is wanted and what is there: times of conditions
// that have not changed stay, entries of other controllers stay as they are.
//
// What is wanted is a list of entries (status.parents, status.ancestors) or of conditions, as the
// API has them, or what wanted_istio_status() gives; without lastTransitionTime. Pure. Source:
// Gateway API's RouteParentStatus and PolicyAncestorStatus, whose lists are atomic: whoever applies
// one writes it whole.

#include <string>

#include "control/kubernetes/status_book.h"

namespace weft::control::kube {

inline constexpr std::size_t kStatusEntriesMax = 32;       // routes, as the Gateway API has it
inline constexpr std::size_t kStatusAncestorsMax = 16;     // policies
inline constexpr std::size_t kConditionMessageMax = 1024;  // the API takes 32,768

// How far what is there is from what is wanted.
enum class StatusChange : std::uint8_t {
  kNone,
  kWords,  // of messages alone: a count of sidecars that moved on
  kMeaning,
};

struct StatusUpdate {
  StatusChange change = StatusChange::kNone;
  Json status;  // the whole of it, where there is a change
};
// `now`: as time_text() has it.
[[nodiscard]] StatusUpdate update_status(StatusShape shape, const HeldStatus& held,
                                         const Json& wanted, const std::string& now);

// The object to apply, server-side, at the version that `held` has.
[[nodiscard]] std::string status_patch(const ObjectKey& key, const HeldStatus& held,
                                       const Json& status);

}  // namespace weft::control::kube
