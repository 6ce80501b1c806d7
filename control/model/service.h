#pragma once
// Service: a name that clients use, its ports, and which Workloads stand behind it. The part of
// core/v1 Service that a mesh has a use for; what would change traffic and is not there yet is
// refused by name.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"
#include "sidecar/core/address.h"

namespace weft::control {

struct ServicePort {
  std::string name;  // empty only for a single port
  std::uint16_t port = 0;
  std::string target_name;        // a Workload port's name, or
  std::uint16_t target_port = 0;  // its number
  std::string app_protocol;       // as written
};

struct Service {
  static constexpr std::size_t kPortsMax = 64;
  static constexpr std::size_t kAddressesMax = 2;

  Metadata metadata;
  std::vector<ServicePort> ports;
  // type: ExternalName. Nobody of the mesh stands behind it: callers find it by DNS, at the ports
  // that it says, and call it in the clear unless a BackendTLSPolicy says otherwise. Empty: another
  // type.
  std::string external_name;
  Labels selector;
  // Where clients find it, v4 and v6; empty: no address of its own (headless, or not known here).
  std::vector<IpAddress> cluster_addresses;
  bool headless = false;  // clusterIP: None; its Workloads are called by their own addresses
  bool publish_not_ready = false;
  bool own_node_only = false;  // internalTrafficPolicy: Local
  // What sessionAffinity and trafficDistribution say, in the words of policies; null: nothing.
  std::shared_ptr<const PolicyFields> policy;
};

[[nodiscard]] Service read_service(Reader& document);

}  // namespace weft::control
