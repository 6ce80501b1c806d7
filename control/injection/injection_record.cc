#include "control/injection/injection_record.h"

#include <algorithm>

#include "control/injection/pod_wishes.h"

namespace weft::control::injection {

namespace {

constexpr const char* kAnnotationsPath = "/metadata/annotations";

void erase_named(Json& spec, const char* list, const Json& names) {
  const auto found = spec.find(list);
  if (found == spec.end() || !found->is_array()) return;
  Json left = Json::array();
  for (Json& part : *found) {
    const bool ours = std::ranges::any_of(names, [&](const Json& name) {
      return name.is_string() && part.is_object() &&
             name_of_part(part) == name.get_ref<const std::string&>();
    });
    if (!ours) left.push_back(std::move(part));
  }
  *found = std::move(left);
}

}  // namespace

Result<std::optional<InjectionRecord>> InjectionRecord::read(const Json& pod) {
  const Json* annotation =
      member(member(member(&pod, "metadata"), "annotations"), kStatusAnnotation);
  if (annotation == nullptr) return std::nullopt;
  InjectionRecord out;
  out.record_ = parse_json(text_of(annotation));
  const auto is = [&](const char* key, Json::value_t type) {
    const Json* found = member(&out.record_, key);
    return found != nullptr && found->type() == type;
  };
  if (!is("revision", Json::value_t::string) || !is("annotations", Json::value_t::object) ||
      !is("containers", Json::value_t::array) || !is("made", Json::value_t::object) ||
      !is("volumes", Json::value_t::array)) {
    return fail(Fault::kInvalid,
                std::string(kStatusAnnotation) + ": is weft's own and cannot be read");
  }
  return out;
}

Json& InjectionRecord::make(Json& pod, const std::string& path, bool list) {
  Json* at = &pod;
  const Json::json_pointer pointer(path);
  const std::string key = pointer.back();
  const std::string parent = pointer.parent_pointer().to_string();
  at = parent.empty() ? &pod : &pod[pointer.parent_pointer()];
  const auto found = at->find(key);
  if (found != at->end() && !found->is_null()) return *found;
  record_["made"][path] = found == at->end() ? "absent" : "null";
  (*at)[key] = list ? Json::array() : Json::object();
  return (*at)[key];
}

void InjectionRecord::set_annotation(Json& pod, const std::string& key, const std::string& value) {
  make(pod, "/metadata", false);
  Json& annotations = make(pod, kAnnotationsPath, false);
  const auto found = annotations.find(key);
  record_["annotations"][key] = found == annotations.end() ? Json() : *found;
  annotations[key] = value;
}

void InjectionRecord::write(Json& pod) {
  make(pod, "/metadata", false);
  make(pod, kAnnotationsPath, false)[kStatusAnnotation] = print_json(record_);
}

void InjectionRecord::undo(Json& pod) const {
  Json& spec = pod["spec"];
  for (const char* list : {"initContainers", "containers"})
    erase_named(spec, list, record_.at("containers"));
  erase_named(spec, "volumes", record_.at("volumes"));
  Json& annotations = pod["metadata"]["annotations"];
  annotations.erase(kStatusAnnotation);
  for (const auto& [key, before] : record_.at("annotations").items()) {
    if (before.is_null()) {
      annotations.erase(key);
    } else {
      annotations[key] = before;
    }
  }
  // What was made goes when nobody else has put anything in; the inner ones first.
  for (const char* path :
       {kAnnotationsPath, "/metadata", "/spec/initContainers", "/spec/volumes"}) {
    const Json* made = member(&record_.at("made"), path);
    const Json::json_pointer pointer(path);
    Json& parent = pod[pointer.parent_pointer()];
    if (made == nullptr || !parent.is_object()) continue;
    const auto found = parent.find(pointer.back());
    if (found == parent.end() || !found->empty()) continue;
    if (*made == "null") {
      *found = nullptr;
    } else {
      parent.erase(found);
    }
  }
}

}  // namespace weft::control::injection
