#pragma once
// YamlText: a JSON text as YAML, as people and kubectl write it: blocks, lists under their key,
// quotes only where a reader of any version of YAML could see something else than text.
//
// Members keep their order. For what weft prints to be applied (manifests, CRDs). Pure.

#include <string>
#include <string_view>

namespace weft::control {

// REQUIRES JSON; ours, never input.
[[nodiscard]] std::string yaml_text(std::string_view json);

}  // namespace weft::control
