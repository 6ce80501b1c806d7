// `weft inject` and `weft uninject`: sidecars into files, by the same code as the webhook, and out
// of them again.

#include <fmt/format.h>

#include <iostream>
#include <iterator>
#include <memory>
#include <string>

#include "control/cli/command.h"
#include "control/files.h"
#include "control/injection/manifest.h"
#include "control/injection/pod_wishes.h"

namespace weft::control::cli {

namespace {

using injection::ManifestTask;

struct InjectOptions {
  std::string file = "-";
  std::string format = "yaml";
  std::string name_space = "default";
  std::string image;
  std::string redirect_image;
  std::string control;
  std::string trust_domain = "cluster.local";
  std::string roots;
  std::string revision = "default";
  bool classic = false;
  bool dry_run = false;
};

Result<std::string> read_manifest(const std::string& file) {
  if (file != "-") return read_file(file, kJsonBytesMax);
  std::string text;
  // One byte more than is read tells that there was more.
  for (auto at = std::istreambuf_iterator<char>(std::cin);
       at != std::istreambuf_iterator<char>() && text.size() <= kJsonBytesMax; ++at) {
    text += *at;
  }
  if (text.size() > kJsonBytesMax) return fail(Fault::kInvalid, "stdin: larger than weft reads");
  return text;
}

injection::InjectionContext context_of_files(const InjectOptions& options) {
  injection::InjectionContext context;
  context.name_space = options.name_space;
  // Who calls this asks for it.
  context.namespace_labels[injection::kInjectLabel] = "enabled";
  if (!options.image.empty()) context.image = options.image;
  context.redirect_image = options.redirect_image;
  if (!options.control.empty()) context.control = options.control;
  context.trust_domain = options.trust_domain;
  if (!options.roots.empty()) context.roots_sha256 = {options.roots};
  context.revision = options.revision;
  context.native = !options.classic;
  return context;
}

int change_files(const InjectOptions& options, ManifestTask task) {
  const Result<std::string> text = read_manifest(options.file);
  if (!text) return complain(text.error().detail);
  const std::string source = options.file == "-" ? "stdin" : options.file;
  const auto done = injection::change_manifest(*text, source, task, context_of_files(options),
                                               options.format == "json");
  if (!done) return complain(done.error().detail);
  for (const injection::ManifestChange& change : done->changes) {
    const std::string verdict = !change.changed                   ? "unchanged: " + change.detail
                                : task == ManifestTask::kUninject ? "uninjected"
                                                                  : "injected";
    fmt::print(stderr, "{}: {}\n", printable(change.object), printable(verdict));
    for (const std::string& warning : change.warnings)
      fmt::print(stderr, "{}: warning: {}\n", printable(change.object), printable(warning));
    if (!options.dry_run || !change.changed) continue;
    fmt::print("{}\n", printable(change.object));
    for (const Json& op : change.patch) {
      const Json* value = member(&op, "value");
      fmt::print("  {} {}{}\n", op.at("op").get<std::string>(),
                 printable(op.at("path").get<std::string>()),
                 value == nullptr ? "" : " " + printable(print_json(*value)));
    }
  }
  if (!options.dry_run) fmt::print("{}", done->text);
  return kOk;
}

CLI::App* add_files_command(CLI::App& app, const char* name, const char* what,
                            InjectOptions& options) {
  auto* command = app.add_subcommand(name, what);
  command->add_option("-f,--file", options.file, "Manifests, YAML or JSON; - is stdin")
      ->capture_default_str();
  command->add_option("-o,--output", options.format, "How changed documents are written")
      ->check(CLI::IsMember({"yaml", "json"}))
      ->capture_default_str();
  command->add_flag("--dry-run", options.dry_run, "Print what would change instead");
  return command;
}

}  // namespace

void add_inject(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<InjectOptions>();
  auto* command =
      add_files_command(app, "inject", "Put the sidecar into the pods of manifests", *options);
  command->add_option("-n,--namespace", options->name_space, "Of objects that name none")
      ->capture_default_str();
  command->add_option("--image", options->image, "Image of the sidecar");
  command->add_option("--redirect-image", options->redirect_image,
                      "Image of the container that loads the redirect rules");
  command->add_option("--control", options->control, "HOST:PORT of weft-control for the sidecars");
  command->add_option("--trust-domain", options->trust_domain, "Of their certificates")
      ->capture_default_str();
  command->add_option("--root-sha256", options->roots,
                      "Whom they trust at first: SHA-256 of the root's public key");
  command->add_option("--revision", options->revision, "Control plane that they belong to")
      ->capture_default_str();
  command->add_flag("--classic", options->classic,
                    "For clusters without native sidecars (before Kubernetes 1.29)");
  command->footer(
      "Documents that make no pods, and pods that say no, pass as they are; a document that "
      "changes\n"
      "loses its comments. Labels and weft.dev/ annotations count as they do at the webhook.\n\n"
      "Example: weft inject -f shop.yaml | kubectl apply -f -");
  command->callback(
      [options, &outcome] { outcome.code = change_files(*options, ManifestTask::kInject); });
}

void add_uninject(CLI::App& app, Outcome& outcome) {
  auto options = std::make_shared<InjectOptions>();
  auto* command =
      add_files_command(app, "uninject", "Take the sidecar out of manifests again", *options);
  command->callback(
      [options, &outcome] { outcome.code = change_files(*options, ManifestTask::kUninject); });
}

}  // namespace weft::control::cli
