#include "control/model/schema.h"

#include <array>
#include <nlohmann/json.hpp>

#include "control/model/mesh_config.h"
#include "control/model/traffic_policy.h"
#include "control/model/workload.h"

namespace weft::control {

namespace {

using nlohmann::json;

constexpr const char* kDraft = "https://json-schema.org/draft/2020-12/schema";
constexpr const char* kOurs = "weft.dev/v1alpha1";

struct KindReader {
  std::string_view kind;
  void (*read)(Reader& document);
};
constexpr std::array<KindReader, 3> kReaders = {{
    {"MeshConfig", [](Reader& document) { (void)read_mesh_config(document); }},
    {"TrafficPolicy", [](Reader& document) { (void)read_traffic_policy(document); }},
    {"Workload", [](Reader& document) { (void)read_workload(document); }},
}};

// JSON Schema has no words for rules between fields.
void leave_out_kubernetes(json& schema) {
  if (schema.is_object()) {
    for (const char* word :
         {"x-kubernetes-validations", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"}) {
      schema.erase(word);
    }
  }
  for (json& inside : schema) {
    if (inside.is_structured()) leave_out_kubernetes(inside);
  }
}

json shape_of_kind(const KindReader& kind) {
  Shape shape;
  {
    Mistakes nobody_s("");
    Reader document(shape, nobody_s);
    for (const char* key : {"apiVersion", "kind"}) document.require(key);
    kind.read(document);
  }
  return json::parse(shape.schema());
}

json describe_kind(const KindReader& kind) {
  json schema = shape_of_kind(kind);
  leave_out_kubernetes(schema);
  schema["title"] = kind.kind;
  schema["properties"]["apiVersion"] = {{"const", kOurs}};
  schema["properties"]["kind"] = {{"const", kind.kind}};
  return schema;
}

}  // namespace

std::vector<std::string> kinds_with_schema() {
  std::vector<std::string> out;
  for (const KindReader& one : kReaders) out.emplace_back(one.kind);
  return out;
}

std::string schema_of(std::string_view kind) {
  json schema;
  for (const KindReader& one : kReaders) {
    if (kind.empty()) {
      schema["oneOf"].push_back(describe_kind(one));
    } else if (kind == one.kind) {
      schema = describe_kind(one);
    }
  }
  if (schema.is_null()) return {};
  schema["$schema"] = kDraft;
  return schema.dump(2) + "\n";
}

std::string shape_of(std::string_view kind) {
  for (const KindReader& one : kReaders) {
    if (kind == one.kind) return shape_of_kind(one).dump();
  }
  return {};
}

}  // namespace weft::control
