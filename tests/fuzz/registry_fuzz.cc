// Configuration files as people write them, all the way: text, objects, a mesh, what each sidecar
// is told.
//
// Mistakes have a place and are one printable line. Nobody else's file suffers. What is accepted is
// no change when it comes again, outlives a restart, and nothing the planner makes of it is refused
// by our own sidecar.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "control/planner/planner.h"
#include "control/registry.h"
#include "xds/from_proto.h"
#include "xds/resource_set.h"

namespace {

using namespace weft::control;

void require(bool holds) {
  if (!holds) std::abort();
}

void is_one_line(std::string_view text) {
  for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
}

void is_taken(const weft::xds::ResourceSet& set) {
  for (const auto& [type, table] : set.types) {
    for (const auto& [name, resource] : table->resources) {
      weft::xds::Findings findings;
      const auto read = weft::xds::decode(resource->body,
                                          {.unknown = weft::xds::UnknownFields::kRefuse}, findings);
      require(read.has_value() && findings.notes().empty());
    }
  }
}

std::vector<SourceFile> files(std::string_view text) {
  return {{.name = "fuzz.yaml", .text = std::string(text)},
          {.name = "other.yaml",
           .text = "apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: other}\n"
                   "spec: {ports: [{port: 80}]}\n"}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size > 16 * 1024) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Registry registry;
  registry.set_files(files(text));
  for (const Problem& problem : registry.problems()) {
    require(problem.text.starts_with("fuzz.yaml:") || problem.text.starts_with("other.yaml:"));
    is_one_line(problem.text);
  }
  for (const std::string& note : registry.notes()) is_one_line(note);
  require(registry.mesh()->find_service({"other", "other"}) != nullptr);
  require(!registry.set_files(files(text)));

  std::vector<Registry::Kept> kept;
  for (const auto& [key, held] : registry.accepted()) kept.push_back({key, held.file, held.json});
  Registry after;
  require(after.restore(kept, registry.mesh()->generation).empty());
  require(after.mesh()->conditions == registry.mesh()->conditions);
  require(!after.set_files(files(text)));

  Planner planner(registry.mesh());
  for (const auto& [name, workload] : registry.mesh()->workloads) {
    if (!workload->sidecar) continue;
    is_taken(*planner.plan(Node::parse(Node::make_id(workload->address.to_string(), name))));
  }
  (void)planner.plan(Node::parse("a gRPC client"));
  return 0;
}
