#include "control/route_status.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

namespace weft::control {

namespace {

using nlohmann::json;

constexpr std::size_t kMessagesNamed = 4;

// What is wrong with where each route leads, from the conditions of the Mesh.
class Unresolved final {
 public:
  explicit Unresolved(const Mesh& mesh) {
    for (const Condition& condition : mesh.conditions) {
      if (condition.type != "ResolvedRefs") continue;
      Said& said = said_[condition.about];
      if (said.count == 0) said.reason = condition.reason;
      if (++said.count > kMessagesNamed) continue;
      said.messages += (said.count == 1 ? "" : "; ") + condition.message;
    }
  }

  [[nodiscard]] RouteCondition condition_of(const ObjectKey& route) const {
    const auto found = said_.find(route);
    if (found == said_.end()) return {.type = "ResolvedRefs", .reason = "ResolvedRefs"};
    const Said& said = found->second;
    RouteCondition out{
        .type = "ResolvedRefs", .holds = false, .reason = said.reason, .message = said.messages};
    if (said.count > kMessagesNamed) {
      out.message += fmt::format("; and {} more", said.count - kMessagesNamed);
    }
    return out;
  }

 private:
  struct Said {
    std::string reason;
    std::string messages;
    std::size_t count = 0;
  };
  std::map<ObjectKey, Said> said_;
};

// A parentRef without a port is accepted when the route holds at one of them.
RouteCondition accepted_of(const ObjectKey& route, const ParentRef& parent,
                           const Attachment& attachment) {
  RouteCondition out{.type = "Accepted", .holds = !attachment.ports.empty()};
  out.reason = out.holds ? "Accepted" : attachment.reason;
  if (!out.holds) {
    out.message = attachment.message;
    return out;
  }
  const bool producer = route.name.name_space == parent.service.name_space;
  out.message = fmt::format("holds at port{} {} for {}", attachment.ports.size() == 1 ? "" : "s",
                            fmt::join(attachment.ports, ", "),
                            producer ? "every client" : "clients of " + route.name.name_space);
  if (!attachment.message.empty()) out.message += "; " + attachment.message;
  return out;
}

RouteStatus status_of_accepted(const ObjectKey& key, const RouteHead& head, const Mesh& mesh,
                               const Unresolved& unresolved) {
  RouteStatus out{.route = key, .generation = head.generation};
  const auto found = mesh.attachments->find(key);
  if (found == mesh.attachments->end()) return out;
  for (std::size_t at = 0; at < head.parents.size() && at < found->second.size(); ++at) {
    const ParentRef& parent = head.parents[at];
    out.parents.push_back({.parent = parent,
                           .conditions = {accepted_of(key, parent, found->second[at]),
                                          unresolved.condition_of(key)}});
  }
  return out;
}

RouteStatus status_of_refused(const ObjectKey& key, const RefusedRoute& refused, bool older_holds,
                              const Unresolved& unresolved) {
  RouteStatus out{.route = key, .generation = refused.head.generation};
  const RouteCondition accepted{
      .type = "Accepted",
      .holds = false,
      .reason = "UnsupportedValue",
      .message = refused.why + (older_holds ? "; the version before holds" : "")};
  for (const ParentRef& parent : refused.head.parents) {
    if (parent.service.name.empty()) continue;  // that may be what is wrong
    RouteParentStatus& one = out.parents.emplace_back();
    one.parent = parent;
    one.conditions.push_back(accepted);
    // Where nothing holds, nobody has looked where it would lead.
    if (older_holds) one.conditions.push_back(unresolved.condition_of(key));
  }
  return out;
}

}  // namespace

std::vector<RouteStatus> route_statuses(const Registry& registry) {
  const Mesh& mesh = *registry.mesh();
  const Unresolved unresolved(mesh);
  std::map<ObjectKey, RouteStatus> all;
  for (const auto& [key, held] : registry.accepted()) {
    std::optional<RouteHead> head = route_head_of(held.object);
    if (!head) continue;
    if (head->generation == 0) head->generation = held.generation;
    all.emplace(key, status_of_accepted(key, *head, mesh, unresolved));
  }
  for (const auto& [key, refused] : registry.refused_routes()) {
    const auto older = registry.accepted().find(key);
    const bool holds = older != registry.accepted().end();
    RouteStatus status = status_of_refused(key, refused, holds, unresolved);
    if (status.generation == 0) status.generation = mesh.generation;
    all.insert_or_assign(key, std::move(status));
  }
  std::vector<RouteStatus> out;
  out.reserve(all.size());
  for (auto& [key, status] : all) out.push_back(std::move(status));
  return out;
}

json parent_ref_json(const ParentRef& parent) {
  json out = {{"name", parent.service.name}};
  if (parent.written.group) out["group"] = *parent.written.group;
  if (parent.written.kind) out["kind"] = *parent.written.kind;
  if (parent.written.name_space) out["namespace"] = *parent.written.name_space;
  if (parent.port) out["port"] = *parent.port;
  if (!parent.section.empty()) out["sectionName"] = parent.section;
  return out;
}

json route_parents_json(const RouteStatus& status) {
  json out = json::array();
  for (const RouteParentStatus& one : status.parents) {
    json conditions = json::array();
    for (const RouteCondition& condition : one.conditions) {
      conditions.push_back({{"type", condition.type},
                            {"status", condition.holds ? "True" : "False"},
                            {"reason", condition.reason},
                            {"message", condition.message},
                            {"observedGeneration", status.generation}});
    }
    out.push_back({{"parentRef", parent_ref_json(one.parent)},
                   {"controllerName", kControllerName},
                   {"conditions", std::move(conditions)}});
  }
  return out;
}

}  // namespace weft::control
