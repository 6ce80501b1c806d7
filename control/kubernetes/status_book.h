#pragma once
// StatusBook: what the API server has under `status` of the objects that people wrote, and what
// must be known of each to write it: its version, its generation, what others wrote there.
//
// Filled from the same lists and watches as the model, at the same moment as what was read
// of the object is told, so that a status never speaks of a text that has not been judged. Pure.
// Owner: KubernetesSource. Thread: one.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "control/kubernetes/json.h"
#include "control/model/names.h"

namespace weft::control::kube {

// Where a kind keeps what controllers say: a list with an entry for each parent (routes) or each
// target (policies), each with a controller's name; conditions of the object itself; or those and
// messages, some of which are ours (istio_status.h).
enum class StatusShape : std::uint8_t { kNone, kParents, kAncestors, kConditions, kIstio };
[[nodiscard]] StatusShape status_shape_of(Kind kind);

struct HeldStatus {
  std::string api_version;
  std::string uid;
  std::string resource_version;
  std::int64_t generation = 0;
  // As JSON: what it refers to (spec.targetRefs, of policies); what other controllers wrote; what
  // we did. Of kConditions `ours` is the whole status; of kIstio both are what is theirs and ours
  // of
  // {"conditions", "messages"}, and `ours` has the observedGeneration.
  std::string targets = "[]";
  std::string others = "[]";
  std::string ours = "[]";

  bool operator==(const HeldStatus&) const = default;
};

// Whether an entry of status.parents or status.ancestors is ours.
[[nodiscard]] bool is_our_entry(const Json& entry);

// Whether the book holds objects of a kind at all.
[[nodiscard]] bool is_booked(Kind kind);

// Of what others wrote into one object; one with more is left alone.
inline constexpr std::size_t kForeignStatusBytesMax = 256 * 1024;

// What there is of an object; nothing for a kind that is not booked, and for an object without a
// version.
[[nodiscard]] std::optional<HeldStatus> read_held_status(Kind kind, const Json& object,
                                                         std::string api_version);

class StatusBook final {
 public:
  using Entries = std::map<ObjectKey, HeldStatus>;

  void put(const ObjectKey& key, HeldStatus status) {
    entries_.insert_or_assign(key, std::move(status));
  }
  void remove(const ObjectKey& key) { entries_.erase(key); }

  [[nodiscard]] const HeldStatus* entry(const ObjectKey& key) const;
  [[nodiscard]] const Entries& entries() const { return entries_; }

 private:
  Entries entries_;
};

}  // namespace weft::control::kube
