// weft-sidecar: reads its start file, runs a Sidecar, and turns a failure into an exit code.
//
// Exit codes: 0 drained and done, or the file is valid; 1 it could not start, or was ended before
// its drain; 2 wrong usage.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/admin_client.h"
#include "sidecar/bootstrap.h"
#include "sidecar/core/log.h"
#include "sidecar/core/out_of_memory.h"
#include "sidecar/net/descriptors.h"
#include "sidecar/net/library.h"
#include "sidecar/own_user.h"
#include "sidecar/redirect_command.h"
#include "sidecar/sidecar.h"
#include "tls/library.h"

namespace {

// `health` and `drain`; `done` is their exit code.
void add_admin_commands(CLI::App& app, std::optional<int>& done) {
  auto command = std::make_shared<weft::sidecar::AdminCommand>();
  auto* health = app.add_subcommand(
      "health", "ask the sidecar that runs here whether it serves; exit 0 when it does, 1 not");
  health->add_option("--admin", command->admin, "its admin address")->capture_default_str();
  health->add_option("--wait", command->wait, "how long it may take to get ready")
      ->capture_default_str();
  health->callback([command, &done] { done = weft::sidecar::run_health(*command); });
  auto* drain = app.add_subcommand(
      "drain", "let the sidecar that runs here finish, and wait until it has; for preStop hooks");
  drain->add_option("--admin", command->admin, "its admin address")->capture_default_str();
  drain->add_option("--hold", command->hold, "serve as before for so long first")
      ->capture_default_str();
  drain->add_option("--timeout", command->timeout, "how long to wait")->capture_default_str();
  drain->callback([command, &done] { done = weft::sidecar::run_drain(*command); });
}

int run(int argc, char** argv) {
  weft::sidecar::Flags flags;
  CLI::App app("weft-sidecar: the data plane of the weft service mesh. Runs beside one workload.");
  app.footer(
      "weft-sidecar redirect --help tells of the kernel's rules that bring a pod's traffic here.");
  app.set_version_flag("--version", std::string("weft-sidecar ") + WEFT_VERSION);
  app.add_option("-c,--config", flags.config_file, "start file: Envoy's Bootstrap as YAML or JSON");
  app.add_flag("--mesh", flags.mesh,
               "start from the environment that the injector gave the pod, without a file; so it "
               "does without -c where WEFT_CONTROL is set");
  app.add_option("--mode", flags.mode, "serve, or validate: check the start file and exit")
      ->check(CLI::IsMember({"serve", "validate"}))
      ->capture_default_str();
  app.add_option("--workers", flags.workers, "worker threads")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--drain-time", flags.drain_time,
                 "how long requests may take to finish after SIGTERM, for example 30s")
      ->capture_default_str();
  app.add_option("--drain-delay", flags.drain_delay,
                 "how much of it new connections are still taken, until those who call have heard "
                 "of the end")
      ->capture_default_str();
  app.add_option("--drain-order", flags.drain_order,
                 "together, or outbound-last: the app, which ends at the same time, may call out "
                 "until it is silent")
      ->check(CLI::IsMember({"together", "outbound-last"}))
      ->capture_default_str();
  app.add_option("-l,--log-level", flags.log_level, "debug, info, warn, error or off")
      ->capture_default_str();
  app.add_option("--admin-address", flags.admin_address,
                 "address of the admin pages, instead of the start file's");
  app.add_flag("--no-faults", flags.no_faults,
               "inject no faults, whatever the configuration says; POST /faults?on allows them");
  app.add_option("--buffer-memory", flags.buffer_mebibytes,
                 "MiB that the buffers of all workers may take; else two thirds of the memory "
                 "group's limit, or 256 for each worker where there is none")
      ->check(CLI::Range(1, 1'000'000));
  app.add_flag("--dns", flags.dns,
               "answer DNS on 127.0.0.1:15053 and [::1]:15053, where `redirect --dns` brings the "
               "pod's queries: names of the mesh itself, all others by the servers of resolv.conf");
  app.add_option("--dns-address", flags.dns_addresses,
                 "do so on this address and port instead; may be given several times");
  app.add_option("--resolv-conf", flags.resolv_conf, "the file that names these servers")
      ->capture_default_str();
  std::optional<int> done;
  add_admin_commands(app, done);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (done) return *done;
  if (flags.config_file.empty() && !weft::sidecar::starts_from_environment(flags)) {
    std::fprintf(stderr, "weft-sidecar: --config is required (or --mesh)\n");
    return 2;
  }
  const weft::Result<weft::LogLevel> level = weft::parse_log_level(flags.log_level);
  if (!level) {
    std::fprintf(stderr, "weft-sidecar: --log-level: %s\n", level.error().detail.c_str());
    return 2;
  }
  weft::set_log_level(*level);
  weft::Result<weft::sidecar::Start> start = weft::sidecar::load_start(flags);
  if (!start) {
    std::fprintf(stderr, "weft-sidecar: %s\n", start.error().detail.c_str());
    return 1;
  }
  if (flags.mode == "validate") {
    std::printf("%s: valid\n", weft::sidecar::starts_from_environment(flags)
                                   ? "the pod's environment"
                                   : flags.config_file.c_str());
    return 0;
  }
  if (weft::Status own = weft::sidecar::become_own_user(); !own) {
    std::fprintf(stderr, "weft-sidecar: %s\n", own.error().detail.c_str());
    return 1;
  }
  weft::net::raise_descriptor_limit();
  weft::sidecar::Sidecar sidecar(std::move(*start));
  if (weft::Status started = sidecar.start(); !started) {
    std::fprintf(stderr, "weft-sidecar: %s\n", started.error().detail.c_str());
    return 1;
  }
  return sidecar.run();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "redirect") {
    return weft::sidecar::run_redirect(argc - 1, argv + 1);
  }
  weft::install_out_of_memory_handler();
  weft::net::install_allocators();
  // Before anything else touches OpenSSL; without it the library's own allocator serves as well.
  (void)weft::tls::install_allocator();
  const int code = run(argc, argv);
  weft::flush_log();
  return code;
}
