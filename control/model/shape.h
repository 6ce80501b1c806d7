#pragma once
// Shape: what one map of a kind may hold, as its reader asked for it; the source of the JSON
// Schemas that are published.
//
// A Reader that describes instead of reading (reader.h) writes down every field it is asked for, so
// a schema cannot say anything else than the code that validates. Limits between fields have no
// JSON Schema; as rules (CEL) they are Kubernetes' to keep. Pure. Source: JSON Schema draft
// 2020-12; Kubernetes' x-kubernetes-validations, x-kubernetes-list-type.

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weft::control {

class Shape final {
 public:
  // A field of that schema, JSON text; "true" (anything) never replaces what is known already.
  void field(std::string_view key, std::string schema);
  void require(std::string_view key) { required_.emplace(key); }
  // A map, a list of at most `items_max` maps; the same one for the same key.
  [[nodiscard]] Shape& map(std::string_view key);
  [[nodiscard]] Shape& list(std::string_view key, std::size_t items_max);

  // What holds of this map, or of one field of it, and what to say when it does not.
  void rule(std::string_view key, std::string cel, std::string message);
  // The items of a list, told apart by one of their fields.
  void keyed(std::string_view list, std::string_view by) { keys_[std::string(list)] = by; }

  // An object's schema: {"type": "object", "properties": …, "additionalProperties": false}, with
  // rules and keys under the words of Kubernetes ("x-kubernetes-…").
  [[nodiscard]] std::string schema() const;

 private:
  struct List {
    std::unique_ptr<Shape> item;
    std::size_t items_max = 0;
  };
  std::map<std::string, std::string, std::less<>> fields_;
  std::map<std::string, std::unique_ptr<Shape>, std::less<>> maps_;
  struct Rule {
    std::string cel;
    std::string message;
    bool operator==(const Rule&) const = default;
  };
  std::map<std::string, List, std::less<>> lists_;
  std::map<std::string, std::vector<Rule>, std::less<>> rules_;  // "": of this map
  std::map<std::string, std::string, std::less<>> keys_;
  std::set<std::string> required_;
};

// ---- schemas of values, JSON text ----

namespace shapes {
inline constexpr std::string_view kAnything = "true";
inline constexpr std::string_view kText = R"({"type":"string"})";
inline constexpr std::string_view kBoolean = R"({"type":"boolean"})";
// Gateway API durations.
inline constexpr std::string_view kDuration =
    R"({"type":"string","maxLength":28,"pattern":"^([0-9]{1,5}(h|m|s|ms)){1,4}$"})";
// Up to `max` %, as far as a pattern can say it.
[[nodiscard]] std::string percent(double max);
inline constexpr std::string_view kTextMap =
    R"({"type":"object","additionalProperties":{"type":"string"}})";
[[nodiscard]] std::string number(double min, double max, bool whole);
[[nodiscard]] std::string one_of(const std::string& words);  // "Off, Standard"
[[nodiscard]] std::string texts(std::size_t items_max);
}  // namespace shapes

}  // namespace weft::control
