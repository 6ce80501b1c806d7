#pragma once
// Workload: one running instance of something: where it is, what it listens on, who it is.
// weft.dev/v1alpha1; what a Pod is where there is no Kubernetes. Without redirect each Workload
// with a sidecar has a loopback address of its own (decisions B1), on which its sidecar listens;
// the app listens on 127.0.0.1:appPort.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/uses.h"
#include "sidecar/core/address.h"

namespace weft::control {

struct WorkloadPort {
  std::string name;
  std::uint16_t port = 0;      // on the Workload's address
  std::uint16_t app_port = 0;  // on 127.0.0.1, or redirected also on its own; with a sidecar only
  std::string app_protocol;
};

struct Workload {
  static constexpr std::size_t kPortsMax = 64;
  // The weights of a destination's endpoints together must fit 32 bits (Registry::kObjectsMax).
  static constexpr std::uint32_t kWeightMax = 10'000;
  static constexpr std::uint16_t kAdminPort = 15000;
  static constexpr std::uint16_t kOutboundPort = 15001;

  Metadata metadata;
  IpAddress address;
  std::vector<WorkloadPort> ports;
  std::string service_account = "default";
  std::string region;
  std::string zone;
  std::string node;          // the machine it runs on; empty: not known
  std::uint32_t weight = 1;  // 0: sends nothing there
  bool sidecar = true;
  // The kernel brings its traffic to its sidecar: one listener for each direction, by original
  // destination, and the app listens where it likes.
  bool redirected = false;
  // In mode tproxy: callers' addresses are kept, up to the app.
  bool transparent = false;
  std::vector<IpAddress> more_addresses;  // of the other family; dual-stack
  // Its name below that of the headless Service `subdomain`, as a pod's; empty: none.
  std::string hostname;
  std::string subdomain;
  bool ready = true;
  // What its app declares that it calls; nothing: it has not said.
  std::optional<Uses> uses;

  [[nodiscard]] const std::string& canonical_service() const;   // labels, else its name
  [[nodiscard]] const std::string& canonical_revision() const;  // labels, else "latest"
};

[[nodiscard]] Workload read_workload(Reader& document);

}  // namespace weft::control
