#include "control/cli/explain.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "control/cli/command.h"
#include "control/cli/mesh_source.h"
#include "control/cli/table.h"

namespace weft::control::cli {

namespace {

using nlohmann::json;

std::vector<Explained> fields_of(const EffectivePolicy& policy, PolicySide side) {
  std::vector<Explained> out;
  std::size_t at = 0;
  each_policy_field(
      [&](const PolicyField& field, const auto& setting) {
        EffectivePolicy::Source source = policy.source_of(at++);
        if (field.side != side) return;
        Explained one{.field = std::string(field.name),
                      .document = std::move(source.document),
                      .place = std::move(source.place)};
        if constexpr (requires { describe(field, *setting.value); }) {
          one.value = describe(field, *setting.value);
        } else {
          one.value = describe(*setting.value);
        }
        out.push_back(std::move(one));
      },
      policy.fields());
  return out;
}

std::string rule_name(const HttpRoute& route, const RouteRule& rule) {
  return rule.name.empty() ? std::to_string(&rule - route.rules.data()) : rule.name;
}

// "[NAMESPACE/]NAME[:RULE]".
bool is_asked(const std::string& question, const HttpRoute& route, const RouteRule& rule) {
  if (question.empty()) return true;
  const std::size_t colon = question.find(':');
  const std::string wanted = question.substr(0, colon);
  const bool named =
      wanted == route.metadata.name.name || wanted == route.metadata.name.to_string();
  return named &&
         (colon == std::string::npos || question.substr(colon + 1) == rule_name(route, rule));
}

Explanation::Port explain_port(const Mesh& mesh, const MeshService& service, const MeshPort& port,
                               const ExplainQuestion& question) {
  Explanation::Port out{.number = port.port};
  const PolicyScope scope{service, port, question.from};
  const EffectivePolicy plain(mesh, scope);
  out.destination = fields_of(plain, PolicySide::kDestination);
  if (const std::string& external = service.service->external_name; !external.empty()) {
    out.destination.push_back(
        {.field = "externalName",
         .value = fmt::format("{}, by the caller's DNS, port {}", external, port.port),
         .document = ObjectKey{Kind::kService, service.name()}.to_string(),
         .place = service.service->metadata.place});
  }
  if (service.service->own_node_only) {
    out.destination.push_back({.field = "internalTrafficPolicy",
                               .value = "Local: instances on the caller's node, else 503",
                               .document = ObjectKey{Kind::kService, service.name()}.to_string(),
                               .place = service.service->metadata.place});
  }
  if (!port.is_http()) return out;
  const auto* routes = mesh.find_routes(service.name(), port.port, question.from);
  if (routes == nullptr) {
    if (question.route.empty()) {
      out.requests.push_back({.fields = fields_of(plain, PolicySide::kRoute)});
    }
    return out;
  }
  for (const auto& route : *routes) {
    for (const RouteRule& rule : route->rules) {
      if (!is_asked(question.route, *route, rule)) continue;
      Explanation::Requests requests{.route = route->key().to_string(),
                                     .rule = rule_name(*route, rule)};
      for (const BackendRef& backend : rule.backends) {
        const std::uint16_t number = backend.port == 0 ? port.port : backend.port;
        const bool self = backend.service == service.name() && number == port.port;
        if (self && backend.subset.empty()) continue;
        requests.backends.push_back(
            fmt::format("{}:{}{}", backend.service.to_string(), number,
                        backend.subset.empty() ? "" : " subset " + backend.subset));
      }
      const EffectivePolicy policy(mesh, {service, port, question.from, route.get(), &rule});
      requests.fields = fields_of(policy, PolicySide::kRoute);
      out.requests.push_back(std::move(requests));
    }
  }
  return out;
}

std::string columns(const std::vector<Explained>& fields) {
  Table table({"  FIELD", "VALUE", "FROM", "WHERE"});
  for (const Explained& one : fields) {
    table.add({"  " + one.field, one.value, one.document, one.place});
  }
  return table.text();
}

json to_json(const std::vector<Explained>& fields) {
  json out = json::array();
  for (const Explained& one : fields) {
    json field = {{"field", one.field}, {"value", one.value}, {"document", one.document}};
    if (!one.place.empty()) field["place"] = one.place;
    out.push_back(std::move(field));
  }
  return out;
}

}  // namespace

void forget_lines(std::vector<Explained>& fields) {
  for (Explained& one : fields) one.place = one.place.substr(0, one.place.rfind(':'));
}

Result<Explanation> explain(const Mesh& mesh, const ExplainQuestion& question) {
  const Result<ObjectName> name = find_by_name(mesh.services, question.service, "Service");
  if (!name) return fail(name.error());
  const MeshService& service = mesh.services.at(*name);
  Explanation out{.service = name->to_string(), .from = question.from};
  for (const MeshPort& port : service.ports) {
    if (question.port && *question.port != port.port) continue;
    out.ports.push_back(explain_port(mesh, service, port, question));
  }
  if (out.ports.empty()) {
    return fail(Fault::kInvalid,
                fmt::format("Service {} has no port{}", name->to_string(),
                            question.port ? " " + std::to_string(*question.port) : ""));
  }
  bool found = question.route.empty();
  for (const Explanation::Port& port : out.ports) found = found || !port.requests.empty();
  if (!found) {
    return fail(Fault::kInvalid, fmt::format("no rule of a route to Service {} is '{}'",
                                             name->to_string(), question.route));
  }
  for (const Condition& condition : mesh.conditions) {
    const std::string& home = condition.about.name.name_space;
    const Kind kind = condition.about.kind;
    const bool policy = kind == Kind::kTrafficPolicy || kind == Kind::kDestinationRule ||
                        kind == Kind::kBackendTlsPolicy;
    if (!policy) continue;
    if (home != name->name_space && home != question.from) continue;
    out.warnings.push_back(fmt::format("{}: {} ({})", condition.about.to_string(),
                                       condition.message, condition.reason));
  }
  return out;
}

std::string Explanation::text() const {
  std::string out;
  for (const Port& port : ports) {
    if (!out.empty()) out += "\n";
    out += fmt::format("Service {} port {}{}\n", service, port.number,
                       from.empty() ? "" : ", called from namespace " + from);
    out += columns(port.destination);
    for (const Requests& requests : port.requests) {
      out += requests.route.empty()
                 ? "\nits requests, which no route takes\n"
                 : fmt::format("\nits requests by {} rule {}\n", requests.route, requests.rule);
      for (const std::string& backend : requests.backends) {
        out += fmt::format("  to Service {}, a destination of its own\n", backend);
      }
      out += columns(requests.fields);
    }
  }
  for (const std::string& warning : warnings) {
    out += fmt::format("{}warning: {}\n", &warning == warnings.data() ? "\n" : "", warning);
  }
  return out;
}

std::string Explanation::json() const {
  nlohmann::json page = {{"service", service},
                         {"from", from},
                         {"ports", nlohmann::json::array()},
                         {"warnings", warnings}};
  for (const Port& port : ports) {
    nlohmann::json one = {{"port", port.number},
                          {"destination", to_json(port.destination)},
                          {"requests", nlohmann::json::array()}};
    for (const Requests& requests : port.requests) {
      nlohmann::json by = {{"fields", to_json(requests.fields)}};
      if (!requests.route.empty()) {
        by["route"] = requests.route;
        by["rule"] = requests.rule;
        by["backends"] = requests.backends;
      }
      one["requests"].push_back(std::move(by));
    }
    page["ports"].push_back(std::move(one));
  }
  return page.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

namespace {

struct Options {
  std::string kind;
  ExplainQuestion question;
  std::uint16_t port = 0;
  MeshSource source;
  std::string output = "text";
};

int run(const Options& options) {
  if (options.kind != "service") return complain("only a service can be explained");
  const Result<LoadedMesh> loaded = load_mesh(options.source);
  if (!loaded) return complain(loaded.error().detail);
  ExplainQuestion question = options.question;
  if (options.port != 0) question.port = options.port;
  Result<Explanation> answer = explain(*loaded->mesh, question);
  for (const std::string& problem : loaded->problems) {
    fmt::print(stderr, "{}\n", printable(problem));
  }
  if (!answer) return complain(answer.error().detail);
  for (Explanation::Port& port : answer->ports) {
    if (loaded->has_lines) break;
    forget_lines(port.destination);
    for (Explanation::Requests& requests : port.requests) forget_lines(requests.fields);
  }
  fmt::print("{}", options.output == "json" ? answer->json() : answer->text());
  return kOk;
}

}  // namespace

void add_explain(CLI::App& app, Outcome& outcome) {
  auto* command = app.add_subcommand(
      "explain", "Every value that holds for the traffic to a Service, and where it comes from");
  auto options = std::make_shared<Options>();
  command->add_option("KIND", options->kind, "service")->required();
  command->add_option("NAME", options->question.service, "NAME, or NAMESPACE/NAME")->required();
  command->add_option("--port", options->port, "One port of the Service");
  command->add_option("--route", options->question.route,
                      "One HTTPRoute: [NAMESPACE/]NAME, or NAME:RULE for one rule of it");
  command->add_option("--from", options->question.from, "The namespace of the caller");
  add_mesh_source(*command, options->source);
  command->add_option("--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Values come from the most specific document that has the field: the route itself, then\n"
      "TrafficPolicies of the caller's namespace, then those beside what they name (rule, route, "
      "port,\nService, namespace), then MeshConfig, then weft.\n"
      "Exit: 0 explained, 2 there is no such thing.\n\n"
      "Example: weft explain service shop/cart --port 80 --config-dir shop");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
