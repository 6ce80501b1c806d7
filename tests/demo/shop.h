#pragma once
// Shop: who is in the demo and where: the instances, their addresses and ports, and the YAML that
// tells the control plane about them.
//
//   visitor -> web -> cart v1 (two instances) or v2 (one) -> ledger
//
// Every instance has a loopback address of its own, as a pod has (decisions B1). The second byte of
// all of them is the shop's `network`, so that two demos can run on one machine. A value; pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/address.h"

namespace weft::demo {

struct Instance {
  std::string name;            // of its Workload: "cart-v1-a"
  std::string service;         // "cart"
  std::string version;         // "v1"
  std::string account;         // its service account
  std::string next;            // the service its app calls; empty: none
  IpAddress address;           // of its sidecar
  std::uint16_t app_port = 0;  // on 127.0.0.1; 0: no app, only a sidecar to call through

  static constexpr std::uint16_t kPort = 8080;
  static constexpr std::uint16_t kAdminPort = 15000;
  static constexpr std::uint16_t kOutboundPort = 15001;

  [[nodiscard]] bool has_app() const { return app_port != 0; }
  [[nodiscard]] SocketAddress app() const;
  [[nodiscard]] SocketAddress inbound() const { return {address, kPort}; }
  [[nodiscard]] SocketAddress outbound() const { return {address, kOutboundPort}; }
  [[nodiscard]] SocketAddress admin() const { return {address, kAdminPort}; }
  [[nodiscard]] std::string principal() const;  // "spiffe://cluster.local/ns/shop/sa/cart"
};

// Percent of the requests to cart for each version.
struct Weights {
  int v1 = 90;
  int v2 = 10;
  bool operator==(const Weights&) const = default;
};

class Shop final {
 public:
  static constexpr std::string_view kTrustDomain = "cluster.local";
  static constexpr std::string_view kNamespace = "shop";
  static constexpr int kNetworkMin = 1;
  static constexpr int kNetworkMax = 99;

  explicit Shop(int network = 5);

  [[nodiscard]] const std::vector<Instance>& instances() const { return instances_; }
  // REQUIRES: there is one of that name.
  [[nodiscard]] const Instance& instance(std::string_view name) const;
  [[nodiscard]] const Instance& visitor() const { return instances_.front(); }
  [[nodiscard]] const SocketAddress& control() const { return control_; }
  [[nodiscard]] const SocketAddress& control_admin() const { return control_admin_; }
  [[nodiscard]] bool is_usual() const { return network_ == kUsualNetwork; }
  // 127.NETWORK.third.fourth
  [[nodiscard]] IpAddress address(int third, int fourth) const;

  // Services, Workloads and the MeshConfig. `collector`: "127.0.0.1:4318", or empty.
  [[nodiscard]] std::string shop_yaml(std::string_view collector) const;
  // The HTTPRoute of cart.
  [[nodiscard]] static std::string canary_yaml(const Weights& weights);
  // A Service and a Workload whose sidecar nobody starts: what an impostor stands in for.
  [[nodiscard]] std::string vault_yaml() const;
  [[nodiscard]] SocketAddress vault() const { return {address(3, 1), Instance::kPort}; }

 private:
  static constexpr int kUsualNetwork = 5;

  int network_;
  std::vector<Instance> instances_;
  SocketAddress control_;
  SocketAddress control_admin_;
};

[[nodiscard]] std::string principal_of(std::string_view account);

}  // namespace weft::demo
