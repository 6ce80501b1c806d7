#include "control/cli/status.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/cli/command.h"
#include "control/cli/fetch.h"
#include "control/cli/table.h"
#include "sidecar/core/strings.h"

namespace weft::control::cli {

namespace {

using nlohmann::json;

// "4s", "12m", "3h"; "-" where there is no number.
std::string age(const json& seconds) {
  if (!seconds.is_number()) return "-";
  const double value = seconds.get<double>();
  if (value < 120) return fmt::format("{:.0f}s", value);
  if (value < 7200) return fmt::format("{:.0f}m", value / 60);
  return fmt::format("{:.0f}h", value / 3600);
}

std::string text_of(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) return "";
  return at->is_string() ? printable(at->get<std::string>()) : at->dump();
}

const json& list_of(const json& object, const char* key) {
  static const json kEmpty = json::array();
  const auto at = object.find(key);
  return at != object.end() && at->is_array() ? *at : kEmpty;
}

const json& member_of(const json& object, const char* key) {
  static const json kNothing;
  const auto at = object.find(key);
  return at == object.end() ? kNothing : *at;
}

std::string sidecar_table(const json& mesh, bool& well) {
  Table table({"SIDECAR", "ADDRESS", "STATE", "GENERATION", "LAST ANSWER", "REFUSED"});
  for (const json& sidecar : list_of(mesh, "sidecars")) {
    const std::string state = text_of(sidecar, "state");
    const std::size_t refused = list_of(sidecar, "refused").size();
    well = well && state == "current" && refused == 0;
    const json& generation = member_of(sidecar, "generation");
    table.add({text_of(sidecar, "workload"), text_of(sidecar, "address"), state,
               generation.is_number() && generation != json(0) ? generation.dump() : "-",
               age(member_of(sidecar, "answered_seconds_ago")),
               refused == 0 ? "-" : std::to_string(refused)});
  }
  return table.text();
}

// Other replicas of weft-control that are silent: what they serve is not in the table above.
std::string silent_replicas(const json& mesh, bool& well) {
  std::string out;
  for (const json& replica : list_of(mesh, "replicas")) {
    if (member_of(replica, "answers") != json(false)) continue;
    well = false;
    out += fmt::format(
        "warning: weft-control at {} does not answer: the sidecars that it serves are \"missing\" "
        "here\n",
        text_of(replica, "address"));
  }
  return out;
}

std::string policy_table(const json& mesh) {
  if (list_of(mesh, "policies").empty()) return "";
  Table table({"POLICY", "ACCEPTED", "PROGRAMMED", "MESSAGE"});
  for (const json& policy : list_of(mesh, "policies")) {
    const bool accepted = member_of(policy, "accepted") == json(true);
    table.add({text_of(policy, "policy"), accepted ? "yes" : text_of(policy, "accepted_reason"),
               member_of(policy, "programmed") == json(true) ? "yes" : text_of(policy, "reason"),
               text_of(policy, "message")});
  }
  return "\n" + table.text();
}

// "shop/cart:80", as far as the parentRef says it.
std::string parent_name(const json& parent) {
  std::string out = text_of(parent, "namespace");
  if (!out.empty()) out += "/";
  out += text_of(parent, "name");
  if (parent.contains("port")) out += ":" + text_of(parent, "port");
  if (parent.contains("sectionName")) out += " " + text_of(parent, "sectionName");
  return out;
}

std::string route_table(const json& mesh) {
  Table table({"ROUTE", "PARENT", "ACCEPTED", "RESOLVED", "GENERATION", "MESSAGE"});
  bool any = false;
  for (const json& route : list_of(mesh, "routes")) {
    for (const json& parent : list_of(route, "parents")) {
      any = true;
      std::string accepted = "-";
      std::string resolved = "-";
      std::string message;
      for (const json& condition : list_of(parent, "conditions")) {
        const bool holds = text_of(condition, "status") == "True";
        const std::string type = text_of(condition, "type");
        if (type == "Accepted") accepted = holds ? "yes" : text_of(condition, "reason");
        if (type == "ResolvedRefs") resolved = holds ? "yes" : text_of(condition, "reason");
        const std::string said = text_of(condition, "message");
        if (!said.empty()) message += (message.empty() ? "" : "; ") + said;
      }
      table.add({text_of(route, "route"), parent_name(member_of(parent, "parentRef")), accepted,
                 resolved, text_of(route, "observedGeneration"), message});
    }
  }
  return any ? "\n" + table.text() : "";
}

std::string refusals(const json& mesh) {
  std::string out;
  for (const char* list : {"sidecars", "clients"}) {
    for (const json& node : list_of(mesh, list)) {
      for (const json& refusal : list_of(node, "refused")) {
        out += fmt::format("refused by {}: {}: {}\n",
                           text_of(node, node.contains("workload") ? "workload" : "node"),
                           text_of(refusal, "type"), text_of(refusal, "why"));
      }
    }
  }
  return out;
}

std::string problems(const json& mesh, bool& well) {
  std::string out;
  for (const json& problem : list_of(mesh, "problems")) {
    well = false;
    out += fmt::format(
        "error: {}{}\n", text_of(problem, "text"),
        member_of(problem, "older_holds") == json(true) ? " (the version before holds)" : "");
  }
  for (const json& condition : list_of(mesh, "conditions")) {
    out += fmt::format("warning: {}: {} ({})\n", text_of(condition, "about"),
                       text_of(condition, "message"), text_of(condition, "reason"));
  }
  return out;
}

}  // namespace

Result<StatusPage> make_status_page(std::string_view text) {
  const json mesh = json::parse(text, nullptr, false);
  if (!mesh.is_object()) return fail(Fault::kInvalid, "the answer is not what weft-control gives");
  StatusPage page;
  const std::string table = sidecar_table(mesh, page.well);
  std::size_t current = 0;
  std::size_t connected = 0;
  for (const json& sidecar : list_of(mesh, "sidecars")) {
    const std::string state = text_of(sidecar, "state");
    if (state != "missing") ++connected;
    if (state == "current") ++current;
  }
  const std::size_t all = list_of(mesh, "sidecars").size();
  page.text = fmt::format("mesh {}, generation {}: {} of {} sidecars connected, {} current",
                          text_of(mesh, "trust_domain"), text_of(mesh, "generation"), connected,
                          all, current);
  if (const std::size_t clients = list_of(mesh, "clients").size(); clients != 0) {
    page.text += fmt::format(", {} gRPC client{} without one", clients, clients == 1 ? "" : "s");
  }
  if (const std::size_t others = list_of(mesh, "replicas").size(); others != 0) {
    page.text += fmt::format(", {} weft-control beside this one", others);
  }
  page.text += "\n\n" + table + route_table(mesh) + policy_table(mesh);
  const std::string refused = refusals(mesh);
  const std::string wrong = silent_replicas(mesh, page.well) + problems(mesh, page.well);
  if (!refused.empty()) page.text += "\n" + refused;
  if (!wrong.empty()) page.text += "\n" + wrong;
  return page;
}

namespace {

struct Options {
  std::string control = kControlAdmin;
  bool json = false;
};

int run(const Options& options) {
  const Result<SocketAddress> address = SocketAddress::parse(options.control);
  if (!address) return complain("--control: " + address.error().detail);
  const Result<std::string> body = fetch({*address, "/mesh"});
  if (!body) {
    return complain(fmt::format("weft-control at {}: {}", options.control, body.error().detail));
  }
  const Result<StatusPage> page = make_status_page(*body);
  if (!page) return complain(page.error().detail);
  fmt::print("{}", options.json ? *body : page->text);
  return page->well ? kOk : kNotWell;
}

}  // namespace

void add_status(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "status", "Who has which configuration, who refused what, which route holds where");
  auto options = std::make_shared<Options>();
  command->add_option("--control", options->control, "Admin address of weft-control")
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print what weft-control says as it is");
  command->footer(
      "STATE: current has the newest generation in full; behind has not answered it yet; refused "
      "has\n"
      "it but for what it refused; missing has a Workload and no connection; unknown is served by\n"
      "another weft-control, of a version that does not tell. Any of several knows the sidecars "
      "of\n"
      "all; GENERATION counts in the numbers of the one that serves the sidecar.\n"
      "Exit: 0 all current, 1 something is behind, missing, refused or wrong, 2 no answer.");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
