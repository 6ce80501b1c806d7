// fleet: one weft-control on one core, and thousands of sidecars that talk to it: how long until
// everybody who needs it has answered to one changed endpoint, and what the control plane takes;
// and the memory of a real sidecar that uses a few Services of a small mesh and of a large one.
//
// The sidecars are simulated (fleet_sidecar.h), the rest is what is shipped: files that change, the
// program, mTLS, delta ADS. Times are from before a file is put in place until a sidecar's answer
// is on its way, so what watching a directory costs is in them. Prints a line for each figure with
// the limit it must keep where there is one, and ends with 1 when one is broken.

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "control/planner/node.h"
#include "sidecar/core/log.h"
#include "sidecar/net/connector.h"
#include "sidecar/net/descriptors.h"
#include "sidecar/net/loop.h"
#include "tests/bench/fleet_control.h"
#include "tests/bench/fleet_memory.h"
#include "tests/bench/fleet_mesh.h"
#include "tests/bench/fleet_sidecar.h"
#include "tls/dialer.h"
#include "tls/library.h"

namespace weft::bench {
namespace {

bool all_kept = true;

void tell(const std::string& what, double value, const char* unit, double limit = 0) {
  const bool kept = limit <= 0 || value <= limit;
  all_kept = all_kept && kept;
  const std::string bound = limit <= 0 ? "" : fmt::format("  (at most {:g})", limit);
  fmt::print("{:<64} {:10.3f} {}{}{}\n", what, value, unit, bound, kept ? "" : "  BROKEN");
  std::fflush(stdout);
}

// Of a sidecar that answers DNS.
constexpr const char* kDnsAddress = "127.0.0.1:15953";

struct Options {
  FleetFigures figures;
  std::string control;
  std::string sidecar;
  std::string directory;
  std::size_t changes = 20;
  std::size_t dialing_max = 64;
  int core = -1;
  bool limits = true;
};

double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double percentile(std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
  return sorted[std::min(at, sorted.size() - 1)];
}

// Connects everybody, then changes one endpoint at a time.
class Fleet final : public FleetSidecar::Owner, public TimerSink {
 public:
  Fleet(net::Loop& loop, const Options& options, const FleetControl& control, Dialer& dialer)
      : loop_(loop), options_(options), control_(control), step_(loop.timers(), *this) {
    for (const FleetNode& node : fleet_nodes(options.figures)) {
      nodes_.push_back(node);
      sidecars_.push_back(std::make_unique<FleetSidecar>(
          loop.turn(), dialer, *this, sidecars_.size(),
          control::Node::make_id(node.address, {kFleetNamespace, node.workload})));
    }
  }
  ~Fleet() {
    sidecars_.clear();
    loop_.turn().end();
  }

  // False: somebody broke.
  bool run() {
    began_ = read_monotonic_clock();
    cpu_before_ = control_.usage().cpu_seconds;
    start_some();
    step_.arm(std::chrono::milliseconds(10));
    loop_.run();
    return problem_.empty();
  }
  [[nodiscard]] const std::string& problem() const { return problem_; }

  void on_endpoints(FleetSidecar& sidecar, std::string_view cluster) override {
    if (!changing_ || cluster != fleet_cluster(changed_) || !waits_[sidecar.number()]) return;
    waits_[sidecar.number()] = false;
    --waiting_;
    took_.push_back(to_ms(read_monotonic_clock() - changed_at_));
  }
  void on_generation(FleetSidecar& sidecar) override {
    if (sidecar.number() < heard_.size() && heard_[sidecar.number()] == 0) {
      ++settled_;
      --dialing_;
      start_some();
    }
    heard_[sidecar.number()] = sidecar.generation();
  }
  void on_broken(FleetSidecar& sidecar, const Error& error) override {
    if (problem_.empty()) {
      problem_ = nodes_[sidecar.number()].workload + ": " + to_string(error);
    }
    loop_.stop();
  }

  void on_timer(Timer&) override {
    step_.arm(std::chrono::milliseconds(10));
    if (settled_ < sidecars_.size() || waiting_ > 0) return;
    // Whoever only hears of the generation is heard out, so that each change begins in quiet.
    if (changing_ && !all_at_one_generation()) return;
    if (!changing_) report_start();
    if (changing_) report_change();
    if (made_ == 2 * options_.changes) return loop_.stop();
    change();
  }

 private:
  void start_some() {
    while (started_ < sidecars_.size() && dialing_ < options_.dialing_max) {
      heard_.push_back(0);
      ++dialing_;
      sidecars_[started_++]->start();
    }
  }

  [[nodiscard]] bool all_at_one_generation() const {
    const std::uint64_t newest = *std::ranges::max_element(heard_);
    return newest > generation_ &&
           std::ranges::all_of(heard_, [newest](std::uint64_t one) { return one == newest; });
  }

  void report_start() {
    const Usage usage = control_.usage();
    std::uint64_t bytes = 0;
    std::size_t clusters = 0;
    for (const auto& sidecar : sidecars_) {
      bytes += sidecar->bytes();
      clusters += sidecar->clusters();
    }
    tell("sidecars connected and settled", static_cast<double>(settled_), "");
    tell("  took", to_ms(read_monotonic_clock() - began_) / 1000, "s");
    tell("  CPU of the control plane", usage.cpu_seconds - cpu_before_, "s");
    tell("  told to each", static_cast<double>(bytes) / 1024 / static_cast<double>(settled_),
         "KiB");
    tell("  clusters of each", static_cast<double>(clusters) / static_cast<double>(settled_), "");
    tell("  memory of the control plane", usage.resident_mb, "MB");
  }

  // First the Service that everybody uses, then others.
  void change() {
    changing_ = true;
    const bool popular = made_ < options_.changes;
    changed_ = popular ? 0 : 1 + made_ - options_.changes;
    waits_.assign(sidecars_.size(), false);
    waiting_ = 0;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      const std::vector<std::size_t>& uses = nodes_[i].uses;
      waits_[i] = uses.empty() || std::ranges::binary_search(uses, changed_);
      waiting_ += waits_[i] ? 1U : 0U;
    }
    needing_ = waiting_;
    generation_ = heard_.empty() ? 0 : *std::ranges::max_element(heard_);
    took_.clear();
    cpu_before_ = control_.usage().cpu_seconds;
    ++made_;
    const std::string text = fleet_file(options_.figures, changed_, popular ? made_ : 1);
    changed_at_ = read_monotonic_clock();
    write_file(options_.directory + "/mesh/" + fleet_file_name(changed_), text);
  }

  void report_change() {
    auto& all = made_ <= options_.changes ? popular_ : others_;
    all.took.insert(all.took.end(), took_.begin(), took_.end());
    all.last.push_back(took_.empty() ? 0 : *std::ranges::max_element(took_));
    all.cpu += control_.usage().cpu_seconds - cpu_before_;
    all.needing += needing_;
    if (made_ != options_.changes && made_ != 2 * options_.changes) return;
    report(all, made_ == options_.changes ? "the Service that all use" : "some other Service");
  }

  struct Changes {
    std::vector<double> took;  // ms, of every sidecar that needed it
    std::vector<double> last;  // of each change
    double cpu = 0;
    std::size_t needing = 0;
  };
  void report(Changes& changes, const std::string& what) {
    std::ranges::sort(changes.took);
    const auto count = static_cast<double>(changes.last.size());
    const Usage usage = control_.usage();
    tell(fmt::format("one endpoint of {}: sidecars that need it", what),
         static_cast<double>(changes.needing) / count, "");
    tell("  answered, p50", percentile(changes.took, 0.5), "ms");
    tell("  answered, p99", percentile(changes.took, 0.99), "ms", options_.limits ? 1000 : 0);
    tell("  answered, the slowest", *std::ranges::max_element(changes.last), "ms");
    tell("  CPU of the control plane, each", changes.cpu / count * 1000, "ms");
    tell("  memory of the control plane", usage.resident_mb, "MB", options_.limits ? 400 : 0);
    tell("  the most it ever had", usage.resident_most_mb, "MB", options_.limits ? 400 : 0);
  }

  net::Loop& loop_;
  const Options& options_;
  const FleetControl& control_;
  Timer step_;
  std::vector<FleetNode> nodes_;
  std::vector<std::unique_ptr<FleetSidecar>> sidecars_;
  std::vector<std::uint64_t> heard_;  // generations, of those started
  std::vector<bool> waits_;
  std::vector<double> took_;
  Changes popular_;
  Changes others_;
  std::string problem_;
  TimePoint began_{};
  TimePoint changed_at_{};
  double cpu_before_ = 0;
  std::size_t started_ = 0;
  std::size_t dialing_ = 0;
  std::size_t settled_ = 0;
  std::size_t changed_ = 0;
  std::size_t made_ = 0;
  std::size_t waiting_ = 0;
  std::size_t needing_ = 0;
  std::uint64_t generation_ = 0;
  bool changing_ = false;
};

void write_mesh(const FleetFigures& figures, const std::string& directory) {
  ::mkdir(directory.c_str(), 0700);
  ::mkdir((directory + "/mesh").c_str(), 0700);
  for (std::size_t service = 0; service < figures.services; ++service) {
    write_file(directory + "/mesh/" + fleet_file_name(service), fleet_file(figures, service, 0));
  }
}

int complain(const std::string& what) {
  fmt::print(stderr, "fleet: {}\n", what);
  return 1;
}

int measure_fleet(const Options& options) {
  write_mesh(options.figures, options.directory);
  const Result<FleetControl> control =
      FleetControl::start(options.control, options.directory, options.core);
  if (!control) return complain(control.error().detail);
  tell("weft-control with the mesh read", control->usage().resident_mb, "MB");
  const Result<TlsMaterial> material = control->make_material();
  if (!material) return complain(material.error().detail);
  TlsSettings settings;
  settings.alpn = {"h2"};
  const auto context = tls::ClientContext::make(*material, settings, tls::Library::make());
  if (!context) return complain(context.error().detail);
  net::Loop loop;
  net::TcpConnector connector(loop);
  tls::Dialer dialer(loop.turn(), connector, *context,
                     {.address = control->address(),
                      .connect = {.timeout = std::chrono::seconds(20), .source = {}},
                      .tls = {.handshake_timeout = std::chrono::seconds(20)}});
  Fleet fleet(loop, options, *control, dialer);
  if (!fleet.run()) return complain(fleet.problem());
  return 0;
}

// A mesh of `services`, of which one real sidecar uses as many as the fleet's do.
Result<double> measure_sidecar(const Options& options, std::size_t services) {
  Options own = options;
  own.figures.services = services;
  own.figures.sidecars = std::min(own.figures.sidecars, services * own.figures.endpoints);
  own.directory = fmt::format("{}/memory-{}", options.directory, services);
  write_mesh(own.figures, own.directory);
  const bool dns = options.figures.redirected;
  const Result<FleetControl> control = FleetControl::start(
      options.control, own.directory, options.core,
      dns ? std::vector<std::string>{"--scoped-names"} : std::vector<std::string>{});
  if (!control) return fail(control.error());
  return resident_mb_of_sidecar(
      options.sidecar, own.directory, *control,
      dns ? std::vector<std::string>{"--dns-address", kDnsAddress} : std::vector<std::string>{});
}

int measure_memory(const Options& options) {
  double before = 0;
  for (const std::size_t services : {options.figures.uses, options.figures.services}) {
    const Result<double> resident = measure_sidecar(options, services);
    if (!resident) return complain(resident.error().detail);
    tell(fmt::format("weft-sidecar that uses {} of {} Services", options.figures.uses, services),
         *resident, "MB");
    if (services != options.figures.uses || before != 0) {
      tell("  more than in a mesh of those alone", std::max(0.0, *resident - before), "MB",
           options.limits ? 2 : 0);
    }
    before = *resident;
  }
  return 0;
}

int start(int argc, char** argv) {
  Options options;
  bool memory = false;
  bool no_limits = false;
  CLI::App app("fleet: one control plane and thousands of sidecars.");
  app.add_option("--control", options.control, "weft-control")->required();
  app.add_option("--sidecar", options.sidecar, "weft-sidecar, for --memory");
  app.add_option("--services", options.figures.services)->check(CLI::Range(2, 10'000));
  app.add_option("--endpoints", options.figures.endpoints, "of each")->check(CLI::Range(2, 100));
  app.add_option("--sidecars", options.figures.sidecars)->check(CLI::Range(1, 20'000));
  app.add_option("--uses", options.figures.uses, "Services that each declares; 0: the whole mesh");
  app.add_option("--changes", options.changes, "of each sort")->check(CLI::Range(1, 10'000));
  app.add_option("--core", options.core, "to which weft-control is pinned");
  app.add_flag("--memory", memory, "a real sidecar's, in place of the fleet");
  app.add_flag("--dns", options.figures.redirected,
               "with --memory: one that answers its pod's DNS, in a mesh whose calls are captured");
  app.add_flag("--no-limits", no_limits, "tell the figures and judge none");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  options.limits = !no_limits;
  if (options.figures.sidecars > options.figures.services * (options.figures.endpoints - 1)) {
    return complain("--sidecars: more than there are instances, but for the last of each Service");
  }
  if (options.changes >= options.figures.services) {
    return complain("--changes: more than there are Services");
  }
  std::string directory = "/tmp/weft-fleet-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return complain("no directory to write to");
  options.directory = directory;
  set_log_level(LogLevel::kWarn);
  net::raise_descriptor_limit();
  const int code = memory ? measure_memory(options) : measure_fleet(options);
  (void)demo::run({"/bin/rm", "-r", directory});
  if (code != 0) return code;
  return all_kept ? 0 : 1;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  const int code = weft::bench::start(argc, argv);
  weft::flush_log();
  return code;
}
