#pragma once
// The manifest ha.yaml: what several replicas need beside the Deployment. Data (blocks.h says how).

#include <string_view>

namespace weft::control::cli::texts {

inline constexpr std::string_view kHa = R"(#if ha
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  ${own_metadata}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      ${own_pod_labels}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  ${own_metadata}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: weft-control${suffix}
  minReplicas: 2
  maxReplicas: 5
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: 80
#end
)";

}  // namespace weft::control::cli::texts
