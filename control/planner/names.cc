#include "control/planner/names.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>

namespace weft::control {

namespace {

using weft::config::v1::NameTable;

// As the message has it: an answer of more would not be read whole by anybody.
constexpr int kAddressesOfNameMax = 1000;

// One name's addresses, each once.
class AddressList final {
 public:
  explicit AddressList(NameTable::Entry& entry) : entry_(entry) {}
  void add(const IpAddress& address) {
    if (entry_.addresses_size() < kAddressesOfNameMax && seen_.insert(address).second)
      entry_.add_addresses(address.to_string());
  }
  void add(const Workload& workload) {
    add(workload.address);
    for (const IpAddress& address : workload.more_addresses) add(address);
  }

 private:
  NameTable::Entry& entry_;
  std::set<IpAddress> seen_;
};

// Ready ones of any port, in the order of their names.
std::map<ObjectName, const Workload*> instances_of(const MeshService& service) {
  std::map<ObjectName, const Workload*> out;
  for (const MeshPort& port : service.ports) {
    for (const Instance& instance : port.instances)
      out.emplace(instance.workload->metadata.name, instance.workload.get());
  }
  return out;
}

void add_headless(const MeshService& service, NameTable& table) {
  const std::map<ObjectName, const Workload*> instances = instances_of(service);
  if (instances.empty()) return;
  const std::string& name = service.name().name;
  auto& all = *table.add_entries();
  all.set_name(name);
  AddressList everybody(all);
  for (const auto& [place, workload] : instances) everybody.add(*workload);
  std::set<std::string_view> hosts;
  for (const auto& [place, workload] : instances) {
    const bool named = !workload->hostname.empty() && workload->subdomain == name;
    if (!named || !hosts.insert(workload->hostname).second) continue;
    auto& one = *table.add_entries();
    one.set_name(fmt::format("{}.{}", workload->hostname, name));
    AddressList(one).add(*workload);
  }
}

}  // namespace

std::vector<NameTable> make_name_tables(const Mesh& mesh) {
  std::vector<NameTable> out;
  const std::string* zone = nullptr;
  // Services are in the order of their namespaces.
  for (const auto& [name, service] : mesh.services) {
    if (zone == nullptr || *zone != name.name_space) {
      zone = &name.name_space;
      if (!out.empty() && out.back().entries().empty()) out.pop_back();
      out.emplace_back().set_zone(fmt::format("{}.{}", name.name_space, Mesh::kClusterDomain));
    }
    NameTable& table = out.back();
    if (service.service->headless) {
      add_headless(service, table);
    } else if (!service.service->cluster_addresses.empty()) {
      auto& entry = *table.add_entries();
      entry.set_name(name.name);
      AddressList addresses(entry);
      for (const IpAddress& address : service.service->cluster_addresses) addresses.add(address);
    }
  }
  if (!out.empty() && out.back().entries().empty()) out.pop_back();
  return out;
}

}  // namespace weft::control
