// weft-sidecar: reads its start file, runs a Sidecar, and turns a failure into an exit code.
//
// Exit codes: 0 drained and done, or the file is valid; 1 it could not start, or was ended before
// its drain; 2 wrong usage.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "sidecar/bootstrap.h"
#include "sidecar/core/log.h"
#include "sidecar/core/out_of_memory.h"
#include "sidecar/net/descriptors.h"
#include "sidecar/net/library.h"
#include "sidecar/sidecar.h"
#include "tls/library.h"

namespace {

int run(int argc, char** argv) {
  weft::sidecar::Flags flags;
  CLI::App app("weft-sidecar: the data plane of the weft service mesh. Runs beside one workload.");
  app.set_version_flag("--version", std::string("weft-sidecar ") + WEFT_VERSION);
  app.add_option("-c,--config", flags.config_file, "start file: Envoy's Bootstrap as YAML or JSON")
      ->required();
  app.add_option("--mode", flags.mode, "serve, or validate: check the start file and exit")
      ->check(CLI::IsMember({"serve", "validate"}))
      ->capture_default_str();
  app.add_option("--workers", flags.workers, "worker threads")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--drain-time", flags.drain_time,
                 "how long requests may take to finish after SIGTERM, for example 30s")
      ->capture_default_str();
  app.add_option("-l,--log-level", flags.log_level, "debug, info, warn, error or off")
      ->capture_default_str();
  app.add_option("--admin-address", flags.admin_address,
                 "address of the admin pages, instead of the start file's");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
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
    std::printf("%s: valid\n", flags.config_file.c_str());
    return 0;
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
  weft::install_out_of_memory_handler();
  weft::net::install_allocators();
  // Before anything else touches OpenSSL; without it the library's own allocator serves as well.
  (void)weft::tls::install_allocator();
  const int code = run(argc, argv);
  weft::flush_log();
  return code;
}
