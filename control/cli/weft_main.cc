// weft: the command line. Each command is a file of this folder.

#include "control/cli/command.h"

int main(int argc, char** argv) {
  namespace cli = weft::control::cli;
  CLI::App app("weft: look at a mesh, check its configuration, bring workloads in", "weft");
  app.require_subcommand(1);
  app.set_version_flag("--version", "weft " WEFT_VERSION);
  app.footer("weft COMMAND --help says more about each.");
  cli::Outcome outcome;
  cli::add_status(app, outcome);
  cli::add_lint(app, outcome);
  cli::add_explain(app, outcome);
  cli::add_route(app, outcome);
  cli::add_token(app, outcome);
  cli::add_traces(app, outcome);
  cli::add_breakers(app, outcome);
  cli::add_endpoints(app, outcome);
  cli::add_sidecar_config(app, outcome);
  cli::add_schema(app, outcome);
  cli::add_check(app, outcome);
  cli::add_install(app, outcome);
  cli::add_uninstall(app, outcome);
  cli::add_inject(app, outcome);
  cli::add_uninject(app, outcome);
  cli::add_version(app, outcome);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes are above 100; ours say "could not be done".
    return app.exit(error) == 0 ? cli::kOk : cli::kFailed;
  }
  return outcome.code;
}
