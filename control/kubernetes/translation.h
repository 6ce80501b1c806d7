#pragma once
// Translation: Pods, Nodes, Services and EndpointSlices -> our Workloads.
//
// A Pod with an address is a Workload; an EndpointSlice of a Service without a selector gives one
// for each of its addresses. Each change says which Workloads may differ by it, so that one
// endpoint costs little in a large mesh. Ready: what the EndpointSlices say of a pod that is in
// any, else the pod itself; never while it is being deleted. Ports: those of its containers, and
// those that Services lead to by number. Pure. Owner: KubernetesSource. Thread: one.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/kubernetes/facts.h"

namespace weft::control::kube {

class Translation final {
 public:
  using Pods = std::map<ObjectName, PodFacts>;
  using Nodes = std::map<ObjectName, NodeFacts>;
  using Services = std::map<ObjectName, ServiceFacts>;
  using Slices = std::map<ObjectName, SliceFacts>;

  void put(const ObjectName& name, PodFacts pod);
  void put(const ObjectName& name, NodeFacts node);
  void put(const ObjectName& name, ServiceFacts service);
  void put(const ObjectName& name, SliceFacts slice);
  void remove_pod(const ObjectName& name);
  void remove_node(const ObjectName& name);
  void remove_service(const ObjectName& name);
  void remove_slice(const ObjectName& name);
  // All there are, in place of what was known.
  void replace(Pods pods);
  void replace(Nodes nodes);
  void replace(Services services);
  void replace(Slices slices);

  // The Workloads that may differ from what workload() said of them before; and forgets them.
  [[nodiscard]] std::set<ObjectName> take_changed();
  // Nothing when there is none of that name.
  [[nodiscard]] std::optional<Workload> workload(const ObjectName& name) const;
  // What of its pod's annotations does not count, and why; mostly empty.
  [[nodiscard]] std::string objection_to(const ObjectName& name) const;

  [[nodiscard]] std::size_t pods() const { return pods_.size(); }
  [[nodiscard]] const Pods& all_pods() const { return pods_; }

 private:
  // An address of a slice that is made by hand.
  struct Manual {
    ObjectName slice;
    EndpointFacts endpoint;
  };
  using LabelKey = std::string;  // namespace, key and value

  [[nodiscard]] static LabelKey label_key(std::string_view name_space, const std::string& key,
                                          const std::string& value);
  void mark_selected(const std::string& name_space, const Labels& selector);
  void index_service(const ObjectName& name, const ServiceFacts& service, bool in);
  void take_in(const ObjectName& name, const SliceFacts& slice);
  void take_out(const ObjectName& name);
  [[nodiscard]] bool has_selector(const ObjectName& service) const;
  void mark_slices_of(const ObjectName& service);
  void mark_all_pods();
  void add_targets(const ObjectName& pod, const Labels& labels,
                   std::vector<WorkloadPort>& ports) const;
  [[nodiscard]] Workload of_pod(const ObjectName& name, const PodFacts& pod) const;
  [[nodiscard]] std::optional<Workload> of_manual(const ObjectName& name,
                                                  const Manual& manual) const;

  Pods pods_;
  Nodes nodes_;
  Services services_;
  Slices slices_;
  std::map<LabelKey, std::set<std::string>> services_by_label_;    // by one pair of their selector
  std::map<ObjectName, std::map<std::string, bool>> ready_in_;     // pod -> slice -> ready
  std::map<ObjectName, Manual> manual_;                            // by the Workload's name
  std::map<ObjectName, std::vector<ObjectName>> manual_of_slice_;  // Workloads' names
  std::set<ObjectName> changed_;
};

}  // namespace weft::control::kube
