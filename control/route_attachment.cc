#include "control/route_attachment.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
    for (const auto& route : objects.http) attach_all(route, true, mesh_.routes);
    for (const auto& route : objects.streams) attach_all(route, false, mesh_.streams);
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
    mesh_.attachments = std::make_shared<const Attachments>(std::move(attachments_));
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
  void attach_all(const std::shared_ptr<const Route>& route, bool http, RouteMap<Route>& routes) {
    std::vector<Attachment>& all = attachments_[route->key()];
    for (const ParentRef& parent : route->parents) {
      all.push_back(attach(route, parent, http, routes));
      const Attachment& one = all.back();
      if (!one.reason.empty()) say(route->key(), "Accepted", one.reason, one.message);
    }
  }

  template <typename Route>
  Attachment attach(const std::shared_ptr<const Route>& route, const ParentRef& parent, bool http,
                    RouteMap<Route>& routes) {
    const ObjectName& name = route->metadata.name;
    const MeshService* service = mesh_.find_service(parent.service);
    Attachment out;
    if (service == nullptr) {
      out.reason = "NoMatchingParent";
      out.message = fmt::format("there is no Service {}", parent.service.to_string());
      return out;
    }
    if (!service->service->external_name.empty()) {
      out.reason = "UnsupportedValue";
      out.message = fmt::format(
          "Service {} is an ExternalName, which is no parent: what calls the "
          "name itself does not come by it",
          parent.service.to_string());
      return out;
    }
    // GEP-1294: a route beside its Service holds for all clients, one elsewhere for clients of its
    // own namespace.
    const bool producer = name.name_space == parent.service.name_space;
    std::vector<std::uint16_t> named;
    for (const MeshPort& port : service->ports) {
      if (!parent.names(port.port, port.name)) continue;
      named.push_back(port.port);
      if (port.is_http() != http) continue;
      out.ports.push_back(port.port);
      auto& held = routes[{parent.service, port.port, producer ? "" : name.name_space}];
      if (std::ranges::find(held, route) == held.end()) held.push_back(route);
    }
    if (named.empty()) {
      out.reason = "NoMatchingParent";
      out.message = fmt::format("Service {} has no port {}", parent.service.to_string(),
                                parent.port              ? std::to_string(*parent.port)
                                : parent.section.empty() ? "at all"
                                                         : parent.section);
    } else if (out.ports.empty()) {
      out.reason = "NotAllowedByListeners";
      out.message = fmt::format("port{} {} of Service {} {} {}HTTP", named.size() == 1 ? "" : "s",
                                fmt::join(named, ", "), parent.service.to_string(),
                                named.size() == 1 ? "is" : "are", http ? "not " : "");
    }
    return out;
  }

  void say_conflict(const ObjectKey& loser, const ObjectKey& winner, const RouteScope& scope) {
    say(loser, "Accepted", "Conflicted",
        fmt::format(
            "Service {} port {}: {} holds instead{}", scope.service.to_string(), scope.port,
            winner.to_string(),
            scope.client_namespace.empty() ? "" : " for clients of " + scope.client_namespace));
  }

  // The same, and it is so for those of its parentRefs that mean this port.
  template <typename Route>
  void lose(const Route& loser, const ObjectKey& winner, const RouteScope& scope) {
    say_conflict(loser.key(), winner, scope);
    const MeshPort* port = mesh_.find_service(scope.service)->find_port(scope.port);
    std::vector<Attachment>& all = attachments_[loser.key()];
    for (std::size_t at = 0; at < all.size(); ++at) {
      const ParentRef& parent = loser.parents[at];
      if (parent.service != scope.service || !parent.names(port->port, port->name)) continue;
      std::erase(all[at].ports, port->port);
      all[at].reason = "Conflicted";
      all[at].message +=
          fmt::format("{}port {}: {} holds instead", all[at].message.empty() ? "" : "; ",
                      port->port, winner.to_string());
    }
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
        lose(*one, key, scope);
        return true;
      });
    }
  }

  // A TCPRoute takes every connection, so that a second one never gets any.
  void keep_oldest_tcp() {
    for (auto& [scope, held] : mesh_.streams) {
      if (held.front()->kind != Kind::kTcpRoute) continue;
      for (std::size_t at = 1; at < held.size(); ++at) {
        lose(*held[at], held[0]->key(), scope);
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
        const MeshService* service = mesh_.find_service(host);
        if (service != nullptr && service->service->external_name.empty()) {
          by_service[host].push_back(one);
        } else if (service != nullptr) {
          say({Kind::kVirtualService, one->metadata.name}, "Accepted", "UnsupportedValue",
              fmt::format("Service {} is an ExternalName, whose calls have no routes",
                          host.to_string()));
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
  Attachments attachments_;
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
