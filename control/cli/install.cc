// `weft install` and `weft uninstall`: the manifests of the control plane, for kubectl.

#include <fmt/format.h>

#include "control/cli/command.h"
#include "control/cli/manifests.h"

namespace weft::control::cli {

namespace {

void add_common(CLI::App& command, InstallOptions& options) {
  command.add_option("--namespace", options.name_space, "Where the control plane lives")
      ->capture_default_str();
  command.add_option("--revision", options.revision,
                     "A control plane beside another one; namespaces choose it by the label "
                     "weft.dev/rev");
}

int print(const InstallOptions& options) {
  if (const Status good = check_install(options); !good) return complain(good.error().detail);
  bool first = true;
  for (const Manifest& one : manifests(options)) {
    fmt::print("{}{}", first ? "" : "---\n", one.text);
    first = false;
  }
  return kOk;
}

}  // namespace

void add_install(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("install", "Print what weft is in a cluster, for kubectl apply");
  auto options = std::make_shared<InstallOptions>();
  add_common(*command, *options);
  command->add_option("--image", options->image, "Of weft-control")->capture_default_str();
  command
      ->add_option("--sidecar-image", options->sidecar_image,
                   "Of the sidecar that is put into pods")
      ->capture_default_str();
  command->add_flag("--ha", options->ha, "Several replicas, spread over nodes and zones");
  command
      ->add_option("--bind", options->bind,
                   "What weft-control listens on: 0.0.0.0, or [::] where pods have IPv6")
      ->capture_default_str();
  auto without = std::make_shared<bool>(false);
  command->add_flag("--no-crds", *without,
                    "Without the definitions of weft's kinds (weft schema --crd)");
  command->footer(
      "The same as k8s/install (kustomize) and k8s/helm/weft. Nothing is sent anywhere.\n\n"
      "Example: weft install --ha | kubectl apply --server-side -f -");
  command->callback([options, without, &outcome] {
    options->crds = !*without;
    outcome.code = print(*options);
  });
}

void add_uninstall(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("uninstall", "Print what weft install made, for kubectl delete");
  auto options = std::make_shared<InstallOptions>();
  options->ha = true;  // what is not there is not deleted
  options->crds = false;
  add_common(*command, *options);
  command->add_flag("--crds", options->crds,
                    "The definitions of weft's kinds as well, and with them everybody's policies");
  command->footer(
      "The namespace goes with all that is in it, the mesh's root key too: pods that are still\n"
      "meshed lose their control plane. Take the label off their namespaces and restart them "
      "first.\n\n"
      "Example: weft uninstall | kubectl delete --ignore-not-found -f -");
  command->callback([options, &outcome] {
    if (const Status good = check_install(*options); !good) {
      outcome.code = complain(good.error().detail);
      return;
    }
    fmt::print("{}", uninstall_heads(*options));
    outcome.code = kOk;
  });
}

}  // namespace weft::control::cli
