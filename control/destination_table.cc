#include "control/destination_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/mesh.h"

namespace weft::control {

namespace {

using RulePtr = DestinationTable::RulePtr;

void say(const DestinationRule& rule, std::string type, std::string reason, std::string message,
         std::vector<Condition>& conditions) {
  conditions.push_back({.about = {Kind::kDestinationRule, rule.metadata.name},
                        .type = std::move(type),
                        .reason = std::move(reason),
                        .message = std::move(message)});
}

// The one of `rules` that holds for clients of that namespace; empty: those of any other.
RulePtr chosen(const std::vector<RulePtr>& rules, const ObjectName& service,
               std::string_view clients) {
  const std::array<std::string_view, 3> homes = {clients, service.name_space, Mesh::kOwnNamespace};
  for (const std::string_view home : homes) {
    if (home.empty()) continue;
    for (const RulePtr& rule : rules) {
      const bool seen =
          clients.empty() ? rule->exports.everywhere : rule->exports.visible_in(clients);
      if (seen && rule->metadata.name.name_space == home) return rule;
    }
  }
  return nullptr;
}

// "version=v2.0.0, version=v1", for who asked for another.
std::string labels_there(const MeshService& service, const Labels& wanted, const Mesh& mesh) {
  std::set<std::string> there;
  for (const auto& [name, workload] : mesh.workloads) {
    if (name.name_space != service.name().name_space) continue;
    if (!selects(service.service->selector, workload->metadata.labels)) continue;
    for (const auto& [key, value] : wanted) {
      const auto label = workload->metadata.labels.find(key);
      if (label != workload->metadata.labels.end()) {
        there.insert(fmt::format("{}={}", key, label->second));
      }
    }
  }
  std::string out;
  for (const std::string& one : there) {
    if (out.size() > 256) return out + ", …";
    out += fmt::format("{}{}", out.empty() ? "" : ", ", one);
  }
  return out;
}

void check_subset(const Mesh& mesh, const DestinationRule& rule, const MeshService& service,
                  const Subset& subset, std::vector<Condition>& conditions) {
  bool any = false;
  for (const auto& [name, workload] : mesh.workloads) {
    const Labels& labels = workload->metadata.labels;
    any = any || (name.name_space == service.name().name_space &&
                  selects(service.service->selector, labels) && selects(subset, labels));
  }
  if (any) return;
  const std::string there = labels_there(service, subset.labels, mesh);
  say(rule, "EndpointsResolved", "SubsetEmpty",
      fmt::format("subset {} selects no Workload of Service {}{}", subset.name,
                  service.name().to_string(), there.empty() ? "" : "; there are " + there),
      conditions);
}

void check_ports(const DestinationRule& rule, const MeshService& service,
                 const DestinationPolicy& policy, std::vector<Condition>& conditions) {
  for (const auto& [port, fields] : policy.ports) {
    if (service.find_port(port) != nullptr) continue;
    say(rule, "Accepted", "TargetNotFound",
        fmt::format("portLevelSettings: Service {} has no port {}", service.name().to_string(),
                    port),
        conditions);
  }
  const bool meshed = std::ranges::any_of(service.ports, &MeshPort::meshed);
  if (policy.plain_text && meshed) {
    say(rule, "Accepted", "TlsModeOverridden",
        fmt::format("tls.mode DISABLE does not hold: Service {} has sidecars, which speak mTLS",
                    service.name().to_string()),
        conditions);
  }
  if (policy.mutual && !meshed) {
    say(rule, "Accepted", "TlsModeOverridden",
        fmt::format("tls.mode ISTIO_MUTUAL does not hold: nothing behind Service {} has a sidecar",
                    service.name().to_string()),
        conditions);
  }
}

}  // namespace

bool selects(const Subset& subset, const Labels& labels) {
  return subset.labels.empty() || selects(subset.labels, labels);
}

DestinationTable::DestinationTable(const Mesh& mesh, const std::vector<RulePtr>& rules,
                                   std::vector<Condition>& conditions) {
  std::map<ObjectName, std::vector<RulePtr>> by_service;
  for (const RulePtr& rule : rules) {
    const MeshService* service = mesh.find_service(rule->service);
    if (service == nullptr) {
      say(*rule, "Accepted", "TargetNotFound",
          fmt::format("there is no Service {}", rule->service.to_string()), conditions);
      continue;
    }
    by_service[rule->service].push_back(rule);
    check_ports(*rule, *service, rule->policy, conditions);
    for (const Subset& subset : rule->subsets) {
      check_subset(mesh, *rule, *service, subset, conditions);
      check_ports(*rule, *service, subset.policy, conditions);
    }
  }
  for (const auto& [service, all] : by_service) choose(service, all, conditions);
}

void DestinationTable::choose(const ObjectName& service, const std::vector<RulePtr>& rules,
                              std::vector<Condition>& conditions) {
  std::set<std::string> namespaces;
  for (const RulePtr& rule : rules) {
    namespaces.insert(rule->metadata.name.name_space);
    namespaces.insert(rule->exports.namespaces.begin(), rule->exports.namespaces.end());
  }
  std::set<RulePtr> winners;
  const RulePtr everybody = chosen(rules, service, "");
  if (everybody != nullptr) {
    rules_[{service, ""}] = everybody;
    winners.insert(everybody);
  }
  for (const std::string& clients : namespaces) {
    RulePtr own = chosen(rules, service, clients);
    if (own == everybody) continue;
    if (own != nullptr) winners.insert(own);
    rules_[{service, clients}] = std::move(own);
    consumers_.insert(clients);
  }
  for (const RulePtr& rule : rules) {
    if (winners.contains(rule)) continue;
    // Those that are exported to nobody, or to whoever has another, have said so themselves.
    const auto other = std::ranges::find_if(rules, [&](const RulePtr& one) {
      return winners.contains(one) &&
             one->metadata.name.name_space == rule->metadata.name.name_space;
    });
    if (other == rules.end()) continue;
    say(*rule, "Accepted", "Conflicted",
        fmt::format("Service {}: {} of DestinationRule {} holds instead", service.to_string(),
                    (*other)->metadata.place, (*other)->metadata.name.to_string()),
        conditions);
  }
}

const DestinationRule* DestinationTable::find(const ObjectName& service,
                                              std::string_view clients) const {
  if (rules_.empty()) return nullptr;
  if (!clients.empty() && consumers_.contains(std::string(clients))) {
    const auto own = rules_.find({service, std::string(clients)});
    if (own != rules_.end()) return own->second.get();
  }
  const auto found = rules_.find({service, ""});
  return found == rules_.end() ? nullptr : found->second.get();
}

}  // namespace weft::control
