#include "control/json.h"

namespace weft::control {

const Json* member(const Json* value, std::string_view key) {
  if (value == nullptr || !value->is_object()) return nullptr;
  const auto found = value->find(key);
  return found == value->end() || found->is_null() ? nullptr : &*found;
}

std::string text_of(const Json* value) {
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

bool is_true(const Json* value) {
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

const Json& list_of(const Json* value) {
  static const Json kNone = Json::array();
  return value != nullptr && value->is_array() ? *value : kNone;
}

std::string name_of_part(const Json& value) { return text_of(member(&value, "name")); }

const Json* find(const Json& value, std::initializer_list<const char*> path) {
  const Json* at = &value;
  for (const char* key : path) at = member(at, key);
  return at;
}

std::string text_at(const Json& value, std::initializer_list<const char*> path) {
  return text_of(find(value, path));
}

bool flag_at(const Json& value, std::initializer_list<const char*> path, bool otherwise) {
  const Json* at = find(value, path);
  return at != nullptr && at->is_boolean() ? at->get<bool>() : otherwise;
}

const Json& list_at(const Json& value, std::initializer_list<const char*> path) {
  return list_of(find(value, path));
}

Json parse_json(std::string_view text) {
  if (text.size() > kJsonBytesMax) return Json(Json::value_t::discarded);
  bool too_deep = false;
  // What is too deep is dropped while it is read: nothing later recurses further than the limit.
  Json value = Json::parse(
      text,
      [&](int depth, Json::parse_event_t event, Json&) {
        const bool opens =
            event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
        if (opens && depth >= kJsonDepthMax) too_deep = true;
        return !too_deep;
      },
      false);
  return too_deep ? Json(Json::value_t::discarded) : value;
}

std::string print_json(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::control
