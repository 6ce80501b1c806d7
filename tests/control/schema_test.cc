// The published schemas say what the readers accept.

#include "control/model/schema.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "control/model/policy_fields.h"

namespace weft::control {
namespace {

using nlohmann::json;

json schema(std::string_view kind) { return json::parse(schema_of(kind)); }

TEST(Schema, OfAPolicyHasEveryFieldThereIs) {
  const json spec = schema("TrafficPolicy")["properties"]["spec"];
  const PolicyFields none;
  each_policy_field(
      [&](const PolicyField& field, const auto&) {
        json at = spec;
        std::string_view rest = field.name;
        while (!rest.empty()) {
          const std::size_t dot = std::min(rest.find('.'), rest.size());
          const std::string key(rest.substr(0, dot));
          ASSERT_TRUE(at["properties"].contains(key)) << field.name;
          at = at["properties"][key];
          rest.remove_prefix(std::min(dot + 1, rest.size()));
        }
        EXPECT_TRUE(at.is_object() && !at.empty()) << field.name << " may be anything";
      },
      none);
}

TEST(Schema, SaysTypesChoicesAndLimits) {
  const json policy = schema("TrafficPolicy");
  EXPECT_EQ(policy["$schema"], "https://json-schema.org/draft/2020-12/schema");
  EXPECT_EQ(policy["properties"]["kind"]["const"], "TrafficPolicy");
  EXPECT_EQ(policy["required"], (json{"apiVersion", "kind", "metadata", "spec"}));
  const json& spec = policy["properties"]["spec"];
  EXPECT_EQ(spec["additionalProperties"], false);
  EXPECT_EQ(spec["required"], json{"targetRefs"});
  EXPECT_EQ(spec["properties"]["targetRefs"]["maxItems"], 16);
  EXPECT_EQ(spec["properties"]["retry"]["properties"]["attempts"],
            (json{{"type", "integer"}, {"minimum", 0}, {"maximum", 10}}));
  EXPECT_EQ(spec["properties"]["retry"]["properties"]["methods"]["enum"],
            (json{"Idempotent", "Any"}));
  EXPECT_EQ(spec["properties"]["circuitBreaker"]["properties"]["slowCalls"]["required"],
            (json{"ratio", "threshold"}));
  EXPECT_FALSE(spec["properties"].contains("hedge")) << "not supported yet";
}

TEST(Schema, OfADocumentIsOneOfAllKinds) {
  EXPECT_EQ(schema("")["oneOf"].size(), kinds_with_schema().size());
  for (const std::string& kind : kinds_with_schema()) {
    EXPECT_EQ(schema(kind)["title"], kind);
    EXPECT_TRUE(schema(kind)["properties"]["metadata"]["properties"].contains("annotations"));
  }
  EXPECT_EQ(schema_of("Service"), "");
}

}  // namespace
}  // namespace weft::control
