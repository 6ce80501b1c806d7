#include "control/kubernetes/translation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control::kube {

namespace {

// "10-0-0-5", so that the same address has the same name wherever it stands in its slice.
std::string dashed(const IpAddress& address) {
  if (!address.is_v4()) {
    return to_hex({reinterpret_cast<const char*>(address.bytes().data()), address.bytes().size()});
  }
  std::string text = address.to_string();
  std::ranges::replace(text, '.', '-');
  return text;
}

bool is_the_sidecars(std::uint16_t port) {
  constexpr std::array<std::uint16_t, 5> kOwn = {
      pod::kAdminPort, pod::kOutboundPort, pod::kInboundPort, pod::kStatusPort, pod::kDnsPort};
  return std::ranges::find(kOwn, port) != kOwn.end();
}

void lead_to(const ServiceFacts::Target& target, std::vector<WorkloadPort>& ports) {
  const auto found = std::ranges::find_if(ports, [&](const WorkloadPort& port) {
    return target.number != 0 ? port.port == target.number : port.name == target.name;
  });
  if (found != ports.end()) {
    if (found->app_protocol.empty()) found->app_protocol = target.protocol;
  } else if (target.number != 0 && ports.size() < Workload::kPortsMax) {
    ports.push_back(
        {.port = target.number, .app_port = target.number, .app_protocol = target.protocol});
  }
}

}  // namespace

// ---- Services ----

Translation::LabelKey Translation::label_key(std::string_view name_space, const std::string& key,
                                             const std::string& value) {
  std::string out(name_space);
  out += '\n';
  out += key;
  out += '\n';
  return out + value;
}

void Translation::index_service(const ObjectName& name, const ServiceFacts& service, bool in) {
  if (service.selector.empty()) return;
  const auto& [key, value] = *service.selector.begin();
  const LabelKey at = label_key(name.name_space, key, value);
  if (in) {
    services_by_label_[at].insert(name.name);
    return;
  }
  const auto found = services_by_label_.find(at);
  if (found == services_by_label_.end()) return;
  found->second.erase(name.name);
  if (found->second.empty()) services_by_label_.erase(found);
}

void Translation::mark_selected(const std::string& name_space, const Labels& selector) {
  for (auto at = pods_.lower_bound({name_space, ""});
       at != pods_.end() && at->first.name_space == name_space; ++at) {
    if (selects(selector, at->second.labels)) changed_.insert(at->first);
  }
}

void Translation::put(const ObjectName& name, ServiceFacts service) {
  const auto before = services_.find(name);
  if (before != services_.end() && before->second == service) return;
  remove_service(name);
  index_service(name, service, true);
  mark_selected(name.name_space, service.selector);
  services_.emplace(name, std::move(service));
  mark_slices_of(name);
}

void Translation::remove_service(const ObjectName& name) {
  const auto before = services_.find(name);
  if (before == services_.end()) return;
  index_service(name, before->second, false);
  mark_selected(name.name_space, before->second.selector);
  services_.erase(before);
  mark_slices_of(name);
}

void Translation::replace(Services services) {
  services_by_label_.clear();
  services_ = std::move(services);
  for (const auto& [name, service] : services_) index_service(name, service, true);
  mark_all_pods();
  for (const auto& [name, manual] : manual_) changed_.insert(name);
}

bool Translation::has_selector(const ObjectName& service) const {
  const auto found = services_.find(service);
  return found != services_.end() && !found->second.selector.empty();
}

void Translation::mark_slices_of(const ObjectName& service) {
  for (const auto& [name, manual] : manual_) {
    if (name.name_space != service.name_space) continue;
    const auto slice = slices_.find(manual.slice);
    if (slice != slices_.end() && slice->second.service == service.name) changed_.insert(name);
  }
}

// ---- Pods and Nodes ----

void Translation::mark_all_pods() {
  for (const auto& [name, pod] : pods_) changed_.insert(changed_.end(), name);
}

void Translation::put(const ObjectName& name, PodFacts pod) {
  changed_.insert(name);
  pods_.insert_or_assign(name, std::move(pod));
}

void Translation::remove_pod(const ObjectName& name) {
  if (pods_.erase(name) > 0) changed_.insert(name);
}

void Translation::replace(Pods pods) {
  mark_all_pods();
  pods_ = std::move(pods);
  mark_all_pods();
}

void Translation::put(const ObjectName& name, NodeFacts node) {
  const auto [at, added] = nodes_.try_emplace(name);
  if (at->second == node && (!added || node == NodeFacts())) return;
  at->second = std::move(node);
  for (const auto& [pod_name, pod] : pods_) {
    if (pod.node == name.name) changed_.insert(pod_name);
  }
}

void Translation::remove_node(const ObjectName& name) { put(name, NodeFacts()); }

void Translation::replace(Nodes nodes) {
  nodes_ = std::move(nodes);
  mark_all_pods();
}

// ---- EndpointSlices ----

void Translation::take_in(const ObjectName& name, const SliceFacts& slice) {
  std::vector<ObjectName>& made = manual_of_slice_[name];
  for (const EndpointFacts& endpoint : slice.endpoints) {
    if (slice.made_from_pods) {
      if (endpoint.pod.empty()) continue;
      const ObjectName pod{name.name_space, endpoint.pod};
      ready_in_[pod][name.name] = endpoint.ready;
      changed_.insert(pod);
    } else if (!endpoint.addresses.empty()) {
      ObjectName workload{name.name_space, name.name + "." + dashed(endpoint.addresses.front())};
      if (!check_object_name(workload.name).empty()) continue;
      manual_.insert_or_assign(workload, Manual{name, endpoint});
      changed_.insert(workload);
      made.push_back(std::move(workload));
    }
  }
  if (made.empty()) manual_of_slice_.erase(name);
}

void Translation::take_out(const ObjectName& name) {
  const auto before = slices_.find(name);
  if (before == slices_.end()) return;
  for (const EndpointFacts& endpoint : before->second.endpoints) {
    if (!before->second.made_from_pods || endpoint.pod.empty()) continue;
    const ObjectName pod{name.name_space, endpoint.pod};
    const auto ready = ready_in_.find(pod);
    if (ready == ready_in_.end()) continue;
    ready->second.erase(name.name);
    if (ready->second.empty()) ready_in_.erase(ready);
    changed_.insert(pod);
  }
  if (const auto made = manual_of_slice_.find(name); made != manual_of_slice_.end()) {
    for (const ObjectName& workload : made->second) {
      manual_.erase(workload);
      changed_.insert(workload);
    }
    manual_of_slice_.erase(made);
  }
}

void Translation::put(const ObjectName& name, SliceFacts slice) {
  take_out(name);
  take_in(name, slice);
  // What stands in it is kept elsewhere, but for whom it names.
  slices_.insert_or_assign(name, std::move(slice));
}

void Translation::remove_slice(const ObjectName& name) {
  take_out(name);
  slices_.erase(name);
}

void Translation::replace(Slices slices) {
  for (const auto& [name, slice] : slices_) take_out(name);
  slices_ = std::move(slices);
  for (const auto& [name, slice] : slices_) take_in(name, slice);
}

// ---- Workloads ----

std::set<ObjectName> Translation::take_changed() { return std::exchange(changed_, {}); }

void Translation::add_targets(const ObjectName& pod, const Labels& labels,
                              std::vector<WorkloadPort>& ports) const {
  for (const auto& [key, value] : labels) {
    const auto found = services_by_label_.find(label_key(pod.name_space, key, value));
    if (found == services_by_label_.end()) continue;
    for (const std::string& service : found->second) {
      const auto at = services_.find({pod.name_space, service});
      if (at == services_.end() || !selects(at->second.selector, labels)) continue;
      for (const ServiceFacts::Target& target : at->second.targets) lead_to(target, ports);
    }
  }
}

Workload Translation::of_pod(const ObjectName& name, const PodFacts& pod) const {
  Workload out;
  out.metadata = {.name = name,
                  .labels = pod.labels,
                  .created = pod.created,
                  .place = ObjectKey{Kind::kWorkload, name}.to_string()};
  out.address = pod.addresses.front();
  out.more_addresses.assign(pod.addresses.begin() + 1, pod.addresses.end());
  out.service_account = pod.service_account;
  out.sidecar = out.redirected = pod.meshed;
  out.hostname = pod.hostname;
  out.subdomain = pod.subdomain;
  out.transparent = pod.transparent;
  out.node = pod.node;
  out.ports = pod.ports;
  out.uses = pod.uses;
  add_targets(name, pod.labels, out.ports);
  if (pod.meshed) {
    std::erase_if(out.ports, [](const WorkloadPort& port) { return is_the_sidecars(port.port); });
  }
  if (const auto node = nodes_.find({"", pod.node}); node != nodes_.end()) {
    out.region = node->second.region;
    out.zone = node->second.zone;
  }
  const auto said = ready_in_.find(name);
  const bool ready =
      said == ready_in_.end()
          ? pod.ready
          : std::ranges::all_of(said->second, [](const auto& one) { return one.second; });
  out.ready = ready && !pod.terminating;
  return out;
}

std::optional<Workload> Translation::of_manual(const ObjectName& name, const Manual& manual) const {
  const auto slice = slices_.find(manual.slice);
  if (slice == slices_.end() || slice->second.service.empty()) return std::nullopt;
  const std::string& service = slice->second.service;
  // Who stands behind a Service with a selector is what it selects.
  if (has_selector({name.name_space, service}) || !check_label_value(service).empty()) {
    return std::nullopt;
  }
  Workload out;
  out.metadata = {.name = name,
                  .labels = {{std::string(kServiceNameLabel), service}},
                  .place = ObjectKey{Kind::kWorkload, name}.to_string()};
  out.address = manual.endpoint.addresses.front();
  out.ports = slice->second.ports;
  for (WorkloadPort& port : out.ports) {
    if (port.name.empty() && out.ports.size() == 1) port.name = kUnnamedPort;
  }
  out.zone = manual.endpoint.zone;
  out.node = manual.endpoint.node;
  out.sidecar = false;
  out.ready = manual.endpoint.ready;
  return out;
}

std::optional<Workload> Translation::workload(const ObjectName& name) const {
  if (const auto pod = pods_.find(name); pod != pods_.end()) return of_pod(name, pod->second);
  const auto manual = manual_.find(name);
  return manual == manual_.end() ? std::nullopt : of_manual(name, manual->second);
}

std::string Translation::objection_to(const ObjectName& name) const {
  const auto pod = pods_.find(name);
  if (pod == pods_.end() || pod->second.uses_objection.empty()) return {};
  return fmt::format("Pod {}: annotation {}: {}; it is told of the whole mesh", name.to_string(),
                     kUsesAnnotation, pod->second.uses_objection);
}

}  // namespace weft::control::kube
