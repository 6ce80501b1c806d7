#include "control/backend_tls_table.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/mesh.h"

namespace weft::control {

namespace {

using PolicyPtr = std::shared_ptr<const BackendTlsPolicy>;

// What one policy has to be told about.
class Findings final {
 public:
  Findings(const BackendTlsPolicy& policy, std::vector<Condition>& conditions)
      : policy_(policy), conditions_(conditions) {}

  void say(std::string type, std::string reason, std::string message) {
    conditions_.push_back({.about = {Kind::kBackendTlsPolicy, policy_.metadata.name},
                           .type = std::move(type),
                           .reason = std::move(reason),
                           .message = std::move(message)});
  }

 private:
  const BackendTlsPolicy& policy_;
  std::vector<Condition>& conditions_;
};

std::string roots_of(const BackendTlsPolicy& policy, const BackendTlsTable::ConfigMaps& maps,
                     Findings& findings) {
  std::string out;
  for (std::size_t at = 0; at < policy.ca.size(); ++at) {
    const auto map = maps.find(policy.ca[at]);
    const bool there = map != maps.end();
    if (there && !map->second->ca_pem.empty()) {
      out += map->second->ca_pem + "\n";
      continue;
    }
    findings.say("ResolvedRefs", "InvalidCACertificateRef",
                 fmt::format("validation.caCertificateRefs[{}]: {} ConfigMap {}{}", at,
                             there ? "in" : "there is no", policy.ca[at].to_string(),
                             there ? fmt::format(" there is no key {}", ConfigMap::kCaKey) : ""));
  }
  if (out.empty() && !policy.system_ca) {
    findings.say("Accepted", "NoValidCACertificate",
                 "no certificate to judge by is there, so that nobody is let through");
  }
  return out;
}

// The ports that a target names: 0 for all; nothing where there is no such thing.
std::optional<std::uint16_t> port_of(const MeshService& service, const std::string& section) {
  if (section.empty()) return std::uint16_t{0};
  for (const MeshPort& port : service.ports) {
    if (port.name == section || std::to_string(port.port) == section) return port.port;
  }
  return std::nullopt;
}

}  // namespace

BackendTlsTable::BackendTlsTable(const Mesh& mesh, const std::vector<PolicyPtr>& policies,
                                 const ConfigMaps& config_maps,
                                 std::vector<Condition>& conditions) {
  for (const PolicyPtr& policy : policies) {
    Findings findings(*policy, conditions);
    const auto held = std::make_shared<const BackendTls>(
        BackendTls{.policy = policy, .roots_pem = roots_of(*policy, config_maps, findings)});
    for (const BackendTlsPolicy::Target& target : policy->targets) {
      const std::string name = target.service.to_string();
      const MeshService* service = mesh.find_service(target.service);
      if (service == nullptr) {
        findings.say("Accepted", "TargetNotFound", fmt::format("there is no Service {}", name));
        continue;
      }
      const std::optional<std::uint16_t> number = port_of(*service, target.section);
      if (!number) {
        findings.say("Accepted", "TargetNotFound",
                     fmt::format("Service {} has no port {}", name, target.section));
        continue;
      }
      for (const MeshPort& port : service->ports) {
        if (!port.meshed || (*number != 0 && *number != port.port)) continue;
        findings.say("Accepted", "TargetMeshed",
                     fmt::format("has no effect at port {} of Service {}: its instances have "
                                 "sidecars, which are spoken to by mTLS",
                                 port.port, name));
      }
      const auto [at, added] = held_.try_emplace({target.service, *number}, held);
      if (added) continue;
      const Metadata& winner = at->second->policy->metadata;
      findings.say("Accepted", "Conflicted",
                   fmt::format("Service {}{}: {} of BackendTLSPolicy {} holds instead", name,
                               *number == 0 ? "" : fmt::format(" port {}", *number), winner.place,
                               winner.name.to_string()));
    }
  }
}

const BackendTls* BackendTlsTable::find(const ObjectName& service, std::uint16_t port) const {
  auto found = held_.find({service, port});
  if (found == held_.end()) found = held_.find({service, std::uint16_t{0}});
  return found == held_.end() ? nullptr : found->second.get();
}

}  // namespace weft::control
