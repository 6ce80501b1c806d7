#include "control/model/crd.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

#include "control/model/reader.h"
#include "control/model/schema.h"
#include "control/model/yaml_text.h"
#include "sidecar/core/assert.h"

namespace weft::control {

namespace {

using CrdJson = nlohmann::ordered_json;

constexpr std::string_view kCrdGroup = "weft.dev";
constexpr std::string_view kCrdVersion = "v1alpha1";

// ---- what no reader says: names, columns, status ----

struct CrdOfKind {
  std::string_view kind;
  std::string_view plural;
  bool namespaced;
  std::string_view what;
  std::string_view columns;  // JSON
  std::string_view status;   // of kStatusOfConditions, kStatusOfPolicy
};

// metav1.Condition; its limits are those of the Gateway API.
constexpr std::string_view kStatusConditions = R"({
  "type": "array", "maxItems": 8,
  "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
  "items": {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
      "type": {"type": "string", "maxLength": 316, "minLength": 1},
      "status": {"type": "string", "enum": ["True", "False", "Unknown"]},
      "reason": {"type": "string", "maxLength": 1024, "minLength": 1,
                 "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
      "message": {"type": "string", "maxLength": 32768},
      "lastTransitionTime": {"type": "string", "format": "date-time"},
      "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0}
    }
  }
})";

constexpr std::string_view kStatusOfConditions = R"({
  "type": "object",
  "properties": {"observedGeneration": {"type": "integer", "format": "int64", "minimum": 0}}
})";

// GEP-713: one entry for each target and each controller that has something to say.
constexpr std::string_view kStatusOfPolicy = R"({
  "type": "object",
  "properties": {
    "ancestors": {
      "type": "array", "maxItems": 16, "x-kubernetes-list-type": "atomic",
      "items": {
        "type": "object",
        "required": ["ancestorRef", "controllerName"],
        "properties": {
          "ancestorRef": {
            "type": "object",
            "required": ["name"],
            "properties": {
              "group": {"type": "string", "maxLength": 253},
              "kind": {"type": "string", "maxLength": 63},
              "namespace": {"type": "string", "maxLength": 63},
              "name": {"type": "string", "maxLength": 253, "minLength": 1},
              "sectionName": {"type": "string", "maxLength": 253},
              "port": {"type": "integer", "format": "int32", "minimum": 1, "maximum": 65535}
            }
          },
          "controllerName": {"type": "string", "maxLength": 253, "minLength": 1}
        }
      }
    }
  }
})";

constexpr std::array<CrdOfKind, 3> kCrds = {{
    {"MeshConfig", "meshconfigs", false,
     "MeshConfig: what holds for the whole mesh. There is one, named default.",
     R"([{"name": "Trust Domain", "type": "string", "jsonPath": ".spec.trustDomain"}])",
     kStatusOfConditions},
    {"TrafficPolicy", "trafficpolicies", true,
     "TrafficPolicy: what is wanted of the traffic to Services, through routes, in namespaces: "
     "timeouts, retries, breakers, limits, balancing.",
     R"([{"name": "Target Kind", "type": "string", "jsonPath": ".spec.targetRefs[0].kind"},
         {"name": "Target", "type": "string", "jsonPath": ".spec.targetRefs[0].name"},
         {"name": "Accepted", "type": "string",
          "jsonPath": ".status.ancestors[0].conditions[?(@.type==\"Accepted\")].status"},
         {"name": "Programmed", "type": "string",
          "jsonPath": ".status.ancestors[0].conditions[?(@.type==\"Programmed\")].reason"}])",
     kStatusOfPolicy},
    {"Workload", "workloads", true,
     "Workload: an instance of something that is no Pod: where it is, what it listens on, who it "
     "is.",
     R"([{"name": "Address", "type": "string", "jsonPath": ".spec.address"},
         {"name": "Service Account", "type": "string", "jsonPath": ".spec.serviceAccount"},
         {"name": "Ready", "type": "boolean", "jsonPath": ".spec.ready"}])",
     kStatusOfConditions},
}};

const CrdOfKind* find_crd(std::string_view kind) {
  const auto* found = std::ranges::find(kCrds, kind, &CrdOfKind::kind);
  return found == kCrds.end() ? nullptr : found;
}

CrdJson status_schema(const CrdOfKind& crd) {
  CrdJson status = CrdJson::parse(crd.status);
  const CrdJson conditions = CrdJson::parse(kStatusConditions);
  if (crd.status == kStatusOfPolicy) {
    status["properties"]["ancestors"]["items"]["properties"]["conditions"] = conditions;
  } else {
    status["properties"]["conditions"] = conditions;
  }
  return status;
}

// ---- structural ----

CrdJson structural_schema(const CrdJson& schema);

// Several types are one only as "integer or text", whose other words each speak of one of the two.
CrdJson integer_or_text(const CrdJson& choices) {
  CrdJson out;
  out["x-kubernetes-int-or-string"] = true;
  for (const CrdJson& choice : choices) {
    const CrdJson& type = choice.at("type");
    WEFT_ASSERT(type == "string" || type == "integer");
    for (const auto& [word, value] : choice.items()) {
      if (word != "type") out[word] = value;
    }
  }
  return out;
}

CrdJson structural_map(const CrdJson& schema) {
  CrdJson out = {{"type", "object"}};
  if (const auto more = schema.find("additionalProperties");
      more != schema.end() && more->is_object()) {
    out["additionalProperties"] = structural_schema(*more);
  }
  if (schema.contains("required")) out["required"] = schema["required"];
  if (const auto members = schema.find("properties");
      members != schema.end() && !members->empty()) {
    for (const auto& [key, inside] : members->items())
      out["properties"][key] = structural_schema(inside);
  }
  return out;
}

// Unknown fields are not refused by a structural schema but left out by the API server, which says
// so (and kubectl refuses).
CrdJson structural_schema(const CrdJson& schema) {
  if (schema.is_boolean()) return {{"x-kubernetes-preserve-unknown-fields", true}};
  if (const auto choices = schema.find("anyOf"); choices != schema.end()) {
    return integer_or_text(*choices);
  }
  const std::string type =
      schema.value("type", std::string(schema.contains("enum") ? "string" : ""));
  WEFT_ASSERT(!type.empty());
  CrdJson out = type == "object" ? structural_map(schema) : CrdJson{{"type", type}};
  for (const auto& [word, value] : schema.items()) {
    if (word == "items") {
      out["items"] = structural_schema(value);
    } else if (word != "additionalProperties" && word != "properties" && word != "required") {
      out[word] = value;
    }
  }
  // The cost of a rule is judged by how long a text may be.
  if (type == "string" && !out.contains("enum") && !out.contains("maxLength")) {
    out["maxLength"] = Reader::kTextBytesMax;
  }
  return out;
}

CrdJson schema_of_crd(const CrdOfKind& crd) {
  const CrdJson shape = CrdJson::parse(shape_of(crd.kind));
  CrdJson out = {{"description", crd.what}, {"type", "object"}};
  const CrdJson& required = shape.at("required");
  if (std::ranges::find(required, "spec") != required.end())
    out["required"] = CrdJson::array({"spec"});
  if (shape.contains("x-kubernetes-validations")) {
    out["x-kubernetes-validations"] = shape["x-kubernetes-validations"];
  }
  CrdJson& members = out["properties"];
  // Of these three the API server has schemas of its own.
  members["apiVersion"] = {{"type", "string"}};
  members["kind"] = {{"type", "string"}};
  members["metadata"] = {{"type", "object"}};
  members["spec"] = structural_schema(shape.at("properties").at("spec"));
  members["status"] = status_schema(crd);
  return out;
}

std::string lower_case_kind(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return out;
}

std::string print_crd(const CrdOfKind& crd) {
  CrdJson out;
  out["apiVersion"] = "apiextensions.k8s.io/v1";
  out["kind"] = "CustomResourceDefinition";
  out["metadata"]["name"] = crd_name(crd.kind);
  out["metadata"]["labels"]["app.kubernetes.io/part-of"] = "weft";
  if (crd.status == kStatusOfPolicy) {
    out["metadata"]["labels"]["gateway.networking.k8s.io/policy"] = "Inherited";
  }
  CrdJson& spec = out["spec"];
  spec["group"] = kCrdGroup;
  spec["scope"] = crd.namespaced ? "Namespaced" : "Cluster";
  spec["names"] = {{"kind", crd.kind},
                   {"listKind", std::string(crd.kind) + "List"},
                   {"plural", crd.plural},
                   {"singular", lower_case_kind(crd.kind)},
                   {"categories", CrdJson::array({"weft"})}};
  CrdJson columns = CrdJson::parse(crd.columns);
  columns.push_back(
      CrdJson{{"name", "Age"}, {"type", "date"}, {"jsonPath", ".metadata.creationTimestamp"}});
  spec["versions"].push_back(CrdJson{{"name", kCrdVersion},
                                     {"served", true},
                                     {"storage", true},
                                     {"subresources", {{"status", CrdJson::object()}}},
                                     {"additionalPrinterColumns", std::move(columns)},
                                     {"schema", {{"openAPIV3Schema", schema_of_crd(crd)}}}});
  return "# Written by `weft schema --crd " + std::string(crd.kind) + "`.\n" +
         yaml_text(out.dump());
}

}  // namespace

std::string crd_of(std::string_view kind) {
  if (!kind.empty()) {
    const CrdOfKind* crd = find_crd(kind);
    return crd == nullptr ? std::string() : print_crd(*crd);
  }
  std::string out;
  for (const CrdOfKind& crd : kCrds) out += (out.empty() ? "" : "---\n") + print_crd(crd);
  return out;
}

std::string crd_name(std::string_view kind) {
  const CrdOfKind* crd = find_crd(kind);
  WEFT_ASSERT(crd != nullptr);
  return std::string(crd->plural) + "." + std::string(kCrdGroup);
}

}  // namespace weft::control
