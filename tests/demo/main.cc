// weft-demo: a mesh with a small shop in it, on this machine: to be looked at, or trying its
// promises by itself (--once). `weft-demo app` is one instance of the shop's services.
//
// Exit codes: 0 ended by Ctrl-C, or every promise was kept; 1 one was not; 2 it could not start.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <string>

#include "sidecar/core/strings.h"
#include "sidecar/net/signals.h"
#include "tests/demo/app.h"
#include "tests/demo/ask.h"
#include "tests/demo/interrupt.h"
#include "tests/demo/live.h"
#include "tests/demo/once.h"

namespace weft::demo {
namespace {

constexpr const char* kCollector = "127.0.0.1:4318";

int complain(const std::string& what) {
  fmt::print(stderr, "weft-demo: {}\n", what);
  return 2;
}

// ---- an instance ----

struct AppFlags {
  std::string name;
  std::string listen;
  std::string outbound;
  std::string next;
  std::string numbers;
  std::string latency = "0s";
};

class StopOnSignal final : public net::Signals::Owner {
 public:
  explicit StopOnSignal(net::Loop& loop) : loop_(loop) {}
  void on_signal(int) override { loop_.stop(); }

 private:
  net::Loop& loop_;
};

int run_app(const AppFlags& flags) {
  const Result<SocketAddress> listen = SocketAddress::parse(flags.listen);
  const Result<SocketAddress> outbound = SocketAddress::parse(flags.outbound);
  const Result<Duration> latency = parse_duration(flags.latency);
  if (!listen) return complain("--listen: " + listen.error().detail);
  if (!outbound) return complain("--outbound: " + outbound.error().detail);
  if (!latency) return complain("--latency: " + latency.error().detail);
  net::Loop loop;
  StopOnSignal stopping(loop);
  const net::Signals signals(loop, stopping);
  App app(loop, {.name = flags.name,
                 .listen = *listen,
                 .outbound = *outbound,
                 .next = flags.next,
                 .numbers = flags.numbers,
                 .behaviour = {.latency = *latency}});
  if (Status started = app.start(); !started) return complain(started.error().detail);
  loop.run();
  return 0;
}

void add_app(CLI::App& parser, AppFlags& flags) {
  CLI::App* app = parser.add_subcommand("app", "Run one instance of the shop's services");
  app->group("");  // not in the help: the demo starts them
  app->add_option("--name", flags.name)->required();
  app->add_option("--listen", flags.listen)->required();
  app->add_option("--outbound", flags.outbound)->required();
  app->add_option("--numbers", flags.numbers)->required();
  app->add_option("--next", flags.next);
  app->add_option("--latency", flags.latency);
}

// ---- the demo ----

struct Flags {
  bool once = false;
  bool keep_files = false;
  double rate = 0;
  int network = 5;
  OnceOptions options;
};

std::vector<std::string> promise_names() {
  std::vector<std::string> out;
  for (const Promise& promise : promises()) out.emplace_back(promise.name);
  return out;
}

std::string promise_list() {
  std::string out = "Promises, and what --break does to each:\n";
  for (const Promise& promise : promises()) {
    out += fmt::format("  {:<22}{}\n  {:<22}  broken: {}\n", promise.name, promise.sentence, "",
                       promise.how_broken);
  }
  return out;
}

int run_demo(Flags flags) {
  catch_interrupts();
  const bool broken = !flags.options.broken.empty();
  if (!flags.once && (broken || !flags.options.only.empty())) {
    return complain("--break and --only are for --once");
  }
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error) return complain("/proc/self/exe: " + error.message());
  const bool collecting = ask(*SocketAddress::parse(kCollector), {.target = "/"}).has_value();
  say(fmt::format("starting the control plane and the shop; traces go {}",
                  collecting ? fmt::format("to the collector on {}", kCollector)
                             : "to the sidecars' own memory (no collector on 127.0.0.1:4318)"));
  const Result<std::unique_ptr<Stage>> stage =
      Stage::open({.network = flags.network,
                   .bin_dir = self.parent_path().string(),
                   .leaf_lifetime = flags.once ? leaf_lifetime_for(flags.options) : "1h",
                   .collector = collecting ? kCollector : "",
                   .keep_files = flags.keep_files});
  if (interrupted()) return 130;
  if (!stage) return complain(stage.error().detail);
  if (flags.keep_files) say("files: " + (*stage)->directory());
  if (flags.once) {
    if (flags.rate > 0) flags.options.rate = flags.rate;
    return run_once(**stage, flags.options);
  }
  return run_live(**stage,
                  {.rate = flags.rate > 0 ? flags.rate : 100, .terminal = ::isatty(1) != 0});
}

int parse_and_run(int argc, char** argv) {
  Flags flags;
  AppFlags app_flags;
  CLI::App parser("A mesh with a small shop in it, on this machine.", "weft-demo");
  parser.add_flag("--once", flags.once,
                  "Try everything by itself, check each promise, exit 1 when one does not hold");
  parser.add_option("--break", flags.options.broken, "With --once: break this promise on purpose")
      ->check(CLI::IsMember(promise_names()));
  parser
      .add_option("--only", flags.options.only, "With --once: try only this promise (repeatable)")
      ->check(CLI::IsMember(promise_names()));
  parser.add_option("--rate", flags.rate, "Requests a second (100; with --once 2000)")
      ->check(CLI::Range(1.0, 20'000.0));
  parser
      .add_option("--network", flags.network, "All addresses are 127.N.x.y; two demos need two N")
      ->check(CLI::Range(Shop::kNetworkMin, Shop::kNetworkMax))
      ->capture_default_str();
  parser.add_flag("--keep-files", flags.keep_files, "Leave the working files, logs among them");
  parser.footer(promise_list());
  add_app(parser, app_flags);
  try {
    parser.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return parser.exit(error) == 0 ? 0 : 2;
  }
  return parser.got_subcommand("app") ? run_app(app_flags) : run_demo(std::move(flags));
}

}  // namespace
}  // namespace weft::demo

int main(int argc, char** argv) { return weft::demo::parse_and_run(argc, argv); }
