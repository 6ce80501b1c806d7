#include "telemetry/labels.h"

#include <string>

#include "sidecar/core/strings.h"

namespace weft::telemetry {
namespace {

std::uint64_t mix(std::uint64_t h, LabelId id) {
  h = (h ^ static_cast<std::uint64_t>(id)) * 0x9e3779b97f4a7c15U;
  return h ^ (h >> 29);
}

struct PeerHash {
  std::size_t operator()(const PeerLabels& p) const {
    return mix(mix(mix(mix(mix(0, p.workload), p.workload_namespace), p.canonical_service),
                   p.canonical_revision),
               p.principal);
  }
};

struct ServiceHash {
  std::size_t operator()(const ServiceLabels& s) const {
    return mix(mix(mix(0, s.host), s.name), s.name_space);
  }
};

// Made on first use and kept until the process ends: threads that outlive main's statics may still
// ask for a text.
struct Tables {
  Interner<std::string, std::string_view, TextHash> texts{
      1U << 16, static_cast<std::uint32_t>(LabelId::kOther)};
  Interner<PeerLabels, PeerLabels, PeerHash> peers{1U << 16,
                                                   static_cast<std::uint32_t>(PeerId::kOther)};
  Interner<ServiceLabels, ServiceLabels, ServiceHash> services{
      1U << 16, static_cast<std::uint32_t>(ServiceId::kOther)};
  std::atomic<std::uint64_t> too_long{0};

  Tables() {
    constexpr LabelId kOther = LabelId::kOther;
    constexpr Origin kOurs = Origin::kConfiguration;
    WEFT_ASSERT(texts.intern("unknown", kOurs) == static_cast<std::uint32_t>(LabelId::kUnknown));
    WEFT_ASSERT(texts.intern("", kOurs) == static_cast<std::uint32_t>(LabelId::kEmpty));
    WEFT_ASSERT(texts.intern("other", kOurs) == static_cast<std::uint32_t>(LabelId::kOther));
    WEFT_ASSERT(peers.intern({}, kOurs) == static_cast<std::uint32_t>(PeerId::kUnknown));
    WEFT_ASSERT(peers.intern({kOther, kOther, kOther, kOther, kOther}, kOurs) ==
                static_cast<std::uint32_t>(PeerId::kOther));
    WEFT_ASSERT(services.intern({}, kOurs) == static_cast<std::uint32_t>(ServiceId::kUnknown));
    WEFT_ASSERT(services.intern({kOther, kOther, kOther}, kOurs) ==
                static_cast<std::uint32_t>(ServiceId::kOther));
  }
};

Tables& tables() {
  static Tables* const made = new Tables;  // reachable for ever, so not a leak
  return *made;
}

}  // namespace

LabelId intern(std::string_view text, Origin origin) {
  if (text.size() > kLabelBytesMax) {
    tables().too_long.fetch_add(1, std::memory_order_relaxed);
    return LabelId::kOther;
  }
  return static_cast<LabelId>(tables().texts.intern(text, origin));
}

std::string_view text_of(LabelId id) { return tables().texts.at(static_cast<std::uint32_t>(id)); }

PeerId intern_peer(const PeerLabels& labels, Origin origin) {
  return static_cast<PeerId>(tables().peers.intern(labels, origin));
}

const PeerLabels& labels_of(PeerId id) { return tables().peers.at(static_cast<std::uint32_t>(id)); }

ServiceId intern_service(const ServiceLabels& labels, Origin origin) {
  return static_cast<ServiceId>(tables().services.intern(labels, origin));
}

const ServiceLabels& labels_of(ServiceId id) {
  return tables().services.at(static_cast<std::uint32_t>(id));
}

std::uint64_t label_overflows() {
  return tables().texts.overflows() + tables().peers.overflows() + tables().services.overflows() +
         tables().too_long.load(std::memory_order_relaxed);
}

}  // namespace weft::telemetry
