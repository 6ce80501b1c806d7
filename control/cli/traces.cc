#include "control/cli/traces.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "control/cli/command.h"

namespace weft::control::cli {

namespace {

using nlohmann::json;

// Of one trace, so that what a sidecar claims costs little; deeper than that no tree is either.
constexpr std::size_t kSpansMax = 1000;

struct SpanLine {
  std::string id;
  std::string parent;
  std::string start;
  std::string text;
};

struct Trace {
  std::string newest;
  std::vector<SpanLine> spans;
};

// "GET shop/cart/main  server  3.2 ms  200  web-a"
SpanLine read_span(const json& span, const std::string& workload) {
  SpanLine out{.id = shown(span, "span_id"),
               .parent = shown(span, "parent_id"),
               .start = shown(span, "start")};
  const auto attributes = span.find("attributes");
  const json none = json::object();
  const json& all = attributes != span.end() && attributes->is_object() ? *attributes : none;
  std::string status = shown(all, "http.response.status_code");
  if (const std::string error = shown(all, "error.type"); !error.empty()) status += " " + error;
  const auto duration = span.find("duration_ms");
  out.text =
      fmt::format("{}  {}  {:.1f} ms{}{}  [{}]", shown(span, "name"), shown(span, "kind"),
                  duration != span.end() && duration->is_number() ? duration->get<double>() : 0.0,
                  status.empty() ? "" : "  ", status, printable(workload));
  if (span.value("error", json()) == json(true)) out.text += "  ERROR";
  return out;
}

void append_tree(const Trace& trace, const std::string& parent, const std::string& indent,
                 std::set<std::string>& printed, std::string& out) {
  std::vector<const SpanLine*> children;
  for (const SpanLine& span : trace.spans) {
    if (span.parent == parent && !printed.contains(span.id)) children.push_back(&span);
  }
  for (std::size_t i = 0; i < children.size(); ++i) {
    const bool last = i + 1 == children.size();
    printed.insert(children[i]->id);
    out += indent + (last ? "`- " : "|- ") + children[i]->text + "\n";
    append_tree(trace, children[i]->id, indent + (last ? "   " : "|  "), printed, out);
  }
}

// Roots are the spans whose parent nobody remembers: none, a foreign one, or one that was pushed
// out of its ring.
std::string tree_of(Trace& trace) {
  std::ranges::stable_sort(trace.spans, {}, &SpanLine::start);
  std::set<std::string> ids;
  for (const SpanLine& span : trace.spans) ids.insert(span.id);
  for (SpanLine& span : trace.spans) {
    if (!ids.contains(span.parent) || span.parent == span.id) span.parent.clear();
  }
  std::set<std::string> printed;
  std::string out;
  append_tree(trace, "", "  ", printed, out);
  return out;
}

}  // namespace

std::string make_trace_trees(const std::vector<SidecarPage>& sidecars, std::size_t traces_max) {
  std::map<std::string, Trace> traces;
  std::set<std::pair<std::string, std::string>> seen;
  for (const SidecarPage& sidecar : sidecars) {
    const json page = json::parse(sidecar.body, nullptr, false);
    if (!page.is_object() || !page.contains("traces") || !page["traces"].is_array()) continue;
    for (const json& trace : page["traces"]) {
      if (!trace.is_object() || !trace.contains("spans") || !trace["spans"].is_array()) continue;
      const std::string id = shown(trace, "trace_id");
      for (const json& span : trace["spans"]) {
        if (!span.is_object() || !seen.emplace(id, shown(span, "span_id")).second) continue;
        SpanLine line = read_span(span, sidecar.workload);
        Trace& whole = traces[id];
        if (whole.spans.size() >= kSpansMax) continue;
        whole.newest = std::max(whole.newest, line.start);
        whole.spans.push_back(std::move(line));
      }
    }
  }
  std::vector<std::pair<std::string, Trace*>> newest;
  for (auto& [id, trace] : traces) newest.emplace_back(id, &trace);
  std::ranges::stable_sort(
      newest, [](const auto& a, const auto& b) { return a.second->newest > b.second->newest; });
  if (newest.size() > traces_max) newest.resize(traces_max);
  std::string out;
  for (const auto& [id, trace] : newest) {
    out += fmt::format("{}trace {}  {} span{}\n", out.empty() ? "" : "\n", id, trace->spans.size(),
                       trace->spans.size() == 1 ? "" : "s");
    out += tree_of(*trace);
  }
  return out;
}

namespace {

struct Options {
  std::string control = kControlAdmin;
  std::size_t count = 5;
};

int run(const Options& options) {
  const Result<std::vector<SidecarPage>> pages = ask_sidecars(options.control, "/traces");
  if (!pages) return complain(pages.error().detail);
  const std::string trees = make_trace_trees(*pages, options.count);
  fmt::print("{}", trees.empty() ? "no traces yet\n" : trees);
  return kOk;
}

}  // namespace

void add_traces(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("traces", "The last traces as trees, from the sidecars' own memory");
  auto options = std::make_shared<Options>();
  command->add_option("--control", options->control, "Admin address of weft-control")
      ->capture_default_str();
  command->add_option("-n,--count", options->count, "How many traces")->capture_default_str();
  command->footer("No collector is needed. Which requests are traced: MeshConfig spec.tracing.");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
