// `weft schema`: the JSON Schemas of weft's own kinds, and their definitions for Kubernetes.

#include "control/model/schema.h"

#include <fmt/format.h>

#include "control/cli/command.h"
#include "control/model/crd.h"

namespace weft::control::cli {

void add_schema(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "schema", "What weft's own kinds may hold, as JSON Schema (2020-12) or CRD");
  auto kind = std::make_shared<std::string>();
  command->add_option("KIND", *kind, "One kind; without it any of them");
  auto crd = std::make_shared<bool>(false);
  command->add_flag("--crd", *crd, "As CustomResourceDefinitions, YAML for kubectl apply");
  std::string footer = "Kinds:";
  for (const std::string& one : kinds_with_schema()) footer += " " + one;
  command->footer(footer +
                  "\nWhat hangs together across fields, and what exists, only weft lint knows.\n\n"
                  "Examples: weft schema TrafficPolicy > traffic-policy.schema.json\n"
                  "          weft schema --crd | kubectl apply --server-side -f -");
  command->callback([kind, crd, &outcome] {
    const std::string schema = *crd ? crd_of(*kind) : schema_of(*kind);
    if (schema.empty()) {
      outcome.code = complain(fmt::format("there is no schema of '{}' here", *kind));
      return;
    }
    fmt::print("{}", schema);
    outcome.code = kOk;
  });
}

}  // namespace weft::control::cli
