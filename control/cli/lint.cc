#include "control/cli/lint.h"

#include <fmt/format.h>

#include "control/cli/advice.h"
#include "control/cli/command.h"
#include "control/sources/yaml_directory.h"

namespace weft::control::cli {

LintReport lint(std::vector<SourceFile> files, WallTime (*wall_clock)()) {
  LintReport report;
  report.files = files.size();
  Registry registry;
  registry.judge_times_by(wall_clock);
  registry.set_files(std::move(files));
  report.objects = registry.accepted().size();
  for (const Problem& problem : registry.problems()) report.mistakes.push_back(problem.text);
  for (const Condition& condition : registry.mesh()->conditions) {
    const auto held = registry.accepted().find(condition.about);
    report.conditions.push_back(fmt::format(
        "{}: {}: {} ({})",
        held == registry.accepted().end() ? std::string() : metadata_of(held->second.object).place,
        condition.about.to_string(), condition.message, condition.reason));
  }
  report.notes = registry.notes();
  for (const Advice& advice : advise(*registry.mesh())) {
    (advice.note ? report.notes : report.advice).push_back(advice.to_string());
  }
  return report;
}

std::string LintReport::text(bool quiet) const {
  std::string out;
  for (const std::string& mistake : mistakes) out += fmt::format("error: {}\n", mistake);
  for (const std::string& condition : conditions) out += fmt::format("warning: {}\n", condition);
  for (const std::string& one : advice) out += fmt::format("warning: {}\n", one);
  if (quiet) return out;
  for (const std::string& note : notes) out += fmt::format("note: {}\n", note);
  const std::size_t warnings = conditions.size() + advice.size();
  out += fmt::format("{} file{}, {} object{}, {} error{}, {} warning{}\n", files,
                     files == 1 ? "" : "s", objects, objects == 1 ? "" : "s", mistakes.size(),
                     mistakes.size() == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s");
  return out;
}

namespace {

struct Options {
  std::vector<std::string> paths;
  bool quiet = false;
  bool strict = false;
};

int run(const Options& options) {
  std::vector<SourceFile> files;
  for (const std::string& path : options.paths) {
    Result<std::vector<SourceFile>> read = YamlDirectory::read_all(path);
    if (!read) return complain(read.error().detail);
    for (SourceFile& file : *read) files.push_back(std::move(file));
  }
  const LintReport report = lint(std::move(files), &read_wall_clock);
  fmt::print("{}", report.text(options.quiet));
  const bool well = report.mistakes.empty() &&
                    (!options.strict || (report.conditions.empty() && report.advice.empty()));
  return well ? kOk : kNotWell;
}

}  // namespace

void add_lint(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("lint", "Check configuration files as the control plane would");
  auto options = std::make_shared<Options>();
  command->add_option("PATH", options->paths, "Files, or directories with *.yaml, *.yml, *.json")
      ->required();
  command->add_flag("-q,--quiet", options->quiet, "Say only what is wrong");
  command->add_flag("--strict", options->strict,
                    "Fail on warnings as well (what is not there, or will not do what it says)");
  command->footer(
      "All PATHs are read together, so that references between them are found.\n"
      "Exit: 0 all good, 1 something is wrong, 2 a PATH cannot be read.\n\n"
      "Example: weft lint k8s/examples");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
