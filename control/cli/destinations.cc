#include "control/cli/destinations.h"

#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "control/cli/command.h"
#include "control/cli/table.h"

namespace weft::control::cli {

namespace {

using nlohmann::json;

const json& member_of(const json& object, std::string_view key) {
  static const json kNothing;
  const json* found = member(&object, key);
  return found == nullptr ? kNothing : *found;
}

std::string milliseconds_of(const json& object, const char* key) {
  const json& member = member_of(object, key);
  if (!member.is_number() || member.get<double>() <= 0) return "-";
  return fmt::format("{:.1f} ms", member.get<double>());
}

// Calls `visit(workload, name, cluster)` for every destination that is asked about.
template <typename Visit>
void each_destination(const std::vector<SidecarPage>& sidecars, std::string_view about,
                      Visit visit) {
  for (const SidecarPage& sidecar : sidecars) {
    const json page = json::parse(sidecar.body, nullptr, false);
    const json& clusters = member_of(page, "clusters");
    if (!clusters.is_array()) continue;
    for (const json& cluster : clusters) {
      const std::string name = shown(cluster, "name", "-");
      if (name.find(about) == std::string::npos) continue;
      visit(sidecar.workload, name, cluster);
    }
  }
}

}  // namespace

std::string make_breaker_table(const std::vector<SidecarPage>& sidecars, std::string_view about,
                               bool& rests) {
  Table table(
      {"SIDECAR", "DESTINATION", "BREAKER", "ATTEMPTS", "FAILED", "SLOW", "IN A ROW", "OPEN FOR"});
  bool any = false;
  each_destination(
      sidecars, about,
      [&](const std::string& workload, const std::string& name, const json& cluster) {
        const json& breaker = member_of(cluster, "breaker");
        if (!breaker.is_object()) return;
        any = true;
        const std::string state = shown(breaker, "state", "-");
        rests = rests || state != "closed";
        table.add({workload, name, state, shown(breaker, "attempts", "-"),
                   shown(breaker, "failed", "-"), shown(breaker, "slow", "-"),
                   shown(breaker, "in_a_row", "-"), milliseconds_of(breaker, "open_for_ms")});
      });
  return any ? table.text() : "";
}

std::string make_endpoint_table(const std::vector<SidecarPage>& sidecars, std::string_view about) {
  Table table({"SIDECAR", "DESTINATION", "ENDPOINT", "STATE", "WEIGHT", "ACTIVE", "CONNECTIONS",
               "OK", "FAILED", "LATENCY"});
  bool any = false;
  each_destination(
      sidecars, about,
      [&](const std::string& workload, const std::string& name, const json& cluster) {
        const json& endpoints = member_of(cluster, "endpoints");
        if (!endpoints.is_array()) return;
        for (const json& endpoint : endpoints) {
          any = true;
          table.add({workload, name, shown(endpoint, "address", "-"), shown(endpoint, "state", "-"),
                     shown(endpoint, "weight", "-"), shown(endpoint, "active", "-"),
                     shown(endpoint, "connections", "-"), shown(endpoint, "ok", "-"),
                     shown(endpoint, "failed", "-"), milliseconds_of(endpoint, "latency_ms")});
        }
      });
  return any ? table.text() : "";
}

namespace {

struct Options {
  std::string control = kControlAdmin;
  std::string about;
};

int run_breakers(const Options& options) {
  const Result<std::vector<SidecarPage>> pages =
      ask_sidecars(options.control, "/clusters?format=json");
  if (!pages) return complain(pages.error().detail);
  bool rests = false;
  const std::string table = make_breaker_table(*pages, options.about, rests);
  fmt::print("{}", table.empty() ? "no circuit breaker\n" : table);
  return rests ? kNotWell : kOk;
}

int run_endpoints(const Options& options) {
  const Result<std::vector<SidecarPage>> pages =
      ask_sidecars(options.control, "/clusters?format=json");
  if (!pages) return complain(pages.error().detail);
  const std::string table = make_endpoint_table(*pages, options.about);
  fmt::print("{}", table.empty() ? "no endpoints\n" : table);
  return kOk;
}

void add(CLI::App& app, Outcome& outcome, const char* name, const char* what, const char* more,
         int (*run)(const Options&)) {
  auto* command = app.add_subcommand(name, what);
  auto options = std::make_shared<Options>();
  command->add_option("DESTINATION", options->about,
                      "Only destinations whose name contains this, as cart.shop");
  command->add_option("--control", options->control, "Admin address of weft-control")
      ->capture_default_str();
  command->footer(more);
  command->callback([options, run, &outcome] { outcome.code = run(*options); });
}

}  // namespace

void add_breakers(CLI::App& app, Outcome& outcome) {
  add(app, outcome, "breakers", "The circuit breakers of all sidecars, as they are now",
      "Exit code 1: one of them is not closed. What opens them: TrafficPolicy spec.circuitBreaker.",
      run_breakers);
}

void add_endpoints(CLI::App& app, Outcome& outcome) {
  add(app, outcome, "endpoints", "Where each sidecar sends, and how it goes there",
      "LATENCY: where peak EWMA balances by it. Ejection: TrafficPolicy spec.outlier.",
      run_endpoints);
}

}  // namespace weft::control::cli
