// `weft token create`: a join token for a workload, signed with the root in the state directory.

#include <fmt/format.h>

#include "control/authority.h"
#include "control/cli/command.h"
#include "sidecar/core/strings.h"

namespace weft::control::cli {

namespace {

struct Options {
  std::string name_space = "default";
  std::string service_account = "default";
  std::string ttl = "1h";
  std::string state_dir;
  std::string trust_domain = "cluster.local";
};

int create(const Options& options) {
  const Result<Duration> ttl = parse_duration(options.ttl);
  if (!ttl) return complain("--ttl: " + ttl.error().detail);
  const Result<Authority> authority =
      Authority::open({.state_dir = options.state_dir, .trust_domain = options.trust_domain});
  if (!authority) return complain(authority.error().detail);
  const Result<std::string> token =
      authority->make_token(options.name_space, options.service_account, *ttl);
  if (!token) return complain(token.error().detail);
  fmt::print("{}\n", *token);
  return kOk;
}

}  // namespace

void add_token(CLI::App& app, Outcome& outcome) {
  auto* token = app.add_subcommand("token", "Join tokens: how a new workload proves who it is");
  token->require_subcommand(1);
  auto* command = token->add_subcommand("create", "Print a join token");
  auto options = std::make_shared<Options>();
  command->add_option("--namespace", options->name_space, "Namespace of the workload")
      ->capture_default_str();
  command->add_option("--service-account", options->service_account, "Its service account")
      ->capture_default_str();
  command->add_option("--ttl", options->ttl, "How long the token is good: 10m, 1h, 24h")
      ->capture_default_str();
  command
      ->add_option("--state-dir", options->state_dir,
                   "weft-control's --state-dir, where the root key is")
      ->required();
  command
      ->add_option("--trust-domain", options->trust_domain,
                   "Of the root that is made when there is none yet")
      ->capture_default_str();
  command->footer(
      "The token is bound to one identity and good for every instance of it until it expires.\n"
      "It is needed for the first certificate only; give it to the sidecar as a file (0600).\n\n"
      "Example: weft token create --namespace shop --service-account cart --state-dir state > "
      "cart.token");
  command->callback([options, &outcome] { outcome.code = create(*options); });
}

}  // namespace weft::control::cli
