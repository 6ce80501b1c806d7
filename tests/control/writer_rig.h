#pragma once
// WriterRig: one weft-control or two before a FakeApiServer with a Service and its pod, and what
// they wrote there.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/control/fake_api_server.h"
#include "tests/control/replica_rig.h"

namespace weft::control::testing {

inline constexpr const char* kPodsPath = "/api/v1/pods";
inline constexpr const char* kServicesPath = "/api/v1/services";
inline constexpr const char* kSpacesPath = "/api/v1/namespaces";
inline constexpr const char* kConfigMapsPath = "/api/v1/configmaps";
inline constexpr const char* kRoutesPath = "/apis/gateway.networking.k8s.io/v1/httproutes";
inline constexpr const char* kTlsPoliciesPath =
    "/apis/gateway.networking.k8s.io/v1/backendtlspolicies";
inline constexpr const char* kPoliciesPath = "/apis/weft.dev/v1alpha1/trafficpolicies";
inline constexpr const char* kMeshConfigsPath = "/apis/weft.dev/v1alpha1/meshconfigs";
inline constexpr const char* kVirtualServicesPath = "/apis/networking.istio.io/v1/virtualservices";
inline constexpr const char* kLeasesPath = "/apis/coordination.k8s.io/v1/leases";
inline constexpr const char* kInjectorsPath =
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
inline constexpr const char* kValidatorsPath =
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

// The HTTPRoute shop/split, from cart to `backend`.
[[nodiscard]] FakeApiServer::Json make_split(int generation = 1,
                                             const std::string& backend = "cart");
// The TrafficPolicy shop/calm.
[[nodiscard]] FakeApiServer::Json make_policy(int generation = 1);

class WriterRig : public ::testing::Test {
 protected:
  using Json = FakeApiServer::Json;

  WriterRig();
  ~WriterRig() override;

  void start();
  void start_second();
  [[nodiscard]] const Json& status(const std::string& path, const std::string& name,
                                   const std::string& name_space = "shop") const;
  // "Accepted=True/Accepted/1 …" of the first entry.
  [[nodiscard]] static std::string conditions_in(const Json& conditions);
  [[nodiscard]] std::string route_says() const;
  [[nodiscard]] std::size_t status_writes() const;
  // "KIND NAME REASON: NOTE" each.
  [[nodiscard]] std::vector<std::string> events() const;

  xds::testing::WireRig rig;
  FakeApiServer api;
  AdminPorts ports{rig};
  std::unique_ptr<Replica> first;
  std::unique_ptr<Replica> second;
};

}  // namespace weft::control::testing
