// `weft check`: what of a cluster is as weft needs it, before it is installed and after.

#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "control/authority.h"
#include "control/check/checks.h"
#include "control/check/cluster_reader.h"
#include "control/cli/command.h"
#include "control/cli/manifests.h"
#include "control/files.h"
#include "control/kubernetes/kube_access.h"
#include "control/kubernetes/kube_client.h"
#include "control/kubernetes/kube_config.h"
#include "control/kubernetes/watched_kinds.h"
#include "control/model/crd.h"
#include "control/model/schema.h"
#include "sidecar/net/loop.h"

namespace weft::control::cli {

namespace {

struct CheckOptions {
  bool before_install = false;
  std::string kubeconfig;
  std::string revision;
  std::string output = "text";
};

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

// As kubectl looks for it.
Result<kube::KubeConfig> find_cluster(const CheckOptions& options) {
  if (!options.kubeconfig.empty()) return kube::read_kubeconfig(options.kubeconfig);
  if (const auto named = environment("KUBECONFIG")) {
    if (named->find(':') != std::string::npos)
      return fail(Fault::kInvalid, "KUBECONFIG names several files: give one by --kubeconfig");
    return kube::read_kubeconfig(*named);
  }
  if (const auto home = environment("HOME"); home && file_exists(*home + "/.kube/config"))
    return kube::read_kubeconfig(*home + "/.kube/config");
  return kube::in_cluster_config(environment);
}

std::vector<std::string> definitions_to_ask() {
  std::vector<std::string> out;
  for (const std::string& kind : kinds_with_schema()) out.push_back(crd_name(kind));
  for (const kube::WatchedKind& one : kube::kWatchedKinds) {
    if (check::is_foreign_definition(one.resource))
      out.push_back(fmt::format("{}.{}", one.resource.plural, one.resource.group));
  }
  return out;
}

class Reading final : public check::ClusterReader::Owner {
 public:
  Reading(const kube::KubeConfig& cluster, check::ClusterReader::Options options)
      : dialer_(loop_, cluster),
        client_(loop_.turn(), dialer_, kube::KubeIdentity(cluster)),
        reader_(client_, *this, std::move(options)) {}

  Status run() {
    if (Status usable = dialer_.start(); !usable) return usable;
    reader_.start();
    loop_.run();
    return reader_.problem().empty() ? Status() : fail(Fault::kConnect, reader_.problem());
  }
  void on_read() override { loop_.stop(); }
  [[nodiscard]] const check::ClusterFacts& facts() const { return reader_.facts(); }

 private:
  net::Loop loop_;
  kube::KubeDialer dialer_;
  kube::KubeClient client_;
  check::ClusterReader reader_;
};

int run_check(const CheckOptions& options) {
  const Result<kube::KubeConfig> cluster = find_cluster(options);
  if (!cluster) return complain(cluster.error().detail);
  const InstallOptions install{.revision = options.revision, .ha = true};
  if (const Status good = check_install(install); !good) return complain(good.error().detail);
  const auto made = manifests(install);
  Reading reading(*cluster,
                  {.before_install = options.before_install,
                   .server = cluster->authority(),
                   .revision = options.revision,
                   .definitions = definitions_to_ask(),
                   .permissions = options.before_install ? check::permissions_to_install(made)
                                                         : check::permissions_granted(made)});
  if (const Status read = reading.run(); !read) return complain(read.error().detail);
  const check::Report report = options.before_install
                                   ? check::check_before_install(reading.facts())
                                   : check::check_installed(reading.facts(), read_wall_clock());
  fmt::print("{}", options.output == "json" ? report.json() : report.text());
  return report.well() ? kOk : kNotWell;
}

}  // namespace

void add_check(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("check", "Whether a cluster is as weft needs it, and weft in it is whole");
  auto options = std::make_shared<CheckOptions>();
  command->add_flag("--pre", options->before_install, "Before weft is installed");
  command->add_option(
      "--kubeconfig", options->kubeconfig,
      "The cluster and who we are; otherwise KUBECONFIG, ~/.kube/config, or that of "
      "the pod this runs in");
  command->add_option("--revision", options->revision, "Of the control plane that is looked at");
  command->add_option("-o,--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "A line each: what was looked at, whether it holds, fails or is worth a warning, and what "
      "to\n"
      "do. It only reads; what it may not read is a warning. Exit: 0 nothing fails, 1 something\n"
      "does, 2 the API server could not be asked.\n\n"
      "Example: weft check --pre && weft install | kubectl apply --server-side -f - && weft check");
  command->callback([options, &outcome] { outcome.code = run_check(*options); });
}

}  // namespace weft::control::cli
