#include "control/planner/names.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

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

// Services come in the order of their namespaces.
class NameTables final {
 public:
  void add(const MeshService& service) {
    const std::string& name_space = service.name().name_space;
    if (zone_ != name_space || out_.empty()) {
      zone_ = name_space;
      drop_if_empty();
      out_.emplace_back().set_zone(fmt::format("{}.{}", zone_, Mesh::kClusterDomain));
    }
    NameTable& table = out_.back();
    if (service.service->headless) {
      add_headless(service, table);
    } else if (!service.service->cluster_addresses.empty()) {
      auto& entry = *table.add_entries();
      entry.set_name(service.name().name);
      AddressList addresses(entry);
      for (const IpAddress& address : service.service->cluster_addresses) addresses.add(address);
    }
  }
  [[nodiscard]] std::vector<NameTable> take() {
    drop_if_empty();
    return std::move(out_);
  }

 private:
  void drop_if_empty() {
    if (!out_.empty() && out_.back().entries().empty()) out_.pop_back();
  }

  std::string zone_;
  std::vector<NameTable> out_;
};

}  // namespace

std::vector<NameTable> make_name_tables(const Mesh& mesh, const Scope& scope) {
  NameTables out;
  if (scope.everything()) {
    for (const auto& [name, service] : mesh.services) out.add(service);
  } else {
    for (const ObjectName& name : scope.called()) out.add(mesh.services.at(name));
  }
  return out.take();
}

bool names_hang_on_instances(const MeshService& service) { return service.service->headless; }

}  // namespace weft::control
