#include "tests/control/objects.h"

#include <gtest/gtest.h>

#include "sidecar/config/document.h"
#include "xds/from_proto.h"

namespace weft::control::testing {

namespace {

config::Document only_document(std::string_view yaml) {
  auto documents = config::parse_documents(yaml, "t.yaml");
  if (!documents) {
    ADD_FAILURE() << documents.error().detail;
    return {};
  }
  if (documents->size() != 1) {
    ADD_FAILURE() << documents->size() << " documents";
    return {};
  }
  return documents->front();
}

std::string lines(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) {
    out += (text.starts_with("t.yaml:") ? text.substr(7) : text) + "\n";
  }
  return out;
}

}  // namespace

std::string mistakes_in(std::string_view yaml) {
  const ReadObject read = read_object(only_document(yaml));
  EXPECT_EQ(read.object.has_value(), read.mistakes.empty());
  return lines(read.mistakes);
}

std::string notes_in(std::string_view yaml) {
  return lines(read_object(only_document(yaml)).notes);
}

std::shared_ptr<const Mesh> mesh_of(std::string_view yaml, std::uint64_t generation) {
  Objects objects;
  const auto documents = config::parse_documents(yaml, "t.yaml");
  if (!documents) {
    ADD_FAILURE() << documents.error().detail;
    return make_mesh({}, generation);
  }
  for (const config::Document& document : *documents) {
    const ReadObject read = read_object(document);
    EXPECT_EQ(lines(read.mistakes), "");
    if (read.object) objects.insert_or_assign(*read.key, *read.object);
  }
  return make_mesh(objects, generation);
}

std::string describe_conditions(const Mesh& mesh) {
  std::string out;
  for (const Condition& condition : mesh.conditions) {
    out += condition.about.to_string() + " " + condition.type + " " + condition.reason + ": " +
           condition.message + "\n";
  }
  return out;
}

std::string describe_problems(const Registry& registry) {
  std::string out;
  for (const Problem& problem : registry.problems()) {
    out += problem.text + (problem.older_holds ? " (older holds)" : "") + "\n";
  }
  return out;
}

std::string describe_accepted(const Registry& registry) {
  std::string out;
  for (const auto& [key, held] : registry.accepted()) {
    out += key.to_string() + " of " + held.file + "\n";
  }
  return out;
}

std::string judge(const xds::ResourceSet& set) {
  std::string out;
  for (const auto& [type, table] : set.types) {
    for (const auto& [name, resource] : table->resources) {
      xds::Findings findings;
      const auto read =
          xds::decode(resource->body, {.unknown = xds::UnknownFields::kRefuse}, findings);
      if (!read) out += name + ": " + read.error().detail + "\n";
      for (const std::string& note : findings.notes()) out += name + " notes " + note + "\n";
      if (read) {
        EXPECT_EQ(xds::name_of(*read), name);
      }
    }
  }
  return out;
}

void expect_golden(const std::string& name, const std::string& text) {
  expect_in_tree("tests/control/golden/" + name, text);
}

}  // namespace weft::control::testing
