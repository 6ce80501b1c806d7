// YAML and JSON as people and control planes write it.
//
// A refusal says where, in one printable line. What is read keeps its limits, has no key twice, and
// written as JSON means the same again.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>

#include "sidecar/config/document.h"

namespace {

using weft::config::Document;
using weft::config::DocumentLimits;
using weft::config::Value;

constexpr DocumentLimits kLimits{.bytes_max = 64 * 1024, .depth_max = 16, .values_max = 4096};

void require(bool holds) {
  if (!holds) std::abort();
}

void is_one_line(std::string_view text) {
  require(text.starts_with("fuzz.yaml:"));
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

std::size_t keeps_the_rules(const Value& value, std::size_t depth) {
  require(value.position().line > 0 && value.position().column > 0);
  require(depth <= kLimits.depth_max);
  (void)value.as_bool();
  (void)value.as_int();
  (void)value.as_double();
  require(value.as_string().has_value() == value.is_scalar());
  std::size_t values = 1;
  for (const Value& item : value.items()) values += keeps_the_rules(item, depth + 1);
  std::set<std::string_view> keys;
  for (const Value::Member& member : value.members()) {
    require(keys.insert(member.key).second);
    require(value.find(member.key) == &member.value);
    values += 1 + keeps_the_rules(member.value, depth + 1);
  }
  return values;
}

void means_the_same_as_json(const Value& value) {
  const std::string json = weft::config::to_json(value);
  const auto again = weft::config::parse_documents(json, "json");
  require(again.has_value());
  if (value.is_null()) return;
  require(again->size() == 1);
  require(weft::config::to_json(again->front().root) == json);
}

// Read apart, as a directory's files are.
void is_the_same_one_by_one(std::string_view text, const std::vector<Document>& documents) {
  if (text.find('%') != std::string_view::npos) return;  // a directive belongs to what follows it
  const auto each = weft::config::parse_each_document(text, "fuzz.yaml", kLimits);
  require(each.size() == documents.size());
  for (std::size_t i = 0; i < each.size(); ++i) {
    require(each[i].has_value());
    require(weft::config::to_json(each[i]->root) == weft::config::to_json(documents[i].root));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = weft::config::parse_documents(text, "fuzz.yaml", kLimits);
  if (!documents) {
    is_one_line(documents.error().detail);
    for (const auto& one : weft::config::parse_each_document(text, "fuzz.yaml", kLimits)) {
      if (!one) is_one_line(one.error().detail);
    }
    return 0;
  }
  std::size_t values = 0;
  for (const Document& document : *documents) {
    values += keeps_the_rules(document.root, 0);
    means_the_same_as_json(document.root);
  }
  require(values <= documents->size() * kLimits.values_max);
  is_the_same_one_by_one(text, *documents);
  return 0;
}
