#include "control/route_attachment.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "control/backend.h"

namespace weft::control {

namespace {

template <typename Route>
using RouteMap = std::map<RouteScope, std::vector<std::shared_ptr<const Route>>>;

class RouteAttachment final {
 public:
  explicit RouteAttachment(Mesh& mesh) : mesh_(mesh) {}

  void run(const RouteObjects& objects) {
    for (const auto& route : objects.http) {
      for (const ParentRef& parent : route->parents) attach(route, parent, true, mesh_.routes);
    }
    for (const auto& route : objects.streams) {
      for (const ParentRef& parent : route->parents) attach(route, parent, false, mesh_.streams);
    }
    keep_one_kind(mesh_.routes, Kind::kGrpcRoute);
    keep_one_kind(mesh_.streams, Kind::kTlsRoute);
    keep_oldest_tcp();
    for (const auto& route : objects.http) {
      check(route->key(), route->rules, {.clients = clients_of(*route)});
    }
    for (const auto& route : objects.streams) {
      check(route->key(), route->rules, {.clients = clients_of(*route), .http = false});
    }
    attach_virtual_services(objects.virtual_services);
  }

 private:
  void say(const ObjectKey& about, std::string type, std::string reason, std::string message) {
    Condition condition{.about = about,
                        .type = std::move(type),
                        .reason = std::move(reason),
                        .message = std::move(message)};
    // What is wrong in one place may be met from several.
    if (std::ranges::find(mesh_.conditions, condition) == mesh_.conditions.end()) {
      mesh_.conditions.push_back(std::move(condition));
    }
  }

  // ---- Gateway API ----

  template <typename Route>
  void attach(const std::shared_ptr<const Route>& route, const ParentRef& parent, bool http,
              RouteMap<Route>& routes) {
    const ObjectName& name = route->metadata.name;
    const MeshService* service = mesh_.find_service(parent.service);
    if (service == nullptr) {
      say(route->key(), "Accepted", "NoMatchingParent",
          fmt::format("there is no Service {}", parent.service.to_string()));
      return;
    }
    // GEP-1294: a route beside its Service holds for all clients, one elsewhere for clients of its
    // own namespace.
    const bool producer = name.name_space == parent.service.name_space;
    bool matched = false;
    for (const MeshPort& port : service->ports) {
      if (parent.port && *parent.port != port.port) continue;
      if (!parent.section.empty() && parent.section != port.name) continue;
      matched = true;
      if (port.is_http() != http) {
        if (parent.port || !parent.section.empty()) {
          say(route->key(), "Accepted", "NotAllowedByParent",
              fmt::format("port {} of Service {} is {}HTTP", port.port, parent.service.to_string(),
                          http ? "not " : ""));
        }
        continue;
      }
      auto& held = routes[{parent.service, port.port, producer ? "" : name.name_space}];
      if (std::ranges::find(held, route) == held.end()) held.push_back(route);
    }
    if (!matched) {
      say(route->key(), "Accepted", "NoMatchingParent",
          fmt::format("Service {} has no port {}", parent.service.to_string(),
                      parent.port ? std::to_string(*parent.port) : parent.section));
    }
  }

  void say_conflict(const ObjectKey& loser, const ObjectKey& winner, const RouteScope& scope) {
    say(loser, "Accepted", "Conflicted",
        fmt::format(
            "Service {} port {}: {} holds instead{}", scope.service.to_string(), scope.port,
            winner.to_string(),
            scope.client_namespace.empty() ? "" : " for clients of " + scope.client_namespace));
  }

  // Where there are routes of kind `best`, others have nothing to say.
  template <typename Route>
  void keep_one_kind(RouteMap<Route>& routes, Kind best) {
    for (auto& [scope, held] : routes) {
      const auto winner = std::ranges::find(held, best, [](const auto& one) { return one->kind; });
      if (winner == held.end()) continue;
      const ObjectKey key = (*winner)->key();
      std::erase_if(held, [&](const auto& one) {
        if (one->kind == best) return false;
        say_conflict(one->key(), key, scope);
        return true;
      });
    }
  }

  // A TCPRoute takes every connection, so that a second one never gets any.
  void keep_oldest_tcp() {
    for (auto& [scope, held] : mesh_.streams) {
      if (held.front()->kind != Kind::kTcpRoute) continue;
      for (std::size_t at = 1; at < held.size(); ++at) {
        say_conflict(held[at]->key(), held[0]->key(), scope);
      }
      held.resize(1);
    }
  }

  // Whose clients a route holds for, as far as one can say: what a consumer's route leads to is
  // looked up as its clients do.
  template <typename Route>
  static std::string_view clients_of(const Route& route) {
    return route.metadata.name.name_space;
  }

  // ---- what they lead to ----

  void check_one(const ObjectKey& about, const BackendRef& ref, const BackendQuestion& question,
                 const std::string& where) {
    const Backend backend = find_backend(mesh_, ref, question);
    if (backend.found()) return;
    BackendObjection objection = objection_to(backend, ref, question);
    say(about, "ResolvedRefs", std::move(objection.reason),
        fmt::format("{}: {}", where, objection.message));
  }

  template <typename Rule>
  void check(const ObjectKey& about, const std::vector<Rule>& rules,
             const BackendQuestion& question) {
    const bool istio = about.kind == Kind::kVirtualService;
    for (std::size_t rule = 0; rule < rules.size(); ++rule) {
      const std::string where = istio && !question.http
                                    ? fmt::format("the rule in line {}", rules[rule].line)
                                    : fmt::format("{}[{}]", istio ? "http" : "rules", rule);
      const auto& backends = rules[rule].backends;
      for (std::size_t at = 0; at < backends.size(); ++at) {
        check_one(about, backends[at], question,
                  fmt::format("{}.{}[{}]", where, istio ? "route" : "backendRefs", at));
      }
      if constexpr (requires { rules[rule].mirrors; }) {
        for (const Mirror& mirror : rules[rule].mirrors) {
          check_one(about, mirror.backend, question, where + ".mirror");
        }
      }
    }
  }

  // ---- Istio ----

  using VirtualPtr = std::shared_ptr<const VirtualService>;

  void attach_virtual_services(const std::vector<VirtualPtr>& all) {
    std::map<ObjectName, std::vector<VirtualPtr>> by_service;
    for (const VirtualPtr& one : all) {
      for (const ObjectName& host : one->hosts) {
        if (mesh_.find_service(host) != nullptr) {
          by_service[host].push_back(one);
        } else {
          say({Kind::kVirtualService, one->metadata.name}, "Accepted", "NoMatchingParent",
              fmt::format("there is no Service {}", host.to_string()));
        }
      }
    }
    // What the Gateway API has is known by now, and is not added to.
    const RouteMap<HttpRoute> routes = mesh_.routes;
    const RouteMap<StreamRoute> streams = mesh_.streams;
    for (const auto& [service, candidates] : by_service) {
      for (const auto& [clients, winner] : choose(service, candidates)) {
        for (const MeshPort& port : mesh_.find_service(service)->ports) {
          const RouteScope scope{service, port.port, clients};
          if (port.is_http()) {
            attach_virtual(winner, winner->http, scope, routes, mesh_.routes);
          } else {
            attach_virtual(winner, winner->streams, scope, streams, mesh_.streams);
          }
        }
      }
    }
  }

  // By the clients' namespace; empty: everybody without an entry of his own. The older wins.
  std::map<std::string, VirtualPtr> choose(const ObjectName& service,
                                           const std::vector<VirtualPtr>& candidates) {
    std::set<std::string> namespaces = {""};
    for (const VirtualPtr& one : candidates) {
      namespaces.insert(one->exports.namespaces.begin(), one->exports.namespaces.end());
    }
    std::map<std::string, VirtualPtr> out;
    std::set<VirtualPtr> winners;
    for (const std::string& clients : namespaces) {
      const auto first = std::ranges::find_if(candidates, [&](const VirtualPtr& one) {
        return clients.empty() ? one->exports.everywhere : one->exports.visible_in(clients);
      });
      if (first == candidates.end()) continue;
      winners.insert(*first);
      const auto everybody = out.find("");
      if (everybody == out.end() || everybody->second != *first) out.emplace(clients, *first);
    }
    for (const VirtualPtr& one : candidates) {
      if (winners.contains(one) || winners.empty()) continue;
      const VirtualService& winner = **winners.begin();
      say({Kind::kVirtualService, one->metadata.name}, "Accepted", "Conflicted",
          fmt::format("Service {}: {} of VirtualService {} holds instead", service.to_string(),
                      winner.metadata.place, winner.metadata.name.to_string()));
    }
    return out;
  }

  template <typename Route>
  void attach_virtual(const VirtualPtr& owner, const Route& route, const RouteScope& scope,
                      const RouteMap<Route>& gateway, RouteMap<Route>& routes) {
    if (route.rules.empty()) return;
    bool off = false;
    // A route for everybody stands above one for some, and for some above one for them.
    for (const auto& [other, held] : gateway) {
      if (other.service != scope.service || other.port != scope.port) continue;
      const bool covers =
          other.client_namespace.empty() || other.client_namespace == scope.client_namespace;
      if (covers || scope.client_namespace.empty()) {
        say_conflict({Kind::kVirtualService, owner->metadata.name}, held.front()->key(), other);
      }
      off = off || covers;
    }
    if (off) return;
    routes[scope] = {std::shared_ptr<const Route>(owner, &route)};
    check(route.key(), route.rules,
          {.clients = scope.client_namespace,
           .port = scope.port,
           .http = std::is_same_v<Route, HttpRoute>});
  }

  Mesh& mesh_;
};

}  // namespace

void attach_routes(const RouteObjects& objects, Mesh& mesh) {
  RouteAttachment(mesh).run(objects);
  mesh.route_objects = objects.http;
  for (const auto& one : objects.virtual_services) {
    if (!one->http.rules.empty() && one->for_mesh) {
      mesh.route_objects.push_back(std::shared_ptr<const HttpRoute>(one, &one->http));
    }
  }
  mesh.stream_objects = objects.streams;
  for (const auto& one : objects.virtual_services) {
    if (!one->streams.rules.empty() && one->for_mesh) {
      mesh.stream_objects.push_back(std::shared_ptr<const StreamRoute>(one, &one->streams));
    }
  }
}

}  // namespace weft::control
