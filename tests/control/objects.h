#pragma once
// Helpers for tests of the control plane: YAML text to objects, problems as text, a small shop.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/mesh.h"
#include "control/registry.h"
#include "tests/support/tree_file.h"
#include "xds/resource_set.h"

namespace weft::control::testing {

// The mistakes of one document, one a line, file name "t.yaml" left out: "3:5: spec.ports: …".
[[nodiscard]] std::string mistakes_in(std::string_view yaml);
[[nodiscard]] std::string notes_in(std::string_view yaml);

// REQUIRES good documents.
[[nodiscard]] std::shared_ptr<const Mesh> mesh_of(std::string_view yaml,
                                                  std::uint64_t generation = 7);

// "HTTPRoute shop/cart ResolvedRefs BackendNotFound: …" a line each.
[[nodiscard]] std::string describe_conditions(const Mesh& mesh);
[[nodiscard]] std::string describe_problems(const Registry& registry);
// "Service shop/cart", … a line each.
[[nodiscard]] std::string describe_accepted(const Registry& registry);

// What our own sidecar has to say about what it is told: refusals, then notes, a line each.
[[nodiscard]] std::string judge(const xds::ResourceSet& set);

// The text of tests/control/golden/NAME, or what WEFT_GOLDEN=write makes of it.
void expect_golden(const std::string& name, const std::string& text);

using weft::testing::expect_in_tree;
using weft::testing::read_text;
using weft::testing::read_tree_text;

}  // namespace weft::control::testing
