#pragma once
// InjectionRecord: the status annotation: what was put into a pod, in a form that takes it out
// again.
//
// {"revision":…,"version":…,"mode":"native","containers":[names],"volumes":[names],
//  "annotations":{key: what it was, null: absent},"made":{"/spec/volumes": what stood there before
// the list or map was made: "absent" or "null"}}

#include <optional>
#include <string>

#include "control/json.h"
#include "sidecar/core/result.h"

namespace weft::control::injection {

class InjectionRecord final {
 public:
  InjectionRecord() = default;
  // Nothing: the pod has none. kInvalid: it cannot be read.
  [[nodiscard]] static Result<std::optional<InjectionRecord>> read(const Json& pod);

  // The list or map at "/spec/volumes" of the pod, made and noted where it is missing.
  Json& make(Json& pod, const std::string& path, bool list);
  void set_annotation(Json& pod, const std::string& key, const std::string& value);
  void note_container(std::string_view name) { record_["containers"].push_back(name); }
  void note_volume(std::string_view name) { record_["volumes"].push_back(name); }
  void note(const char* key, const std::string& value) { record_[key] = value; }

  // Writes itself into the pod, the last thing that is done.
  void write(Json& pod);
  // Takes everything out again, the probes apart.
  void undo(Json& pod) const;

  [[nodiscard]] std::string revision() const { return text_of(member(&record_, "revision")); }
  [[nodiscard]] std::string version() const { return text_of(member(&record_, "version")); }

 private:
  Json record_ = {{"annotations", Json::object()},
                  {"containers", Json::array()},
                  {"made", Json::object()},
                  {"volumes", Json::array()}};
};

}  // namespace weft::control::injection
