#include "control/mesh_page.h"

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "control/model/workload.h"
#include "control/policy_status.h"
#include "control/replica_view.h"
#include "control/route_status.h"
#include "control/sidecar_counts.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using nlohmann::json;

// Names and reasons come from clients: what is no UTF-8 is replaced, never thrown at.
std::string dump(const json& page) {
  return page.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(
             std::chrono::duration_cast<std::chrono::milliseconds>(duration))
      .count();
}

json client_json(const ClientReport& client, std::uint64_t generation) {
  json out = {{"node", client.node},
              {"address", client.address},
              {"state", state_of(client, generation)},
              {"generation", client.generation},
              {"connected_seconds", in_seconds(client.connected)},
              {"refused", json::array()}};
  if (client.since_answer) out["answered_seconds_ago"] = in_seconds(*client.since_answer);
  for (const ClientReport::Refusal& refusal : client.refused) {
    out["refused"].push_back({{"type", refusal.type}, {"why", refusal.why}});
  }
  return out;
}

// Of a replica that does not say which is its newest generation, as those of earlier versions do
// not, nothing can be said of who has it.
std::string_view state_there(const ReplicaView& view, const ReplicaView::Sidecar& sidecar) {
  if (view.generation == 0) return "unknown";
  if (sidecar.generation < view.generation) return "behind";
  return sidecar.refused ? "refused" : "current";
}

json served_elsewhere_json(const std::string& workload, const ReplicaView::Sidecar& sidecar,
                           const OtherReplica& replica) {
  json out = {{"workload", workload},
              {"state", state_there(*replica.view, sidecar)},
              {"generation", sidecar.generation},
              {"connected_seconds", in_seconds(sidecar.connected)},
              {"refused", json::array()},
              {"replica", replica.address}};
  if (sidecar.since_answer) out["answered_seconds_ago"] = in_seconds(*sidecar.since_answer);
  for (const ClientReport::Refusal& refusal : sidecar.refusals) {
    out["refused"].push_back({{"type", refusal.type}, {"why", refusal.why}});
  }
  return out;
}

json sidecars_json(const Mesh& mesh, const MeshPageInput& input) {
  std::map<std::string, json>
      sidecars;  // by Workload; the longest connected last, where there are two
  std::map<std::string, Duration, std::less<>> connected;
  for (const ClientReport& client : input.clients) {
    if (client.workload.empty()) continue;
    json sidecar = client_json(client, mesh.generation);
    sidecar["workload"] = client.workload;
    sidecar["admin"] = client.admin;
    sidecars[client.workload] = std::move(sidecar);
    connected[client.workload] = client.connected;
  }
  for (const OtherReplica& replica : input.others) {
    if (replica.view == nullptr) continue;
    for (const auto& [workload, sidecar] : replica.view->sidecars) {
      const auto [at, first] = connected.try_emplace(workload, sidecar.connected);
      if (!first && at->second <= sidecar.connected) continue;
      at->second = sidecar.connected;
      sidecars[workload] = served_elsewhere_json(workload, sidecar, replica);
    }
  }
  for (const auto& [name, workload] : mesh.workloads) {
    if (!workload->sidecar) continue;
    const std::string address = workload->address.to_string();
    json& sidecar = sidecars[name.to_string()];
    if (sidecar.is_null()) {
      sidecar = {{"workload", name.to_string()},
                 {"state", "missing"},
                 {"generation", 0},
                 {"refused", json::array()}};
    }
    sidecar["address"] = address;
    // Where it is told to be, unless it says otherwise itself.
    if (sidecar.value("admin", "").empty()) {
      sidecar["admin"] = SocketAddress(workload->address, Workload::kAdminPort).to_string();
    }
  }
  json out = json::array();
  for (auto& [name, sidecar] : sidecars) out.push_back(std::move(sidecar));
  return out;
}

json replicas_json(const std::vector<OtherReplica>& others) {
  json out = json::array();
  for (const OtherReplica& one : others) {
    json replica = {{"address", one.address}, {"answers", one.view != nullptr}};
    if (one.view != nullptr) {
      replica["sidecars"] = one.view->sidecars.size();
      replica["generation"] = one.view->generation;
    }
    out.push_back(std::move(replica));
  }
  return out;
}

ReplicaViews views_of(const std::vector<OtherReplica>& others) {
  ReplicaViews out;
  for (const OtherReplica& one : others) {
    if (one.view != nullptr) out.push_back(*one.view);
  }
  return out;
}

json problems_json(const MeshPageInput& input) {
  json out = json::array();
  for (const std::string& text : {input.source_problem, input.state_problem}) {
    if (!text.empty()) out.push_back({{"text", text}, {"older_holds", true}});
  }
  for (const Problem& problem : input.registry.problems()) {
    json one = {
        {"file", problem.file}, {"text", problem.text}, {"older_holds", problem.older_holds}};
    if (problem.key) one["object"] = problem.key->to_string();
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string_view state_of(const ClientReport& client, std::uint64_t generation) {
  if (client.generation < generation) return "behind";
  return client.refused.empty() ? "current" : "refused";
}

std::string make_mesh_page(const MeshPageInput& input) {
  const Mesh& mesh = *input.registry.mesh();
  json page = {{"version", WEFT_VERSION},       {"trust_domain", mesh.config->trust_domain},
               {"generation", mesh.generation}, {"sidecars", sidecars_json(mesh, input)},
               {"clients", json::array()},      {"problems", problems_json(input)},
               {"conditions", json::array()},   {"notes", input.registry.notes()}};
  for (const ClientReport& client : input.clients) {
    if (client.workload.empty()) page["clients"].push_back(client_json(client, mesh.generation));
  }
  page["replicas"] = replicas_json(input.others);
  page["policies"] = json::array();
  const ReplicaViews others = views_of(input.others);
  const SidecarCounts counts(mesh, input.clients, others);
  for (const PolicyStatus& status : policy_statuses(input.registry, counts)) {
    page["policies"].push_back({{"policy", status.name.to_string()},
                                {"accepted", status.accepted},
                                {"accepted_reason", status.accepted_reason},
                                {"accepted_message", status.accepted_message},
                                {"programmed", status.reason == "Programmed"},
                                {"reason", status.reason},
                                {"message", status.message}});
  }
  page["routes"] = json::array();
  for (const RouteStatus& status : route_statuses(input.registry)) {
    page["routes"].push_back({{"route", status.route.to_string()},
                              {"observedGeneration", status.generation},
                              {"parents", route_parents_json(status)}});
  }
  for (const Condition& condition : mesh.conditions) {
    page["conditions"].push_back({{"about", condition.about.to_string()},
                                  {"type", condition.type},
                                  {"reason", condition.reason},
                                  {"message", condition.message}});
  }
  return dump(page);
}

std::string make_config_page(const Registry& registry) {
  json page = {{"generation", registry.mesh()->generation}, {"objects", json::array()}};
  for (const auto& [key, held] : registry.accepted()) {
    json object = {{"kind", name_of(key.kind)},
                   {"namespace", key.name.name_space},
                   {"name", key.name.name},
                   {"file", held.file},
                   {"document", json::parse(held.json, nullptr, false)}};
    const std::string& place = metadata_of(held.object).place;
    const auto line = parse_u64(std::string_view(place).substr(place.rfind(':') + 1));
    if (!held.laid_out.empty() && line) {
      object["line"] = *line;
      object["text"] = held.laid_out;
    }
    page["objects"].push_back(std::move(object));
  }
  return dump(page);
}

}  // namespace weft::control
