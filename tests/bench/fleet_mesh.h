#pragma once
// FleetMesh: the mesh of the fleet: many Services with instances, sidecars that use a few of them
// or all, as files of YAML, one a Service. Values only; the same figures give the same mesh.
//
// The first Service is used by everybody. Names are s0, s1, …; the instances of s7 are s7-0, s7-1,
// … in namespace shop, with one service account for all.

#include <cstddef>
#include <string>
#include <vector>

namespace weft::bench {

struct FleetFigures {
  std::size_t services = 1'000;
  std::size_t endpoints = 10;    // of each
  std::size_t sidecars = 2'000;  // connected; at most services * (endpoints - 1)
  std::size_t uses = 10;         // Services that each of them declares; 0: it declares nothing
  bool redirected = false;       // they are captured by the kernel, and Services have addresses
};

struct FleetNode {
  std::string workload;
  std::string address;
  std::vector<std::size_t> uses;  // sorted; empty: everything
};

inline constexpr const char* kFleetNamespace = "shop";
inline constexpr const char* kFleetAccount = "app";

// One file's name and text. `changed`: so often has the address of its last instance changed, which
// is not one of those that are connected.
[[nodiscard]] std::string fleet_file_name(std::size_t service);
[[nodiscard]] std::string fleet_file(const FleetFigures& figures, std::size_t service,
                                     std::size_t changed);

// Those that are connected, in an order that spreads them over the Services.
[[nodiscard]] std::vector<FleetNode> fleet_nodes(const FleetFigures& figures);

[[nodiscard]] std::string fleet_cluster(std::size_t service);

}  // namespace weft::bench
