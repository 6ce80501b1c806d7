#pragma once
// WatchedKinds: the kinds of object that people write, and where the API server has them. Data;
// what exists beside them (Pods, Nodes, Services, EndpointSlices, Namespaces) the source names
// itself.

#include <array>
#include <string_view>

#include "control/kubernetes/resource.h"
#include "control/model/names.h"

namespace weft::control::kube {

struct WatchedKind {
  Kind kind;
  Resource resource;
};

inline constexpr std::string_view kGatewayGroup = "gateway.networking.k8s.io";
inline constexpr std::string_view kIstioGroup = "networking.istio.io";

inline constexpr std::array<WatchedKind, 12> kWatchedKinds = {{
    {Kind::kHttpRoute, {"httproutes", kGatewayGroup, {"v1", "v1beta1"}, "httproutes", "HTTPRoute"}},
    {Kind::kGrpcRoute, {"grpcroutes", kGatewayGroup, {"v1"}, "grpcroutes", "GRPCRoute"}},
    {Kind::kTlsRoute,
     {"tlsroutes", kGatewayGroup, {"v1", "v1alpha3", "v1alpha2"}, "tlsroutes", "TLSRoute"}},
    {Kind::kTcpRoute, {"tcproutes", kGatewayGroup, {"v1", "v1alpha2"}, "tcproutes", "TCPRoute"}},
    {Kind::kReferenceGrant,
     {"referencegrants", kGatewayGroup, {"v1", "v1beta1"}, "referencegrants", "ReferenceGrant"}},
    {Kind::kBackendTlsPolicy,
     {"backendtlspolicies",
      kGatewayGroup,
      {"v1", "v1alpha3"},
      "backendtlspolicies",
      "BackendTLSPolicy"}},
    {Kind::kBackendTrafficPolicy,
     {"xbackendtrafficpolicies",
      "gateway.networking.x-k8s.io",
      {"v1alpha1"},
      "xbackendtrafficpolicies",
      "XBackendTrafficPolicy"}},
    {Kind::kVirtualService,
     {"virtualservices",
      kIstioGroup,
      {"v1", "v1beta1", "v1alpha3"},
      "virtualservices",
      "VirtualService"}},
    {Kind::kDestinationRule,
     {"destinationrules",
      kIstioGroup,
      {"v1", "v1beta1", "v1alpha3"},
      "destinationrules",
      "DestinationRule"}},
    {Kind::kTrafficPolicy,
     {"trafficpolicies", "weft.dev", {"v1alpha1"}, "trafficpolicies", "TrafficPolicy"}},
    {Kind::kMeshConfig, {"meshconfigs", "weft.dev", {"v1alpha1"}, "meshconfigs", "MeshConfig"}},
    // Of a BackendTLSPolicy's certificates.
    {Kind::kConfigMap,
     {.name = "configmaps",
      .group = "",
      .versions = {"v1"},
      .plural = "configmaps",
      .kind = "ConfigMap",
      .always_there = true}},
}};

// "httproutes"; empty for a kind that is not watched.
[[nodiscard]] constexpr std::string_view plural_of(Kind kind) {
  for (const WatchedKind& watched : kWatchedKinds) {
    if (watched.kind == kind) return watched.resource.plural;
  }
  return {};
}

}  // namespace weft::control::kube
