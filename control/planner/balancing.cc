#include "control/planner/balancing.h"

#include <string>

#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_maglev.pb.h"
#include "xds/proto/lb_peak_ewma.pb.h"
#include "xds/proto/lb_random.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/lb_round_robin.pb.h"

namespace weft::control {

namespace cds = envoy::config::cluster::v3;
namespace lb = envoy::extensions::load_balancing_policies;

namespace {

constexpr const char* kExtensions = "envoy.load_balancing_policies.";

// The next one of the list; a client takes the first that it knows.
void add_balancer(cds::Cluster& cluster, const std::string& name,
                  const google::protobuf::Message& policy) {
  auto& extension =
      *cluster.mutable_load_balancing_policy()->add_policies()->mutable_typed_extension_config();
  extension.set_name(name);
  pack(*extension.mutable_typed_config(), policy);
}

template <typename Policy>
Policy slowly_started(const PolicyFields& policy) {
  Policy out;
  if (*policy.slow_start.value > Duration::zero()) {
    set(*out.mutable_slow_start_config()->mutable_slow_start_window(), *policy.slow_start.value);
  }
  return out;
}

template <typename Policy>
Policy bounded(const RequestHash& hash) {
  Policy out;
  if (hash.bounded_load != 0) {
    out.mutable_consistent_hashing_lb_config()->mutable_hash_balance_factor()->set_value(
        hash.bounded_load);
  }
  return out;
}

void set_for_sidecars(cds::Cluster& cluster, const PolicyFields& policy) {
  using LeastRequest = lb::least_request::v3::LeastRequest;
  const std::string envoy = kExtensions;
  switch (*policy.balancing.value) {
    case Balancing::kPeakEwma:
      // Others than weft take what comes closest.
      cluster.set_lb_policy(cds::Cluster::LEAST_REQUEST);
      add_balancer(cluster, "weft.load_balancing_policies.peak_ewma",
                   slowly_started<weft::lb::v1::PeakEwma>(policy));
      add_balancer(cluster, envoy + "least_request", slowly_started<LeastRequest>(policy));
      break;
    case Balancing::kRoundRobin:
      cluster.set_lb_policy(cds::Cluster::ROUND_ROBIN);
      add_balancer(cluster, envoy + "round_robin",
                   slowly_started<lb::round_robin::v3::RoundRobin>(policy));
      break;
    case Balancing::kRandom:
      cluster.set_lb_policy(cds::Cluster::RANDOM);
      add_balancer(cluster, envoy + "random", lb::random::v3::Random());
      break;
    case Balancing::kLeastRequest:
      cluster.set_lb_policy(cds::Cluster::LEAST_REQUEST);
      add_balancer(cluster, envoy + "least_request", slowly_started<LeastRequest>(policy));
      break;
    case Balancing::kRingHash:
      cluster.set_lb_policy(cds::Cluster::RING_HASH);
      add_balancer(cluster, envoy + "ring_hash",
                   bounded<lb::ring_hash::v3::RingHash>(*policy.hash.value));
      break;
    case Balancing::kMaglev:
      cluster.set_lb_policy(cds::Cluster::MAGLEV);
      add_balancer(cluster, envoy + "maglev", bounded<lb::maglev::v3::Maglev>(*policy.hash.value));
      break;
  }
}

// What gRPC knows (A42, A48, A52); all else goes round, as it did before anybody asked.
void set_for_clients(cds::Cluster& cluster, const PolicyFields& policy) {
  const std::string envoy = kExtensions;
  switch (*policy.balancing.value) {
    case Balancing::kRingHash:
    case Balancing::kMaglev:  // the other way to the same end
      cluster.set_lb_policy(cds::Cluster::RING_HASH);
      break;
    case Balancing::kLeastRequest:
      // Some would refuse it in lb_policy; of a list they take the first one they know.
      cluster.set_lb_policy(cds::Cluster::ROUND_ROBIN);
      add_balancer(cluster, envoy + "least_request", lb::least_request::v3::LeastRequest());
      add_balancer(cluster, envoy + "round_robin", lb::round_robin::v3::RoundRobin());
      break;
    case Balancing::kPeakEwma:
    case Balancing::kRoundRobin:
    case Balancing::kRandom:
      cluster.set_lb_policy(cds::Cluster::ROUND_ROBIN);
      break;
  }
}

}  // namespace

void set_balancing(cds::Cluster& cluster, const PolicyFields& policy, Audience audience) {
  if (audience == Audience::kProxyless) return set_for_clients(cluster, policy);
  set_for_sidecars(cluster, policy);
  cluster.mutable_common_lb_config()->mutable_healthy_panic_threshold()->set_value(
      *policy.panic_below.value);
}

}  // namespace weft::control
