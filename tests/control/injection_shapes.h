#pragma once
// The pods that injection is tried on: one line of YAML each, and what else decides. The golden
// file says what becomes of each of them.

#include <string_view>
#include <vector>

#include "control/injection/injection_context.h"

namespace weft::control::testing {

struct PodShape {
  std::string_view name;
  std::string_view pod;
  // Words: classic, dns, no-namespace (it has no label), disabled (its label says so),
  // in=NAMESPACE, rev=NAME (the control plane's), ns-rev=NAME, two-roots, pull=POLICY.
  std::string_view where = {};
};
[[nodiscard]] const std::vector<PodShape>& pod_shapes();
[[nodiscard]] injection::InjectionContext context_of(const PodShape& shape);

}  // namespace weft::control::testing
