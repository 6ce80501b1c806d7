#include "sidecar/config/document.h"

#include <gtest/gtest.h>

namespace weft::config {
namespace {

std::string read(std::string_view text, const DocumentLimits& limits = {}) {
  const auto documents = parse_documents(text, "f.yaml", limits);
  if (!documents) return documents.error().detail;
  std::string out;
  for (const Document& document : *documents) out += to_json(document.root) + "\n";
  return out;
}

TEST(Document, ReadsYamlWithTypesOfTheCoreSchema) {
  EXPECT_EQ(read("a: 1\nb: [x, \"y\", '08', 08, true, \"true\", 1.5, ~]\nc: {d: null}\n"),
            "{\"a\":1,\"b\":[\"x\",\"y\",\"08\",8,true,\"true\",1.5,null],\"c\":{\"d\":null}}\n");
}

TEST(Document, ReadsJsonToo) {
  EXPECT_EQ(read("{\"a\": [1, {\"b\": \"c\"}],\n\t\"d\": false}"),
            "{\"a\":[1,{\"b\":\"c\"}],\"d\":false}\n");
}

TEST(Document, ReadsSeveralDocumentsAndSkipsEmptyOnes) {
  EXPECT_EQ(read("---\na: 1\n---\n---\n# nothing\n---\nb: 2\n"), "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_EQ(read(""), "");
}

TEST(Document, KnowsWhereEverythingStands) {
  const auto documents = parse_documents("spec:\n  weight: heavy\n", "cart.yaml").value();
  const Value* weight = documents[0].root.find("spec")->find("weight");
  EXPECT_EQ(place(documents[0], weight->position()), "cart.yaml:2:11");
  EXPECT_EQ(weight->as_int().error().detail, "want a whole number, found 'heavy'");
}

TEST(Document, RefusesWhatHidesMeaning) {
  EXPECT_EQ(read("a: 1\nb: 2\na: 3\n"), "f.yaml:3:1: the key 'a' is there twice");
  EXPECT_EQ(read("a: &x 1\nb: *x\n"), "f.yaml:1:4: anchors are not accepted");
  EXPECT_EQ(read("<<: {a: 1}\n"), "f.yaml:1:1: merge keys are not accepted");
  EXPECT_EQ(read("a: !!str 1\n"), "f.yaml:1:4: tags are not accepted");
  EXPECT_EQ(read("a: !custom 1\n"), "f.yaml:1:4: tags are not accepted");
  EXPECT_EQ(read("? [a]\n: 1\n"), "f.yaml:1:3: a key must be text");
  EXPECT_EQ(read(std::string_view("a: \0", 4)), "f.yaml:1:4: a NUL byte");
  EXPECT_EQ(read("a: b\nc: \xff\n"), "f.yaml:2:4: not UTF-8");
}

TEST(Document, HoldsItsLimits) {
  EXPECT_EQ(read("[[[1]]]", {.depth_max = 2}), "f.yaml:1:3: nested deeper than 2");
  EXPECT_EQ(read(std::string(100'000, '[')).substr(0, 7), "f.yaml:");
  EXPECT_EQ(read("[1, 2, 3]", {.values_max = 3}), "f.yaml:1:8: more than 3 values");
  EXPECT_EQ(read("abcdef", {.bytes_max = 5}), "f.yaml:1:1: larger than 5 bytes");
}

TEST(Document, DoesNotInventNumbers) {
  EXPECT_EQ(read("[1e999, 0x10, 0o17, 1_000, .5, 18446744073709551615, -0]"),
            "[\"1e999\",16,15,\"1_000\",0.5,1.8446744073709552e+19,0]\n");
}

TEST(Document, SaysWhereTheSyntaxBreaks) {
  EXPECT_EQ(read("a: [1, 2\n").substr(0, 7), "f.yaml:");
  EXPECT_EQ(read("a: b: c\n").substr(0, 9), "f.yaml:1:");
}

}  // namespace
}  // namespace weft::config
