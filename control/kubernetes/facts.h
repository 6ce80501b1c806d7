#pragma once
// Facts: what is kept of Pods, Nodes, Services and EndpointSlices: the little that decides where
// something runs and whether it is ready. The rest of an object is forgotten when it has been read.
//
// Reading takes whatever comes: what has the wrong shape is absent, an object without which nothing
// can be said gives nothing. Pure. Sources: core/v1 Pod, Node, Service; discovery/v1 EndpointSlice.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/kubernetes/json.h"
#include "control/model/workload.h"

namespace weft::control::kube {

// What the injector leaves in a pod that it has given a sidecar.
inline constexpr std::string_view kStatusAnnotation = "weft.dev/status";
inline constexpr std::string_view kSidecarContainer = "weft-sidecar";

inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";
// What the only port of a slice that is made by hand is called, where it has no name.
inline constexpr std::string_view kUnnamedPort = "unnamed";

struct PodFacts {
  static constexpr std::size_t kContainersMax = 256;

  Labels labels;
  std::vector<IpAddress> addresses;
  std::vector<WorkloadPort> ports;
  std::string service_account;
  std::string node;
  std::string hostname;  // both as the pod asks for them, for its name below a headless Service
  std::string subdomain;
  std::string created;
  bool ready = false;
  bool terminating = false;
  bool meshed = false;         // it has our sidecar
  std::optional<Uses> uses;    // weft.dev/uses
  std::string uses_objection;  // why it does not count
  bool transparent = false;    // which keeps callers' addresses (redirect mode tproxy)
};
// Nothing for a pod that has ended, or has no address yet.
[[nodiscard]] std::optional<PodFacts> read_pod(const Json& pod);

struct NodeFacts {
  std::string region;
  std::string zone;
  bool operator==(const NodeFacts&) const = default;
};
[[nodiscard]] NodeFacts read_node(const Json& node);

struct EndpointFacts {
  std::string pod;  // in the slice's namespace; empty where it is none
  std::vector<IpAddress> addresses;
  std::string zone;
  std::string node;
  bool ready = true;
};
struct SliceFacts {
  static constexpr std::size_t kEndpointsMax = 1000;  // as the API has it

  std::string service;
  bool made_from_pods = false;  // by the cluster's own controller
  std::vector<EndpointFacts> endpoints;
  std::vector<WorkloadPort> ports;
};
[[nodiscard]] SliceFacts read_slice(const Json& slice);

// The part of a Service that decides what its Workloads must have.
struct ServiceFacts {
  struct Target {
    std::uint16_t number = 0;  // 0: by name
    std::string protocol;      // what its port says it speaks; may be empty
    std::string name;
    bool operator==(const Target&) const = default;
  };
  Labels selector;
  std::vector<Target> targets;
  bool operator==(const ServiceFacts&) const = default;
};
[[nodiscard]] ServiceFacts read_service_facts(const Json& service);

// The Service as the model reads it: known fields only, TCP ports only, and a selector of its own
// where it has none, for the Workloads that its EndpointSlices become. Of an ExternalName that
// name.
[[nodiscard]] Json service_document(const Json& service);
// A ConfigMap as the model reads it: of its data the certificates alone; null where it has none.
// There are many, and they hold anything.
[[nodiscard]] Json config_map_document(const Json& config_map);
[[nodiscard]] Labels labels_of(const Json& object);
// An object of another kind as the model reads it, with the kind and version a list does not say.
[[nodiscard]] Json plain_document(Json&& object, std::string_view kind,
                                  std::string_view api_version);
// A Workload as people would write it; what `weft` reads from /config.
[[nodiscard]] std::string workload_document(const Workload& workload);

}  // namespace weft::control::kube
