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
  EXPECT_EQ(read("? [a]\n: 1\n"), "f.yaml:1:3: a key must be text of at most 500 bytes");
  EXPECT_EQ(read("{\"a\\u0001\": 1}"), "f.yaml:1:2: a key may not hold control characters");
  EXPECT_EQ(read(std::string_view("a: \0", 4)), "f.yaml:1:4: a NUL byte");
  EXPECT_EQ(read("a: b\nc: \xff\n"), "f.yaml:2:4: not UTF-8");
}

TEST(Document, HoldsItsLimits) {
  EXPECT_EQ(read("[[[1]]]", {.depth_max = 2}), "f.yaml:1:3: nested deeper than 2");
  EXPECT_EQ(read(std::string(100'000, '[')).substr(0, 7), "f.yaml:");
  EXPECT_EQ(read("[1, 2, 3]", {.values_max = 3}), "f.yaml:1:8: more than 3 values");
  EXPECT_EQ(read("abcdef", {.bytes_max = 5}), "f.yaml:1:1: larger than 5 bytes");
  const std::string key(kKeyBytesMax, '"');
  EXPECT_EQ(read("'" + key + "': 1\n").substr(0, 5), "{\"\\\"\\");
  EXPECT_EQ(read("'" + key + "x': 1\n"), "f.yaml:1:1: a key must be text of at most 500 bytes");
}

TEST(Document, DoesNotInventNumbers) {
  EXPECT_EQ(read("[1e999, 0x10, 0o17, 1_000, .5, 18446744073709551615, -0]"),
            "[\"1e999\",16,15,\"1_000\",0.5,1.8446744073709552e+19,0]\n");
}

TEST(Document, SaysWhereTheSyntaxBreaks) {
  EXPECT_EQ(read("a: [1, 2\n").substr(0, 7), "f.yaml:");
  EXPECT_EQ(read("a: b: c\n").substr(0, 9), "f.yaml:1:");
  for (const char* open : {"a: \"b\n", "a: 'b\n", "a: \"b", "a: [b\n", "a: {b: c\n"}) {
    EXPECT_EQ(read(open).substr(0, 7), "f.yaml:") << open;
  }
  EXPECT_EQ(read("a: |\n  b\n"), "{\"a\":\"b\\n\"}\n");
  EXPECT_EQ(read("a: |+\n  b\n\n"), "{\"a\":\"b\\n\\n\"}\n");
  EXPECT_EQ(read("a: b\n...\n"), "{\"a\":\"b\"}\n");
}

TEST(Document, EndsWhereNoDocumentBegins) {
  EXPECT_EQ(read(",\n"), "f.yaml:1:1: not expected here");
  EXPECT_EQ(read("---\n,a: b\n"), "f.yaml:2:1: not expected here");
  EXPECT_EQ(read("a: b\n---\n---\n---\nc: d\n"), "{\"a\":\"b\"}\n{\"c\":\"d\"}\n");
}

TEST(Document, SaysItInPrintableWords) {
  EXPECT_EQ(read("%YAML 1.\x01\n---\na: b\n"), "f.yaml:1:1: bad YAML version: 1.\\x01");
}

// "{…}" for a good document, the error for a bad one, a line each.
std::string read_each(std::string_view text, const DocumentLimits& limits = {}) {
  std::string out;
  for (const auto& document : parse_each_document(text, "f.yaml", limits)) {
    out += (document ? to_json(document->root) : document.error().detail) + "\n";
  }
  return out;
}

TEST(EachDocument, LeavesItsNeighboursAlone) {
  EXPECT_EQ(read_each("a: 1\n--- # two\nb: [1,\n---\nc: 3\nc: 4\n---\r\nd: &x 4\n--- {e: 5}\n"),
            "{\"a\":1}\n"
            "f.yaml:4:1: end of sequence flow not found\n"
            "f.yaml:6:1: the key 'c' is there twice\n"
            "f.yaml:8:4: anchors are not accepted\n"
            "{\"e\":5}\n");
  EXPECT_EQ(read_each("a: \"x\n---\nb: 2\n"),
            "f.yaml:2:1: illegal document indicator in scalar\n{\"b\":2}\n");
  EXPECT_EQ(read_each("a: 1\n---\nb: \xff\n---\nc: 3\n"),
            "{\"a\":1}\nf.yaml:3:4: not UTF-8\n{\"c\":3}\n");
}

TEST(EachDocument, IsFoundWhereTheWholeFileHasIt) {
  for (const std::string_view text :
       {"", "\n", "---", "---\n---\n", "a: 1", "%YAML 1.2\n---\na: 1\n",
        "a: 1\n...\n---\nb: 2\n...\n", "a: |\n  ---\n  text\n---x: 2\n",
        "--- |\n text\n--- >\n more\n", "\xef\xbb\xbf---\na: 1\n"}) {
    std::string whole;
    const auto documents = parse_documents(text, "f.yaml").value();
    for (const Document& document : documents) {
      whole += to_json(document.root) + "\n";
    }
    EXPECT_EQ(read_each(text), whole) << text;
  }
}

TEST(EachDocument, KnowsItsLinesInTheFile) {
  const auto documents = parse_each_document("a: 1\n\n---\n\nb:\n  c: x\n", "f.yaml");
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(place(*documents[1], documents[1]->root.find("b")->find("c")->position()),
            "f.yaml:6:6");
  EXPECT_EQ(read_each("abcdef", {.bytes_max = 5}), "f.yaml:1:1: larger than 5 bytes\n");
}

}  // namespace
}  // namespace weft::config
