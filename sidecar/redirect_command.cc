#include "sidecar/redirect_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <vector>

#include "sidecar/redirect/iptables_state.h"
#include "sidecar/redirect/loopback.h"
#include "sidecar/redirect/options.h"
#include "sidecar/redirect/policy_routing.h"
#include "sidecar/redirect/print_nft.h"
#include "sidecar/redirect/programs.h"
#include "sidecar/redirect/redirection.h"
#include "sidecar/redirect/rules.h"

namespace weft::sidecar {

namespace {

void add_flags(CLI::App& app, redirect::Arguments& in) {
  app.add_option("--mode", in.mode,
                 "redirect: connections are brought to ports of the sidecar; tproxy: those from "
                 "outside keep their addresses, and the app may see who called (the sidecar then "
                 "needs CAP_NET_ADMIN, and redirectMode: tproxy of its Workload)")
      ->capture_default_str();
  app.add_option("--include-inbound-ports", in.include_inbound_ports,
                 "TCP ports captured on the way in, for example 80,8000-8010; * stands for all")
      ->capture_default_str();
  app.add_option("--exclude-inbound-ports", in.exclude_inbound_ports,
                 "ports left alone on the way in, beside 15000 and 15020");
  app.add_option("--exclude-inbound-cidrs", in.exclude_inbound_cidrs,
                 "callers whose connections are left alone on the way in, IPv4 and IPv6");
  app.add_option("--exclude-outbound-ports", in.exclude_outbound_ports,
                 "ports left alone on the way out");
  app.add_option("--include-outbound-cidrs", in.include_outbound_cidrs,
                 "destinations captured on the way out, IPv4 and IPv6; * stands for all")
      ->capture_default_str();
  app.add_option("--exclude-outbound-cidrs", in.exclude_outbound_cidrs,
                 "destinations left alone on the way out");
  app.add_option("--exclude-interfaces", in.exclude_interfaces,
                 "interfaces left alone in both directions");
  app.add_flag("--dns", in.dns,
               "bring UDP and TCP port 53 to port 15053, where `weft-sidecar --dns` answers");
  app.add_option("--ipv6", in.ipv6, "auto (where the kernel has it), on or off")
      ->capture_default_str();
  app.add_option("--loader", in.loader, "auto, nft, iptables, iptables-nft or iptables-legacy")
      ->capture_default_str();
  app.add_flag("--drop-invalid", in.drop_invalid,
               "drop TCP packets that conntrack cannot place, instead of resetting the connection");
  app.add_option("--uid", in.uid, "the sidecar's user: with its group, whose traffic passes")
      ->capture_default_str();
  app.add_option("--gid", in.gid, "the sidecar's group")->capture_default_str();
}

std::string printed(const redirect::Options& options) {
  std::vector<redirect::Ruleset> rulesets{rules_for(options, redirect::Family::kV4)};
  if (options.ipv6 != redirect::Ipv6::kOff) {
    rulesets.push_back(rules_for(options, redirect::Family::kV6));
  }
  if (options.loader != redirect::Loader::kIptables) return print_nft(rulesets);
  std::string text;
  for (const redirect::Ruleset& rules : rulesets) {
    const bool v4 = rules.family == redirect::Family::kV4;
    text += v4 ? "# iptables-restore --noflush\n" : "# ip6tables-restore --noflush\n";
    text += print_iptables({}, iptables_state(rules));
  }
  return text;
}

int say_error(const Error& error) {
  std::fprintf(stderr, "weft-sidecar: redirect: %s\n", error.detail.c_str());
  return 1;
}

int say_done(const Result<std::string>& done) {
  if (!done) return say_error(done.error());
  std::printf("redirect: %s\n", done->c_str());
  return 0;
}

int say_differences(const Result<std::vector<std::string>>& differences) {
  if (!differences) return say_error(differences.error());
  for (const std::string& line : *differences) std::printf("%s\n", line.c_str());
  if (differences->empty()) std::printf("redirect: as wanted\n");
  return differences->empty() ? 0 : 1;
}

}  // namespace

int run_redirect(int argc, char** argv) {
  redirect::Arguments arguments;
  CLI::App app(
      "The kernel's rules that bring a pod's traffic to its sidecar, in the network namespace this "
      "runs in. Needs CAP_NET_ADMIN, and nft or iptables.\n"
      "apply loads them all at once, in place of what was there; check says what differs (exit 1); "
      "remove leaves nothing; print shows them and touches nothing.",
      "weft-sidecar redirect");
  std::string verb;
  app.add_option("verb", verb, "apply, check, remove or print")
      ->required()
      ->check(CLI::IsMember({"apply", "check", "remove", "print"}));
  add_flags(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  const Result<redirect::Options> options = redirect::parse_options(arguments);
  if (!options) {
    std::fprintf(stderr, "%s\n", options.error().detail.c_str());
    return 2;
  }
  if (verb == "print") {
    std::printf("%s", printed(*options).c_str());
    return 0;
  }
  redirect::SystemPrograms programs;
  redirect::SystemLoopback loopback;
  redirect::SystemPolicyRouting routing;
  redirect::Redirection redirection(programs, loopback, routing, redirect::kernel_has_ipv6());
  if (verb == "apply") return say_done(redirection.apply(*options));
  if (verb == "remove") return say_done(redirection.remove());
  return say_differences(redirection.check(*options));
}

}  // namespace weft::sidecar
