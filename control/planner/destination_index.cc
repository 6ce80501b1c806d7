#include "control/planner/destination_index.h"

namespace weft::control {

DestinationIndex::DestinationIndex(const Mesh& mesh) : mesh_(mesh) {
  // In the order in which listeners are made, so that of two that claim an address the same one has
  // it.
  for (const auto& [name, service] : mesh.services) {
    if (service.service->headless) continue;
    for (const MeshPort& port : service.ports) {
      for (const IpAddress& address : service.service->cluster_addresses) {
        services_.emplace(SocketAddress(address, port.port), name);
      }
    }
  }
}

DestinationIndex::Found DestinationIndex::find(const std::string& text) {
  Found out;
  const Result<SocketAddress> address = SocketAddress::parse(text);
  if (!address || !address->is_ip()) return out;
  if (const auto service = services_.find(*address); service != services_.end()) {
    out.services.insert(service->second);
    return out;
  }
  if (!pods_) index_pods();
  const auto pod = pods_->find(address->ip());
  if (pod == pods_->end()) return out;
  out.services = pod->second.services;
  out.pod = pod->second.workload;
  return out;
}

void DestinationIndex::index_pods() {
  pods_.emplace();
  for (const auto& [name, workload] : mesh_.workloads) {
    if (!workload->sidecar) continue;
    (*pods_)[workload->address].workload = name;
    for (const IpAddress& address : workload->more_addresses) (*pods_)[address].workload = name;
  }
  for (const auto& [name, service] : mesh_.services) {
    for (const MeshPort& port : service.ports) {
      for (const Instance& instance : port.instances) {
        (*pods_)[instance.workload->address].services.insert(name);
        for (const IpAddress& address : instance.workload->more_addresses) {
          (*pods_)[address].services.insert(name);
        }
      }
    }
  }
}

}  // namespace weft::control
