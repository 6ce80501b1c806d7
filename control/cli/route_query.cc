#include "control/cli/route_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "control/cli/command.h"
#include "control/cli/mesh_source.h"
#include "control/cli/table.h"
#include "control/planner/captured_clusters.h"
#include "control/planner/planner.h"
#include "sidecar/config/route_table.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/message.h"
#include "xds/from_proto.h"

namespace weft::control::cli {

namespace {

struct Url {
  std::string authority;
  std::string target;
};

Result<Url> parse_url(const std::string& text) {
  const auto bad = [&](std::string_view why) {
    return fail(Fault::kInvalid, fmt::format("'{}': {}", escape(text, 256), why));
  };
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    return bad("the mesh encrypts by itself; ask for http://");
  }
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  const std::size_t slash = rest.find('/');
  Url out{.authority = to_lower(rest.substr(0, slash)),
          .target = slash == std::string_view::npos ? "/" : std::string(rest.substr(slash))};
  const bool printable_only =
      std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (out.authority.empty() || !printable_only) return bad("want http://HOST[:PORT]/PATH");
  // A fragment stays with the client (RFC 9110 4.2.5).
  out.target = out.target.substr(0, out.target.find('#'));
  return out;
}

// The Workload that calls.
Result<const Workload*> find_caller(const Mesh& mesh, const std::string& from) {
  const Workload* by_app = nullptr;
  const Workload* by_namespace = nullptr;
  for (const auto& [name, workload] : mesh.workloads) {
    if (!workload->sidecar) continue;
    if (from.empty() || name.to_string() == from || name.name == from) return workload.get();
    if (by_app == nullptr && workload->canonical_service() == from) by_app = workload.get();
    if (by_namespace == nullptr && name.name_space == from) by_namespace = workload.get();
  }
  if (by_app != nullptr) return by_app;
  if (by_namespace != nullptr) return by_namespace;
  return fail(Fault::kInvalid, from.empty() ? "no Workload has a sidecar"
                                            : fmt::format("no Workload with a sidecar is, belongs "
                                                          "to or lives in '{}'",
                                                          escape(from, 128)));
}

// As a sidecar on that node reads it.
template <typename T>
Result<T> told(const xds::ResourceSet& set, std::string_view type, const std::string& name,
               const std::string& node) {
  const auto* table = set.find(type);
  const auto at =
      table == nullptr ? decltype(table->resources.end()){} : table->resources.find(name);
  if (table == nullptr || at == table->resources.end()) {
    return fail(Fault::kInvalid, fmt::format("{} is not told", name));
  }
  xds::Findings findings;
  Result<xds::Decoded> read = xds::decode(
      at->second->body, {.unknown = xds::UnknownFields::kRefuse, .read_file = {}, .own_node = node},
      findings);
  if (!read) return fail(read.error());
  return std::get<T>(std::move(*read));
}

std::string describe(const config::Endpoint& endpoint) {
  std::string out = endpoint.address.to_string();
  if (!endpoint.workload.empty()) out += " " + endpoint.workload.str();
  if (!endpoint.version.empty()) out += " " + endpoint.version.str();
  return out;
}

RouteAnswer::Group group_of(const xds::ResourceSet& set, const config::WeightedCluster& weighted,
                            const std::string& node) {
  RouteAnswer::Group out{.cluster = weighted.cluster, .weight = weighted.weight};
  const auto endpoints = told<config::EndpointSet>(
      set, "envoy.config.endpoint.v3.ClusterLoadAssignment", weighted.cluster, node);
  if (!endpoints) {
    const auto cluster =
        told<config::ClusterConfig>(set, "envoy.config.cluster.v3.Cluster", weighted.cluster, node);
    if (!cluster) return out;
    for (const config::ClusterConfig::DnsTarget& target : cluster->dns_targets) {
      out.endpoints.push_back(fmt::format("{}:{}, as it resolves", target.host, target.port));
    }
    return out;
  }
  out.elsewhere = endpoints->elsewhere;
  for (const config::Endpoint& endpoint : endpoints->endpoints) {
    out.endpoints.push_back(describe(endpoint));
  }
  return out;
}

void add_action(const xds::ResourceSet& set, const config::Route& route, const std::string& node,
                RouteAnswer& out) {
  if (const auto* redirect = std::get_if<config::RedirectAction>(&route.action)) {
    out.outcome = fmt::format("redirected with {}", redirect->status);
  } else if (const auto* answer = std::get_if<config::DirectResponse>(&route.action)) {
    out.outcome = fmt::format("answered with {}", answer->status);
  } else {
    out.outcome = "forwarded";
    for (const config::WeightedCluster& weighted :
         std::get<config::ForwardAction>(route.action).clusters) {
      out.groups.push_back(group_of(set, weighted, node));
    }
  }
}

// The rule behind a route's name, "shop/cart/main"; what was written for its requests.
void add_policies(const Mesh& mesh, const std::string& from, RouteAnswer& out) {
  for (const auto& [name, service] : mesh.services) {
    for (const MeshPort& port : service.ports) {
      if (fmt::format("{}:{}", service.host, port.port) != out.host) continue;
      ExplainQuestion question{.service = name.to_string(), .port = port.port, .from = from};
      if (const std::size_t slash = out.route.rfind('/'); slash != std::string::npos) {
        question.route = out.route.substr(0, slash) + ":" + out.route.substr(slash + 1);
      }
      const Result<Explanation> explained = explain(mesh, question);
      if (!explained || explained->ports.front().requests.empty()) return;
      for (const Explained& one : explained->ports.front().requests.front().fields) {
        if (!one.place.empty()) out.policies.push_back(one);
      }
      return;
    }
  }
}

// ---- callers whose traffic is redirected ----

// The Service that the client's resolver finds under that name, as Kubernetes' DNS does.
const MeshService* resolve(const Mesh& mesh, const std::string& host,
                           const std::string& name_space) {
  for (const auto& [name, service] : mesh.services) {
    const std::string full = name.name + "." + name.name_space;
    if (host == full || host == full + ".svc" || host == service.host ||
        (host == name.name && name.name_space == name_space)) {
      return &service;
    }
  }
  return nullptr;
}

bool is_at(const Workload& workload, const IpAddress& address) {
  return workload.address == address ||
         std::ranges::find(workload.more_addresses, address) != workload.more_addresses.end();
}

// A call to an address that no Service has: to whoever is there, by no route.
void answer_direct(const Mesh& mesh, const SocketAddress& address, RouteAnswer& out) {
  out.host = address.to_string();
  for (const auto& [name, workload] : mesh.workloads) {
    if (!is_at(*workload, address.ip())) continue;
    out.route = "direct";
    out.outcome = workload->sidecar ? "forwarded with mTLS, by no route: it is a pod's own address"
                                    : "forwarded in the clear, by no route: no sidecar is there";
    out.groups = {
        {.cluster = std::string(kDirectHttp1), .endpoints = {out.host + " " + name.name}}};
    return;
  }
  if (mesh.config->deny_unknown) {
    out.outcome = "answered with 403: nobody of the mesh is there, and MeshConfig denies unknown";
    return;
  }
  out.route = "direct";
  out.outcome = "passed on as it is: nobody of the mesh is there";
  out.groups = {{.cluster = std::string(kDirectHttp1), .endpoints = {out.host}}};
}

// The address that such a caller calls; none when `out` has the answer already.
SocketAddress find_destination(const Mesh& mesh, const Workload& caller, const Url& url,
                               RouteAnswer& out) {
  const bool bracketed = url.authority.starts_with('[');
  const std::size_t colon =
      bracketed && url.authority.ends_with(']') ? std::string::npos : url.authority.rfind(':');
  std::string host = url.authority.substr(0, colon);
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto port = colon == std::string::npos ? std::optional<std::uint64_t>(80)
                                               : parse_u64(url.authority.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) {
    out.outcome = "not a call: that is no port";
    return {};
  }
  const auto number = static_cast<std::uint16_t>(*port);
  if (const Result<IpAddress> address = IpAddress::parse(host)) return {*address, number};
  const MeshService* service = resolve(mesh, host, caller.metadata.name.name_space);
  if (service == nullptr) {
    out.outcome = "as the name resolves: no Service of the mesh has it";
    return {};
  }
  if (const std::string& external = service->service->external_name; !external.empty()) {
    out.outcome =
        fmt::format("as {} resolves, by no route: the Service is an ExternalName", external);
    return {};
  }
  if (!service->service->cluster_addresses.empty()) {
    return {service->service->cluster_addresses.front(), number};
  }
  out.host = fmt::format("{}:{}", service->host, number);
  if (!service->service->headless) {
    out.outcome = "not a call: the Service has no clusterIP, by which a redirected app calls it";
    return {};
  }
  out.route = "direct";
  out.outcome = "forwarded to the one that the client chose, by no route: the Service is headless";
  RouteAnswer::Group group{.cluster = std::string(kDirectHttp1)};
  for (const MeshPort& one : service->ports) {
    for (const Instance& instance : one.instances) {
      if (instance.port != number && one.port != number) continue;
      group.endpoints.push_back(
          fmt::format("{} {}", SocketAddress(instance.workload->address, number).to_string(),
                      instance.workload->metadata.name.name));
    }
  }
  out.groups.push_back(std::move(group));
  return {};
}

}  // namespace

Result<RouteAnswer> ask_route(const std::shared_ptr<const Mesh>& mesh, const RouteQuery& query) {
  const Result<Url> url = parse_url(query.url);
  if (!url) return fail(url.error());
  const Result<const Workload*> caller = find_caller(*mesh, query.from);
  if (!caller) return fail(caller.error());
  const ObjectName& name = (*caller)->metadata.name;
  const auto set = plan(mesh, Node::parse(Node::make_id((*caller)->address.to_string(), name)));
  RouteAnswer out{.caller = ObjectKey{Kind::kWorkload, name}.to_string(),
                  .outcome = "answered with 404: nobody in the mesh has that name"};
  const bool redirected = (*caller)->redirected;
  SocketAddress destination;
  if (redirected) {
    destination = find_destination(*mesh, **caller, *url, out);
    if (destination.is_none()) return out;
  }
  Result<config::RouteConfig> routes = told<config::RouteConfig>(
      *set, "envoy.config.route.v3.RouteConfiguration",
      std::string(redirected ? kDestinationsName : kOutboundName), (*caller)->node);
  if (!routes) return fail(routes.error());
  const auto table = config::RouteTable::compile(std::move(*routes));
  if (!table) return fail(table.error());

  http::RequestHead head;
  head.method_name = query.method;
  head.method = http::method_of(query.method);
  head.authority = url->authority;
  head.target = url->target;
  for (const auto& [field, value] : query.headers) head.headers.add_copy(field, value);
  Random random(1);
  const std::string host = redirected ? destination.to_string() : url->authority;
  const config::RouteTable::Match match = (*table)->match(head, host, random);
  if (match.host == nullptr) {
    if (redirected) answer_direct(*mesh, destination, out);
    return out;
  }
  out.host = match.host->name;
  out.outcome = "answered with 404: no route takes it";
  if (match.route == nullptr) return out;
  out.route = match.route->name;
  add_action(*set, *match.route, (*caller)->node, out);
  add_policies(*mesh, name.name_space, out);
  return out;
}

std::string RouteAnswer::text() const {
  std::string out = fmt::format("from   {}\n", caller);
  if (!host.empty()) out += fmt::format("to     {}\n", host);
  if (!route.empty()) out += fmt::format("route  {}\n", route);
  out += fmt::format("       {}\n", outcome);
  for (const Group& group : groups) {
    out += fmt::format("\ngroup  {}{}\n", group.cluster,
                       groups.size() > 1 ? fmt::format(", weight {}", group.weight) : "");
    for (const std::string& endpoint : group.endpoints) out += "       " + endpoint + "\n";
    if (!group.endpoints.empty()) continue;
    out += group.elsewhere == 0 ? "       nobody is ready: 503\n"
                                : "       nobody is ready on the caller's node, and the Service's "
                                  "internalTrafficPolicy is Local: 503\n";
  }
  if (policies.empty()) return out;
  Table table({"FIELD", "VALUE", "FROM", "WHERE"});
  for (const Explained& one : policies) table.add({one.field, one.value, one.document, one.place});
  return out + "\n" + table.text();
}

std::string RouteAnswer::json() const {
  nlohmann::json page = {{"from", caller},
                         {"host", host},
                         {"route", route},
                         {"outcome", outcome},
                         {"groups", nlohmann::json::array()},
                         {"policies", nlohmann::json::array()}};
  for (const Group& group : groups) {
    page["groups"].push_back(
        {{"cluster", group.cluster}, {"weight", group.weight}, {"endpoints", group.endpoints}});
  }
  for (const Explained& one : policies) {
    page["policies"].push_back({{"field", one.field},
                                {"value", one.value},
                                {"document", one.document},
                                {"place", one.place}});
  }
  return page.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

namespace {

struct Options {
  RouteQuery query;
  std::vector<std::string> headers;
  MeshSource source;
  std::string output = "text";
};

int run(const Options& options) {
  RouteQuery query = options.query;
  for (const std::string& header : options.headers) {
    const std::size_t colon = header.find(':');
    const std::string name(trim(std::string_view(header).substr(0, colon)));
    if (colon == std::string::npos || !check_header_name(name).empty()) {
      return complain(fmt::format("-H '{}': want 'name: value'", header));
    }
    query.headers.emplace_back(name, trim(std::string_view(header).substr(colon + 1)));
  }
  const Result<LoadedMesh> loaded = load_mesh(options.source);
  if (!loaded) return complain(loaded.error().detail);
  for (const std::string& problem : loaded->problems) {
    fmt::print(stderr, "{}\n", printable(problem));
  }
  Result<RouteAnswer> answer = ask_route(loaded->mesh, query);
  if (!answer) return complain(answer.error().detail);
  if (!loaded->has_lines) forget_lines(answer->policies);
  fmt::print("{}", options.output == "json" ? answer->json() : answer->text());
  return answer->route.empty() ? kNotWell : kOk;
}

}  // namespace

void add_route(CLI::App& app, Outcome& outcome) {
  auto* command =
      app.add_subcommand("route", "Where one request would go, by the code the sidecar runs");
  auto options = std::make_shared<Options>();
  command->add_option("METHOD", options->query.method, "GET, POST, …")->required();
  command->add_option("URL", options->query.url, "http://HOST[:PORT]/PATH")->required();
  command->add_option("-H,--header", options->headers,
                      "A header, 'name: value'; as often as needed");
  command->add_option("--from", options->query.from,
                      "Who calls: a Workload, an app or a namespace");
  add_mesh_source(*command, options->source);
  command->add_option("--output", options->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->footer(
      "Exit: 0 there is a route, 1 there is none, 2 it could not be asked.\n\n"
      "Example: weft route GET http://cart/api -H 'canary: true' --from web --config-dir shop");
  command->callback([options, &outcome] { outcome.code = run(*options); });
}

}  // namespace weft::control::cli
