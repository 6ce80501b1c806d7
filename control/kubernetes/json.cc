#include "control/kubernetes/json.h"

#include <algorithm>
#include <array>
#include <span>

namespace weft::control::kube {

namespace {

// Of Pods, which are many and long: what stands in a spec or status, and in one of its containers.
constexpr std::array<std::string_view, 4> kUnusedInSpec = {"volumes", "tolerations", "affinity",
                                                           "containerStatuses"};
constexpr std::array<std::string_view, 12> kUnusedInContainer = {
    "env",       "envFrom",         "volumeMounts",  "volumeDevices",  "command",      "args",
    "resources", "securityContext", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle"};
constexpr std::string_view kLastApplied = "kubectl.kubernetes.io/last-applied-configuration";

bool is_among(std::span<const std::string_view> names, const Json& key) {
  return std::ranges::find(names, key.get_ref<const std::string&>()) != names.end();
}

// Decides while the text is read what of an object is kept. `base`: at which depth the parser sees
// the object's own keys.
class Keeping final {
 public:
  explicit Keeping(int base) : base_(base) {}

  [[nodiscard]] bool keep(int depth, Json::parse_event_t event, const Json& parsed) {
    using Event = Json::parse_event_t;
    if (event == Event::object_start || event == Event::array_start) {
      return depth < base_ + kObjectDepthMax;
    }
    if (event != Event::key) return true;
    if (depth <= base_ + 1) {
      in_containers_ = depth == base_ + 1 && (parsed == "containers" || parsed == "initContainers");
    }
    if (depth == base_ + 1) return parsed != "managedFields" && !is_among(kUnusedInSpec, parsed);
    if (depth == base_ + 2 && parsed == kLastApplied) return false;
    return !(in_containers_ && depth == base_ + 3 && is_among(kUnusedInContainer, parsed));
  }

 private:
  const int base_;
  bool in_containers_ = false;
};

}  // namespace

ObjectName name_in(const Json& object) {
  ObjectName name{.name_space = text_at(object, {"metadata", "namespace"}),
                  .name = text_at(object, {"metadata", "name"})};
  const bool good = !name.name.empty() && check_object_name(name.name).empty() &&
                    (name.name_space.empty() || check_label_name(name.name_space).empty());
  return good ? name : ObjectName();
}

Json parse_object(std::string_view text) {
  // An event's object stands one level down, as the members of a list do.
  Keeping keeping(2);
  return Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json& parsed) {
        return keeping.keep(depth, event, parsed);
      },
      false);
}

Json parse_list(std::string_view text, const std::function<void(Json&&)>& take) {
  Keeping keeping(3);
  bool in_items = false;
  return Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (event == Json::parse_event_t::key && depth == 1) in_items = parsed == "items";
        if (in_items && depth == 2 && event == Json::parse_event_t::object_end) {
          take(std::move(parsed));
          return false;
        }
        return keeping.keep(depth, event, parsed);
      },
      false);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace weft::control::kube
