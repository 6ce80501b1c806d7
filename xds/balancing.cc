#include "xds/balancing.h"

#include <fmt/format.h>

#include <string>

#include "sidecar/core/strings.h"
#include "xds/extensions.h"
#include "xds/proto/lb_least_request.pb.h"
#include "xds/proto/lb_maglev.pb.h"
#include "xds/proto/lb_peak_ewma.pb.h"
#include "xds/proto/lb_random.pb.h"
#include "xds/proto/lb_ring_hash.pb.h"
#include "xds/proto/lb_round_robin.pb.h"

namespace weft::xds {

namespace cds = envoy::config::cluster::v3;
namespace lb = envoy::extensions::load_balancing_policies;

namespace {

using config::BalancerKind;
using config::HashFunction;
using Discovery = config::ClusterConfig::Discovery;

bool is_prime(std::uint64_t number) {
  if (number < 2) return false;
  for (std::uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

// The same three fields in two messages.
template <typename Config>
void read_slow_start(const Config& slow, const FieldPath& path, Reading& in,
                     config::Balancing& out) {
  out.slow_start.window = duration_of(slow.slow_start_window());
  if (slow.has_aggression()) out.slow_start.aggression = slow.aggression().default_value();
  if (!(out.slow_start.aggression > 0)) {
    in.refuse(path / "aggression", "must be more than 0");
    out.slow_start.aggression = 1.0;
  }
  if (slow.has_min_weight_percent()) {
    out.slow_start.min_weight_percent = slow.min_weight_percent().value();
  }
}

void read_localities(const lb::common::v3::LocalityLbConfig& localities, config::Balancing& out) {
  if (localities.has_locality_weighted_lb_config()) {
    out.localities = config::LocalityPreference::kWeighted;
  }
}

// Both places that say them name these three fields alike.
template <typename Config>
void read_ring_sizes(const Config& ring, const FieldPath& path, Reading& in,
                     config::Balancing& out) {
  if (ring.has_minimum_ring_size()) out.ring_size_min = ring.minimum_ring_size().value();
  if (ring.has_maximum_ring_size()) out.ring_size_max = ring.maximum_ring_size().value();
  if (out.ring_size_min > out.ring_size_max) {
    in.refuse(path / "minimum_ring_size", "is more than maximum_ring_size");
  } else if (out.ring_size_min > config::kRingPointsMax) {
    in.note(path / "minimum_ring_size", fmt::format("works as {} here", config::kRingPointsMax));
  }
}

template <typename Config>
void read_table_size(const Config& maglev, const FieldPath& path, Reading& in,
                     config::Balancing& out) {
  out.kind = BalancerKind::kMaglev;
  if (!maglev.has_table_size()) return;
  if (!is_prime(maglev.table_size().value())) {
    in.refuse(path / "table_size",
              fmt::format("{} is not a prime number", maglev.table_size().value()));
    return;
  }
  out.maglev_table_size = static_cast<std::uint32_t>(maglev.table_size().value());
}

template <typename Config>
void read_consistent(const Config& consistent, config::Balancing& out) {
  out.hash_by_host_name = consistent.use_hostname_for_hashing();
  out.bounded_load_percent = consistent.hash_balance_factor().value();
}

// ---- load_balancing_policy ----

void read(const lb::round_robin::v3::RoundRobin& policy, const FieldPath& path, Reading& in,
          config::Balancing& out) {
  out.kind = BalancerKind::kRoundRobin;
  read_slow_start(policy.slow_start_config(), path / "slow_start_config", in, out);
  read_localities(policy.locality_lb_config(), out);
}

void read(const lb::least_request::v3::LeastRequest& policy, const FieldPath& path, Reading& in,
          config::Balancing& out) {
  out.kind = BalancerKind::kLeastRequest;
  if (policy.has_choice_count()) out.least_request_choices = policy.choice_count().value();
  read_slow_start(policy.slow_start_config(), path / "slow_start_config", in, out);
  read_localities(policy.locality_lb_config(), out);
}

void read(const lb::random::v3::Random& policy, const FieldPath&, Reading&,
          config::Balancing& out) {
  out.kind = BalancerKind::kRandom;
  read_localities(policy.locality_lb_config(), out);
}

void read(const weft::lb::v1::PeakEwma& policy, const FieldPath& path, Reading& in,
          config::Balancing& out) {
  out.kind = BalancerKind::kPeakEwma;
  if (policy.has_decay()) out.ewma_decay = duration_of(policy.decay());
  read_slow_start(policy.slow_start_config(), path / "slow_start_config", in, out);
  read_localities(policy.locality_lb_config(), out);
}

void read(const lb::ring_hash::v3::RingHash& policy, const FieldPath& path, Reading& in,
          config::Balancing& out) {
  out.kind = BalancerKind::kRingHash;
  if (policy.hash_function() == lb::ring_hash::v3::RingHash::MURMUR_HASH_2) {
    out.ring_hash = HashFunction::kMurmurHash2;
  }
  read_ring_sizes(policy, path, in, out);
  // The message that came later replaces the two fields beside it.
  if (policy.has_consistent_hashing_lb_config()) {
    read_consistent(policy.consistent_hashing_lb_config(), out);
  } else {
    read_consistent(policy, out);
  }
  if (policy.has_locality_weighted_lb_config()) {
    out.localities = config::LocalityPreference::kWeighted;
  }
}

void read(const lb::maglev::v3::Maglev& policy, const FieldPath& path, Reading& in,
          config::Balancing& out) {
  read_table_size(policy, path, in, out);
  read_consistent(policy.consistent_hashing_lb_config(), out);
  if (policy.has_locality_weighted_lb_config()) {
    out.localities = config::LocalityPreference::kWeighted;
  }
}

// True when `any` is a Policy, well or badly made.
template <typename Policy>
bool read_if(const google::protobuf::Any& any, const std::string& type, const FieldPath& path,
             Reading& in, config::Balancing& out) {
  Policy policy;
  if (type != policy.GetDescriptor()->full_name()) return false;
  if (in.unpack(any, path, policy)) read(policy, path, in, out);
  return true;
}

// The first policy of a type we know; whoever wrote the list put the better ones first.
void read_policy_list(const cds::LoadBalancingPolicy& policy, const FieldPath& path, Reading& in,
                      config::Balancing& out) {
  std::string unknown;
  for (int index = 0; index < policy.policies_size(); ++index) {
    const auto item = path.at("policies", index);
    const auto at = item / "typed_extension_config.typed_config";
    const auto& any = policy.policies(index).typed_extension_config().typed_config();
    const auto type = type_of(any);
    if (read_if<lb::round_robin::v3::RoundRobin>(any, type, at, in, out) ||
        read_if<lb::least_request::v3::LeastRequest>(any, type, at, in, out) ||
        read_if<lb::random::v3::Random>(any, type, at, in, out) ||
        read_if<lb::ring_hash::v3::RingHash>(any, type, at, in, out) ||
        read_if<lb::maglev::v3::Maglev>(any, type, at, in, out) ||
        read_if<weft::lb::v1::PeakEwma>(any, type, at, in, out)) {
      return;
    }
    if (!unknown.empty()) unknown += ", ";
    unknown += type;
  }
  in.refuse(path / "policies", fmt::format("has no policy known here: {}",
                                           unknown.empty() ? "empty" : escape(unknown)));
}

// ---- lb_policy ----

void read_old(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
              config::Balancing& out) {
  const auto& common = cluster.common_lb_config();
  if (common.has_locality_weighted_lb_config()) {
    out.localities = config::LocalityPreference::kWeighted;
  }
  switch (cluster.lb_policy()) {
    case cds::Cluster::ROUND_ROBIN: {
      const auto at = path / "round_robin_lb_config";
      read_slow_start(cluster.round_robin_lb_config().slow_start_config(), at / "slow_start_config",
                      in, out);
      break;
    }
    case cds::Cluster::LEAST_REQUEST: {
      const auto& least = cluster.least_request_lb_config();
      const auto at = path / "least_request_lb_config";
      out.kind = BalancerKind::kLeastRequest;
      if (least.has_choice_count()) out.least_request_choices = least.choice_count().value();
      read_slow_start(least.slow_start_config(), at / "slow_start_config", in, out);
      break;
    }
    case cds::Cluster::RANDOM:
      out.kind = BalancerKind::kRandom;
      break;
    case cds::Cluster::RING_HASH: {
      const auto& ring = cluster.ring_hash_lb_config();
      out.kind = BalancerKind::kRingHash;
      if (ring.hash_function() == cds::Cluster::RingHashLbConfig::MURMUR_HASH_2) {
        out.ring_hash = HashFunction::kMurmurHash2;
      }
      read_ring_sizes(ring, path / "ring_hash_lb_config", in, out);
      read_consistent(common.consistent_hashing_lb_config(), out);
      break;
    }
    case cds::Cluster::MAGLEV:
      read_table_size(cluster.maglev_lb_config(), path / "maglev_lb_config", in, out);
      read_consistent(common.consistent_hashing_lb_config(), out);
      break;
    case cds::Cluster::LOAD_BALANCING_POLICY_CONFIG:
      in.refuse(path / "load_balancing_policy", "is required");
      break;
    default:
      break;  // refused by the walk, or nothing to read
  }
}

}  // namespace

void read_balancing(const cds::Cluster& cluster, const FieldPath& path, Reading& in,
                    config::ClusterConfig& out) {
  const auto& common = cluster.common_lb_config();
  if (common.has_healthy_panic_threshold()) {
    out.panic_percent = common.healthy_panic_threshold().value();
  }
  if (cluster.has_load_balancing_policy()) {
    read_policy_list(cluster.load_balancing_policy(), path / "load_balancing_policy", in,
                     out.balancing);
    return;
  }
  const bool original = out.discovery == Discovery::kOriginalDst;
  const bool provided = cluster.lb_policy() == cds::Cluster::CLUSTER_PROVIDED;
  if (provided && !original) {
    in.refuse(path / "lb_policy", "CLUSTER_PROVIDED is for type ORIGINAL_DST");
  } else if (original && !provided) {
    in.refuse(path / "lb_policy", "must be CLUSTER_PROVIDED for type ORIGINAL_DST");
  }
  read_old(cluster, path, in, out.balancing);
}

}  // namespace weft::xds
