#include "control/model/shape.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

namespace weft::control {

using nlohmann::json;

void Shape::field(std::string_view key, std::string schema) {
  const auto [at, added] = fields_.try_emplace(std::string(key), schema);
  if (!added && schema != shapes::kAnything) at->second = std::move(schema);
}

Shape& Shape::map(std::string_view key) {
  auto& inside = maps_[std::string(key)];
  if (inside == nullptr) inside = std::make_unique<Shape>();
  return *inside;
}

Shape& Shape::list(std::string_view key, std::size_t items_max) {
  List& list = lists_[std::string(key)];
  if (list.item == nullptr) list.item = std::make_unique<Shape>();
  list.items_max = items_max;
  return *list.item;
}

void Shape::rule(std::string_view key, std::string cel, std::string message) {
  std::vector<Rule>& rules = rules_[std::string(key)];
  Rule rule{.cel = std::move(cel), .message = std::move(message)};
  // Some readers are asked twice.
  if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(std::move(rule));
}

std::string Shape::schema() const {
  json properties = json::object();
  for (const auto& [key, schema] : fields_) properties[key] = json::parse(schema);
  for (const auto& [key, inside] : maps_) properties[key] = json::parse(inside->schema());
  for (const auto& [key, list] : lists_) {
    properties[key] = {{"type", "array"},
                       {"maxItems", list.items_max},
                       {"items", json::parse(list.item->schema())}};
  }
  for (const auto& [list, by] : keys_) {
    properties[list]["x-kubernetes-list-type"] = "map";
    properties[list]["x-kubernetes-list-map-keys"] = json::array({by});
  }
  json out = {{"type", "object"}, {"additionalProperties", false}};
  for (const auto& [key, rules] : rules_) {
    json& at = (key.empty() ? out : properties[key])["x-kubernetes-validations"];
    for (const Rule& rule : rules) at.push_back({{"rule", rule.cel}, {"message", rule.message}});
  }
  out["properties"] = std::move(properties);
  if (!required_.empty()) out["required"] = required_;
  return out.dump();
}

namespace shapes {

std::string number(double min, double max, bool whole) {
  json out = {{"type", whole ? "integer" : "number"}};
  if (whole) {
    out["minimum"] = static_cast<std::int64_t>(min);
    out["maximum"] = static_cast<std::int64_t>(max);
  } else {
    out["minimum"] = min;
    out["maximum"] = max;
  }
  return out.dump();
}

std::string percent(double max) {
  const char* pattern = max > 100 ? R"(^[0-9]{1,4}(\.[0-9]{1,16})?%$)"
                                  : R"(^0?(100(\.0{1,16})?|[0-9]{1,2}(\.[0-9]{1,16})?)%$)";
  return json{{"type", "string"}, {"maxLength", 24}, {"pattern", pattern}}.dump();
}

std::string one_of(const std::string& words) {
  json list = json::array();
  for (std::size_t from = 0; from < words.size();) {
    const std::size_t end = std::min(words.find(", ", from), words.size());
    list.push_back(words.substr(from, end - from));
    from = end + 2;
  }
  return json{{"enum", std::move(list)}}.dump();
}

std::string texts(std::size_t items_max) {
  return json{{"type", "array"}, {"maxItems", items_max}, {"items", {{"type", "string"}}}}.dump();
}

}  // namespace shapes

}  // namespace weft::control
