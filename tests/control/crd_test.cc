// The definitions of weft's kinds for Kubernetes: structural, as the readers have it, and in the
// tree as they are printed. An API server's own judgement: tests/interop/kubernetes_schemas.

#include "control/model/crd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "control/model/schema.h"
#include "control/model/yaml_text.h"
#include "sidecar/config/document.h"
#include "tests/support/tree_file.h"

namespace weft::control {
namespace {

using nlohmann::json;

json read_back(const std::string& yaml) {
  const auto documents = config::parse_documents(yaml, "printed.yaml");
  EXPECT_TRUE(documents) << documents.error().detail;
  if (!documents || documents->size() != 1) return {};
  return json::parse(config::to_json(documents->front().root));
}

json crd(std::string_view kind) { return read_back(crd_of(kind)); }

json schema_in(const json& definition) {
  return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

TEST(YamlText, IsReadBackAsItWas) {
  const json written = {
      {"texts",
       {"Off", "yes", "N",    "null", "~",    "",   " a", "a ", "a: b", "# x", "- x", "8", "08",
        "1.5", "1e3", "0x1f", "a\nb", "a\tb", "\"", "'",  "\\", "{}",   "ä",   "/a",  "*", "&a"}},
      {"numbers", {0, -1, 1.5, 4294967296}},
      {"words", {true, false, nullptr}},
      {"nothing", {{"map", json::object()}, {"list", json::array()}}},
      {"nested",
       {{{"a", {1, {2, 3}}}, {"b", {{"c", {{"d", 1}}}}}}, json::array({json::array({1})})}},
      {"Off", "a key"},
      {"8", "another"}};
  EXPECT_EQ(read_back(yaml_text(written.dump())), written) << yaml_text(written.dump());
}

TEST(YamlText, LooksLikeWhatPeopleWrite) {
  EXPECT_EQ(
      yaml_text(R"({"kind":"A","on":"off","list":[{"a":1,"b":["x","z"]},{}],"map":{"c":{}}})"),
      "kind: A\n\"on\": \"off\"\nlist:\n- a: 1\n  b:\n  - x\n  - z\n- {}\nmap:\n  c: {}\n");
}

TEST(Crd, TheTreeHasWhatIsPrinted) {
  for (const std::string& kind : kinds_with_schema()) {
    const std::string file = crd_name(kind) + ".yaml";
    weft::testing::expect_in_tree("k8s/crds/" + file, crd_of(kind));
    weft::testing::expect_in_tree("k8s/helm/weft/crds/" + file, crd_of(kind));
  }
}

TEST(Crd, ThereIsOneOfEachKindWithASchema) {
  std::string all;
  for (const std::string& kind : kinds_with_schema()) {
    all += (all.empty() ? "" : "---\n") + crd_of(kind);
    EXPECT_EQ(crd(kind)["metadata"]["name"], crd_name(kind));
    EXPECT_EQ(crd(kind)["spec"]["names"]["kind"], kind);
  }
  EXPECT_EQ(crd_of(""), all);
  EXPECT_EQ(crd_of("Service"), "");
}

// KEP-1693: what a structural schema may say and must say.
class StructuralJudge {
 public:
  [[nodiscard]] std::string problems() const { return problems_; }

  void judge(const json& schema, const std::string& path) {
    static const std::set<std::string> kWords = {"type",
                                                 "format",
                                                 "description",
                                                 "properties",
                                                 "additionalProperties",
                                                 "required",
                                                 "items",
                                                 "enum",
                                                 "pattern",
                                                 "minimum",
                                                 "maximum",
                                                 "minItems",
                                                 "maxItems",
                                                 "minLength",
                                                 "maxLength",
                                                 "x-kubernetes-int-or-string",
                                                 "x-kubernetes-preserve-unknown-fields",
                                                 "x-kubernetes-list-type",
                                                 "x-kubernetes-list-map-keys",
                                                 "x-kubernetes-validations"};
    for (const auto& [word, value] : schema.items()) {
      if (!kWords.contains(word)) say(path, "no word of a structural schema: " + word);
    }
    const bool typed = schema.contains("type") && schema["type"].is_string();
    if (typed == schema.contains("x-kubernetes-int-or-string")) say(path, "has no type, or two");
    if (schema.contains("properties") && schema.contains("additionalProperties")) {
      say(path, "properties exclude additionalProperties");
    }
    judge_rules(schema, path);
    judge_keys(schema, path);
    const json properties = schema.value("properties", json::object());
    for (const auto& [key, inside] : properties.items()) {
      judge(inside, path + "." + key);
    }
    if (schema.value("type", "") == "array") judge(schema["items"], path + "[]");
    if (schema.contains("additionalProperties")) judge(schema["additionalProperties"], path + ".*");
  }

 private:
  void say(const std::string& path, const std::string& what) {
    problems_ += path + ": " + what + "\n";
  }
  void judge_rules(const json& schema, const std::string& path) {
    for (const json& rule : schema.value("x-kubernetes-validations", json::array())) {
      const std::string cel = rule.value("rule", "");
      const std::string message = rule.value("message", "");
      if (cel.empty() || message.empty()) say(path, "a rule has CEL and a message");
      if (message.find('\n') != std::string::npos) say(path, "a message is one line");
      if (std::count(cel.begin(), cel.end(), '(') != std::count(cel.begin(), cel.end(), ')')) {
        say(path, "brackets: " + cel);
      }
    }
  }
  void judge_keys(const json& schema, const std::string& path) {
    for (const json& key : schema.value("x-kubernetes-list-map-keys", json::array())) {
      const json items = schema.value("items", json::object());
      const json required = items.value("required", json::array());
      if (std::find(required.begin(), required.end(), key) == required.end()) {
        say(path, "a key of a list is a required field");
      }
    }
  }
  std::string problems_;
};

TEST(Crd, SchemasAreStructural) {
  for (const std::string& kind : kinds_with_schema()) {
    StructuralJudge judge;
    judge.judge(schema_in(crd(kind)), kind);
    EXPECT_EQ(judge.problems(), "");
  }
}

TEST(Crd, TheJudgeOfSchemasCanSayNo) {
  StructuralJudge judge;
  judge.judge(json::parse(R"({"type": "object", "oneOf": [], "additionalProperties": {},
                              "properties": {"a": {"enum": ["x"]}}})"),
              "");
  EXPECT_NE(judge.problems(), "");
}

TEST(Crd, SaysWhatTheReaderSays) {
  const json spec = schema_in(crd("TrafficPolicy"))["properties"]["spec"];
  EXPECT_EQ(spec["required"], json{"targetRefs"});
  const json& fields = spec["properties"];
  EXPECT_EQ(fields["retry"]["properties"]["attempts"],
            (json{{"type", "integer"}, {"minimum", 0}, {"maximum", 10}}));
  EXPECT_EQ(fields["retry"]["properties"]["bufferLimit"]["x-kubernetes-int-or-string"], true);
  EXPECT_EQ(fields["circuitBreaker"]["properties"]["preset"]["enum"][0], "Off");
  EXPECT_EQ(fields["faults"]["x-kubernetes-list-map-keys"], json{"name"});
  const json& connect = fields["timeouts"]["properties"]["connect"];
  EXPECT_EQ(connect["x-kubernetes-validations"][0]["message"], "want 1ms to 1h");
  // A route shares its destinations with others: none of their fields is for it.
  std::string of_routes;
  for (const json& rule : spec["x-kubernetes-validations"])
    of_routes += rule["rule"].get<std::string>();
  EXPECT_NE(of_routes.find("(has(self.inbound) && has(self.inbound.limits) && "
                           "has(self.inbound.limits.pendingTimeout))"),
            std::string::npos);
  EXPECT_EQ(of_routes.find("has(self.timeouts.request)"), std::string::npos);
}

TEST(Crd, RulesAreNoneOfTheJsonSchemas) {
  for (const std::string& kind : kinds_with_schema()) {
    EXPECT_EQ(schema_of(kind).find("x-kubernetes"), std::string::npos);
    EXPECT_NE(shape_of(kind).find("x-kubernetes-validations"), std::string::npos);
  }
}

TEST(Crd, PoliciesAreMarkedAsInheritedOnes) {
  EXPECT_EQ(crd("TrafficPolicy")["metadata"]["labels"]["gateway.networking.k8s.io/policy"],
            "Inherited");
  EXPECT_EQ(crd("MeshConfig")["spec"]["scope"], "Cluster");
  EXPECT_EQ(crd("Workload")["spec"]["scope"], "Namespaced");
  EXPECT_TRUE(crd("Workload")["spec"]["versions"][0]["subresources"].contains("status"));
}

}  // namespace
}  // namespace weft::control
