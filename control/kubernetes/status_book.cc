#include "control/kubernetes/status_book.h"

#include <utility>

#include "control/kubernetes/istio_status.h"
#include "control/route_status.h"

namespace weft::control::kube {

StatusShape status_shape_of(Kind kind) {
  switch (kind) {
    case Kind::kHttpRoute:
    case Kind::kGrpcRoute:
    case Kind::kTlsRoute:
    case Kind::kTcpRoute:
      return StatusShape::kParents;
    case Kind::kTrafficPolicy:
    case Kind::kBackendTrafficPolicy:
    case Kind::kBackendTlsPolicy:
      return StatusShape::kAncestors;
    case Kind::kMeshConfig:
      return StatusShape::kConditions;
    case Kind::kService:
    case Kind::kWorkload:
    case Kind::kReferenceGrant:
    case Kind::kConfigMap:
      return StatusShape::kNone;
    case Kind::kVirtualService:
    case Kind::kDestinationRule:
      return StatusShape::kIstio;
  }
  return StatusShape::kNone;
}

bool is_booked(Kind kind) { return status_shape_of(kind) != StatusShape::kNone; }

bool is_our_entry(const Json& entry) {
  return text_at(entry, {"controllerName"}) == kControllerName;
}

namespace {

void read_istio_status(const Json& object, HeldStatus& held) {
  Json ours = {{"conditions", Json::array()}, {"messages", Json::array()}};
  Json others = ours;
  for (const Json& one : list_at(object, {"status", "conditions"})) {
    (is_our_istio_condition(one) ? ours : others)["conditions"].push_back(one);
  }
  for (const Json& one : list_at(object, {"status", "validationMessages"})) {
    (is_our_istio_message(one) ? ours : others)["messages"].push_back(one);
  }
  if (const Json* seen = find(object, {"status", "observedGeneration"})) {
    ours["observedGeneration"] = *seen;
  }
  held.ours = print_json(ours);
  held.others = print_json(others);
}

}  // namespace

std::optional<HeldStatus> read_held_status(Kind kind, const Json& object, std::string api_version) {
  if (!is_booked(kind)) return std::nullopt;
  const StatusShape shape = status_shape_of(kind);
  HeldStatus held{.api_version = std::move(api_version),
                  .uid = text_at(object, {"metadata", "uid"}),
                  .resource_version = text_at(object, {"metadata", "resourceVersion"})};
  if (held.resource_version.empty()) return std::nullopt;
  const Json* generation = find(object, {"metadata", "generation"});
  if (generation != nullptr && generation->is_number_integer()) {
    held.generation = generation->get<std::int64_t>();
  }
  if (shape == StatusShape::kConditions) {
    const Json* status = find(object, {"status"});
    held.ours = status == nullptr || !status->is_object() ? "{}" : print_json(*status);
  } else if (shape == StatusShape::kIstio) {
    read_istio_status(object, held);
  } else if (shape != StatusShape::kNone) {
    Json ours = Json::array();
    Json others = Json::array();
    const char* list = shape == StatusShape::kParents ? "parents" : "ancestors";
    for (const Json& entry : list_at(object, {"status", list})) {
      (is_our_entry(entry) ? ours : others).push_back(entry);
    }
    held.ours = print_json(ours);
    held.others = print_json(others);
    held.targets = print_json(list_at(object, {"spec", "targetRefs"}));
  }
  if (held.others.size() > kForeignStatusBytesMax || held.targets.size() > kForeignStatusBytesMax) {
    return std::nullopt;
  }
  return held;
}

const HeldStatus* StatusBook::entry(const ObjectKey& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

}  // namespace weft::control::kube
