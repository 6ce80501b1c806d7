#include "tests/demo/shop.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sidecar/core/assert.h"

namespace weft::demo {

namespace {

const IpAddress kLoopback = IpAddress::v4(0x7f000001);

std::string service_yaml(std::string_view name, std::string_view selector) {
  return fmt::format(R"(---
apiVersion: v1
kind: Service
metadata: {{name: {}, namespace: shop}}
spec: {{selector: {{{}}}, ports: [{{name: http, port: 80, targetPort: http}}]}}
)",
                     name, selector);
}

std::string workload_yaml(const Instance& instance) {
  std::string ports;
  if (instance.has_app()) {
    ports = fmt::format("\n  ports: [{{name: http, port: {}, appPort: {}, appProtocol: http}}]",
                        Instance::kPort, instance.app_port);
  }
  return fmt::format(R"(---
apiVersion: weft.dev/v1alpha1
kind: Workload
metadata: {{name: {}, namespace: shop, labels: {{app: {}, version: {}}}}}
spec:
  address: {}
  serviceAccount: {}{}
)",
                     instance.name, instance.service, instance.version,
                     instance.address.to_string(), instance.account, ports);
}

}  // namespace

std::string principal_of(std::string_view account) {
  return fmt::format("spiffe://{}/ns/{}/sa/{}", Shop::kTrustDomain, Shop::kNamespace, account);
}

SocketAddress Instance::app() const { return {kLoopback, app_port}; }

std::string Instance::principal() const { return principal_of(account); }

Shop::Shop(int network) : network_(network) {
  WEFT_ASSERT(network >= kNetworkMin && network <= kNetworkMax);
  const auto app_port = [&](int number) {
    return static_cast<std::uint16_t>(9000 + 100 * (network - kUsualNetwork) + number +
                                      (network < kUsualNetwork ? 10'000 : 0));
  };
  instances_ = {
      {"visitor", "visitor", "v1", "visitor", "web", address(9, 1), 0},
      {"web-a", "web", "v1", "web", "cart", address(0, 1), app_port(1)},
      {"cart-v1-a", "cart", "v1", "cart", "ledger", address(1, 1), app_port(11)},
      {"cart-v1-b", "cart", "v1", "cart", "ledger", address(1, 2), app_port(12)},
      {"cart-v2-a", "cart", "v2", "cart", "ledger", address(1, 3), app_port(13)},
      {"ledger-a", "ledger", "v1", "ledger", "", address(2, 1), app_port(21)},
  };
  // Where the command line looks when nobody says where.
  const IpAddress control = is_usual() ? kLoopback : address(255, 1);
  control_ = {control, 15012};
  control_admin_ = {control, 15014};
}

IpAddress Shop::address(int third, int fourth) const {
  return IpAddress::v4(0x7f000000U | static_cast<std::uint32_t>(network_) << 16U |
                       static_cast<std::uint32_t>(third) << 8U |
                       static_cast<std::uint32_t>(fourth));
}

const Instance& Shop::instance(std::string_view name) const {
  const auto found = std::ranges::find(instances_, name, &Instance::name);
  WEFT_ASSERT(found != instances_.end());
  return *found;
}

std::string Shop::shop_yaml(std::string_view collector) const {
  const std::string otlp = collector.empty()
                               ? std::string()
                               : fmt::format(", otlp: {{endpoint: \"http://{}\"}}", collector);
  std::string out = fmt::format(
      R"(# The shop of the demo: visitor -> web -> cart -> ledger. The route between cart's versions is in canary.yaml.
apiVersion: weft.dev/v1alpha1
kind: MeshConfig
metadata: {{name: default}}
spec:
  trustDomain: {}
  mtls: {{mode: Strict}}
  tracing: {{sampling: 1%, minPerSecond: 1{}}}
  accessLog: {{mode: Errors}}
)",
      kTrustDomain, otlp);
  out += service_yaml("web", "app: web");
  out += service_yaml("cart", "app: cart");
  out += service_yaml("cart-v1", "app: cart, version: v1");
  out += service_yaml("cart-v2", "app: cart, version: v2");
  out += service_yaml("ledger", "app: ledger");
  for (const Instance& instance : instances_) out += workload_yaml(instance);
  return out;
}

std::string Shop::canary_yaml(const Weights& weights) {
  return fmt::format(
      R"(# Which version of cart gets how many of the requests. The split is exact, not random: change a weight, save, watch.
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: cart, namespace: shop}}
spec:
  parentRefs:
  - {{group: "", kind: Service, name: cart}}
  rules:
  - name: main
    backendRefs:
    - {{name: cart-v1, port: 80, weight: {}}}
    - {{name: cart-v2, port: 80, weight: {}}}
)",
      weights.v1, weights.v2);
}

std::string Shop::vault_yaml() const {
  const Instance vault{.name = "vault-a",
                       .service = "vault",
                       .version = "v1",
                       .account = "vault",
                       .address = address(3, 1),
                       .app_port = 9031};
  return "# A service that an impostor stands in for.\n" + service_yaml("vault", "app: vault") +
         workload_yaml(vault);
}

}  // namespace weft::demo
