#include "control/sidecar_counts.h"

#include <algorithm>

namespace weft::control {

namespace {

const ReplicaViews& no_replicas() {
  static const ReplicaViews kNone;
  return kNone;
}

std::size_t at_least(const std::vector<std::uint64_t>& sorted, std::uint64_t generation) {
  return static_cast<std::size_t>(sorted.end() - std::ranges::lower_bound(sorted, generation));
}

// Where a sidecar's newest stream is, and what it has there.
struct Place {
  std::size_t replica = 0;
  ReplicaView::Sidecar sidecar;
};

std::map<std::string, Place> places_of(const std::vector<ClientReport>& clients,
                                       const ReplicaViews& others) {
  std::map<std::string, Place> out;
  const auto take = [&](const std::string& workload, const Place& place) {
    const auto [at, added] = out.try_emplace(workload, place);
    if (!added && place.sidecar.connected < at->second.sidecar.connected) at->second = place;
  };
  for (const ClientReport& client : clients) {
    if (client.workload.empty()) continue;
    take(client.workload, {0,
                           {.generation = client.generation,
                            .refused = !client.refused.empty(),
                            .connected = client.connected}});
  }
  for (std::size_t i = 0; i < others.size(); ++i) {
    for (const auto& [workload, sidecar] : others[i].sidecars) take(workload, {i + 1, sidecar});
  }
  return out;
}

}  // namespace

SidecarCounts::SidecarCounts(const Mesh& mesh, const std::vector<ClientReport>& clients)
    : SidecarCounts(mesh, clients, no_replicas()) {}

SidecarCounts::SidecarCounts(const Mesh& mesh, const std::vector<ClientReport>& clients,
                             const ReplicaViews& others)
    : others_(&others) {
  const std::map<std::string, Place> places = places_of(clients, others);
  for (const auto& [name, workload] : mesh.workloads) {
    if (!workload->sidecar) continue;
    const auto place = places.find(name.to_string());
    for (const std::string& group : {std::string(), name.name_space}) {
      Group& counted = groups_[group];
      counted.served.resize(others.size() + 1);
      ++counted.all;
      if (place == places.end()) continue;
      const ReplicaView::Sidecar& sidecar = place->second.sidecar;
      Served& served = counted.served[place->second.replica];
      (sidecar.refused ? served.refusing : served.clean).push_back(sidecar.generation);
    }
  }
  for (auto& [name, group] : groups_) {
    for (Served& served : group.served) {
      std::ranges::sort(served.clean);
      std::ranges::sort(served.refusing);
    }
  }
}

SidecarCount SidecarCounts::count(const Question& question) const {
  SidecarCount out;
  const auto found = groups_.find(question.client_namespace);
  if (found == groups_.end()) return out;
  const Group& group = found->second;
  out.all = group.all;
  const auto add = [&](const Served& served, std::uint64_t since) {
    out.have += at_least(served.clean, since);
    out.refused += at_least(served.refusing, since);
  };
  add(group.served.front(), question.since);
  for (std::size_t i = 0; i < others_->size(); ++i) {
    const auto held = (*others_)[i].objects.find(question.object);
    // One that does not know the object, or not as it is now, has told nobody of it.
    if (held == (*others_)[i].objects.end() || held->second.version != question.version) continue;
    add(group.served[i + 1], held->second.since);
  }
  return out;
}

}  // namespace weft::control
