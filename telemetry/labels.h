#pragma once
// Labels: texts and sets of texts that name things in metrics, logs and spans, as small numbers
// fixed before a request comes.
//
// A request carries three numbers instead of thirteen strings: who asked (PeerId), who answered
// (PeerId) and which Service was meant (ServiceId). Interning takes a lock: at configuration time,
// or once per connection, never per request. Looking up what a number means takes none.
// Process-wide; nothing is ever forgotten, so everything is bounded: 65,536 texts of at most
// kLabelBytesMax, and as many sets; what comes later, or is too long, is "other" (schemas.md
// section 2).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "telemetry/interner.h"

namespace weft::telemetry {

enum class LabelId : std::uint32_t { kUnknown = 0, kEmpty = 1, kOther = 2 };
inline constexpr std::size_t kLabelBytesMax = 2048;  // the longest SPIFFE ID

[[nodiscard]] LabelId intern(std::string_view text, Origin origin = Origin::kConfiguration);
[[nodiscard]] std::string_view text_of(LabelId id);

// One side of a request: the labels source_… or destination_… .
struct PeerLabels {
  LabelId workload = LabelId::kUnknown;
  LabelId workload_namespace = LabelId::kUnknown;
  LabelId canonical_service = LabelId::kUnknown;
  LabelId canonical_revision = LabelId::kUnknown;
  LabelId principal = LabelId::kUnknown;  // the verified SPIFFE ID
  bool operator==(const PeerLabels&) const = default;
};
enum class PeerId : std::uint32_t { kUnknown = 0, kOther = 1 };

[[nodiscard]] PeerId intern_peer(const PeerLabels& labels, Origin origin = Origin::kConfiguration);
[[nodiscard]] const PeerLabels& labels_of(PeerId id);

// The Service that was asked for: destination_service (its host), _service_name,
// _service_namespace.
struct ServiceLabels {
  LabelId host = LabelId::kUnknown;
  LabelId name = LabelId::kUnknown;
  LabelId name_space = LabelId::kUnknown;
  bool operator==(const ServiceLabels&) const = default;
};
enum class ServiceId : std::uint32_t { kUnknown = 0, kOther = 1 };

[[nodiscard]] ServiceId intern_service(const ServiceLabels& labels,
                                       Origin origin = Origin::kConfiguration);
[[nodiscard]] const ServiceLabels& labels_of(ServiceId id);

// How many texts and sets became "other" because there was no room.
[[nodiscard]] std::uint64_t label_overflows();

}  // namespace weft::telemetry
