#include "control/planner/ejection.h"

#include <algorithm>
#include <cmath>

#include "control/planner/parts.h"

namespace weft::control {

namespace cds = envoy::config::cluster::v3;

namespace {

// Envoy judges by rates unless told not to; weft does when somebody writes it.
void set_rates(cds::OutlierDetection& ejection, const PolicyFields& policy) {
  const SuccessRate& success = *policy.success_rate.value;
  ejection.mutable_enforcing_success_rate()->set_value(success.on ? 100 : 0);
  if (success.on) {
    ejection.mutable_success_rate_minimum_hosts()->set_value(success.instances_min);
    ejection.mutable_success_rate_request_volume()->set_value(success.requests_min);
    ejection.mutable_success_rate_stdev_factor()->set_value(
        static_cast<std::uint32_t>(std::lround(success.factor * 1000)));
  }
  const FailurePercent& failures = *policy.failure_percent.value;
  if (!failures.on) return;
  ejection.mutable_enforcing_failure_percentage()->set_value(100);
  ejection.mutable_failure_percentage_threshold()->set_value(failures.threshold);
  ejection.mutable_failure_percentage_minimum_hosts()->set_value(failures.instances_min);
  ejection.mutable_failure_percentage_request_volume()->set_value(failures.requests_min);
}

void set_times(cds::OutlierDetection& ejection, const PolicyFields& policy) {
  set(*ejection.mutable_interval(), *policy.ejection_interval.value);
  set(*ejection.mutable_base_ejection_time(), *policy.eject_for.value);
  // Both may come from different documents; a longest time below the first is no time at all.
  set(*ejection.mutable_max_ejection_time(),
      std::max(*policy.eject_for.value, *policy.max_eject_for.value));
  ejection.mutable_max_ejection_percent()->set_value(*policy.max_ejected.value);
}

}  // namespace

void set_ejection(cds::Cluster& cluster, const PolicyFields& policy) {
  auto& ejection = *cluster.mutable_outlier_detection();
  set_rates(ejection, policy);
  // Zero failures in a row would be too many at once; off is said by enforcing nothing.
  const auto enforce = [](std::uint32_t failures) { return failures == 0 ? 0U : 100U; };
  if (*policy.errors_5xx.value != 0) {
    ejection.mutable_consecutive_5xx()->set_value(*policy.errors_5xx.value);
  }
  ejection.mutable_enforcing_consecutive_5xx()->set_value(enforce(*policy.errors_5xx.value));
  if (*policy.gateway_errors.value != 0) {
    ejection.mutable_consecutive_gateway_failure()->set_value(*policy.gateway_errors.value);
  }
  ejection.mutable_enforcing_consecutive_gateway_failure()->set_value(
      enforce(*policy.gateway_errors.value));
  ejection.set_split_external_local_origin_errors(true);
  if (*policy.local_failures.value != 0) {
    ejection.mutable_consecutive_local_origin_failure()->set_value(*policy.local_failures.value);
  }
  ejection.mutable_enforcing_consecutive_local_origin_failure()->set_value(
      enforce(*policy.local_failures.value));
  set_times(ejection, policy);
  ejection.mutable_always_eject_one_host()->set_value(*policy.max_ejected.value != 0);
}

void set_proxyless_ejection(cds::Cluster& cluster, const PolicyFields& policy) {
  if (!policy.success_rate.value->on && !policy.failure_percent.value->on) return;
  auto& ejection = *cluster.mutable_outlier_detection();
  set_rates(ejection, policy);
  set_times(ejection, policy);
}

}  // namespace weft::control
