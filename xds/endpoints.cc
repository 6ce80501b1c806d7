#include "xds/endpoints.h"

#include <fmt/format.h>

#include <limits>
#include <string>
#include <unordered_set>
#include <utility>

#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/strings.h"
#include "xds/from_proto.h"
#include "xds/resource.h"

namespace weft::xds {

namespace eds = envoy::config::endpoint::v3;
namespace core = envoy::config::core::v3;

namespace {

config::Endpoint::Health health_of(int status) {
  using Health = config::Endpoint::Health;
  switch (status) {
    case core::UNHEALTHY:
    case core::TIMEOUT:
      return Health::kUnhealthy;
    case core::DRAINING:
      return Health::kDraining;
    case core::DEGRADED:
      return Health::kDegraded;
    default:
      return Health::kHealthy;
  }
}

// Calls `each` with every endpoint, its locality and its path; judges what the two uses have in
// common.
template <typename Each>
void walk(const eds::ClusterLoadAssignment& assignment, const FieldPath& path, Reading& in,
          Each each) {
  for (int group = 0; group < assignment.endpoints_size(); ++group) {
    const auto& locality = assignment.endpoints(group);
    const auto at = path.at("endpoints", group);
    std::uint64_t weight = 0;
    for (int index = 0; index < locality.lb_endpoints_size(); ++index) {
      const auto& endpoint = locality.lb_endpoints(index);
      const auto item = at.at("lb_endpoints", index);
      weight += endpoint.has_load_balancing_weight() ? endpoint.load_balancing_weight().value() : 1;
      if (!endpoint.has_endpoint()) in.refuse(item / "endpoint", "is required");
      if (!endpoint.endpoint().has_address()) continue;  // refused by the walk
      each(locality, endpoint, item);
    }
    if (weight > std::numeric_limits<std::uint32_t>::max()) {
      in.refuse(at / "lb_endpoints", fmt::format("weigh {} together, more than 2^32-1", weight));
    }
  }
}

// The endpoint's name on a hash ring, where Envoy looks for it.
std::string hash_key_of(const core::Metadata& metadata) {
  const auto found = metadata.filter_metadata().find("envoy.lb");
  if (found == metadata.filter_metadata().end()) return {};
  const auto field = found->second.fields().find("hash_key");
  return field == found->second.fields().end() ? std::string() : field->second.string_value();
}

config::Locality locality_of(const eds::LocalityLbEndpoints& group) {
  return {.region = group.locality().region(),
          .zone = group.locality().zone(),
          .sub_zone = group.locality().sub_zone(),
          .weight = group.load_balancing_weight().value()};
}

std::uint32_t weight_of(const eds::LbEndpoint& endpoint) {
  return endpoint.has_load_balancing_weight() ? endpoint.load_balancing_weight().value() : 1;
}

config::Endpoint read_one(const eds::LocalityLbEndpoints& locality, const eds::LbEndpoint& endpoint,
                          const FieldPath& path, Reading& in) {
  config::Endpoint out;
  const auto inner = path / "endpoint";
  out.address = in.address(endpoint.endpoint().address(), inner / "address");
  out.hostname = endpoint.endpoint().hostname();
  out.weight = weight_of(endpoint);
  out.priority = locality.priority();
  out.health = health_of(endpoint.health_status());
  out.zone = locality.locality().zone();
  const auto& metadata = endpoint.metadata();
  out.workload = metadata_text(metadata, "workload");
  out.version = metadata_text(metadata, "version");
  out.canonical_service = metadata_text(metadata, "canonical_service");
  out.identity = metadata_text(metadata, "identity");
  out.hash_key = hash_key_of(metadata);
  const auto& check = endpoint.endpoint().health_check_config();
  out.check_authority = check.hostname();
  out.check_port = static_cast<std::uint16_t>(check.port_value());
  out.checked = !check.disable_active_health_check();
  if (!out.identity.empty() && !SpiffeId::parse(out.identity)) {
    // An identity that cannot match would be one that is not checked, were it dropped.
    const auto at = path / "metadata";
    in.refuse(at.at("filter_metadata", "weft"),
              fmt::format("identity \"{}\" is not a SPIFFE ID", escape(out.identity)));
  }
  return out;
}

}  // namespace

config::EndpointSet read_endpoints(const eds::ClusterLoadAssignment& assignment,
                                   const FieldPath& path, Reading& in) {
  config::EndpointSet out{.cluster = assignment.cluster_name()};
  if (assignment.policy().has_overprovisioning_factor()) {
    out.overprovisioning_percent = assignment.policy().overprovisioning_factor().value();
  }
  std::unordered_set<SocketAddress, SocketAddressHash> seen;
  const eds::LocalityLbEndpoints* group = nullptr;
  walk(assignment, path, in, [&](const auto& locality, const auto& endpoint, const auto& at) {
    if (group != &locality) out.localities.push_back(locality_of(locality));
    group = &locality;
    auto read = read_one(locality, endpoint, at, in);
    read.locality = static_cast<std::uint32_t>(out.localities.size() - 1);
    if (!read.address.is_none() && !seen.insert(read.address).second) {
      // As Envoy: the first one stands.
      in.note(at, fmt::format("{} is there already", read.address.to_string()));
      return;
    }
    if (read.address.is_ip() && read.address.port() == 0) {
      const auto inner = at / "endpoint";
      in.refuse(inner / "address", "needs a port");
    }
    out.endpoints.push_back(std::move(read));
  });
  return out;
}

std::vector<config::ClusterConfig::DnsTarget> read_dns_targets(
    const eds::ClusterLoadAssignment& assignment, const FieldPath& path, Reading& in) {
  std::vector<config::ClusterConfig::DnsTarget> out;
  walk(assignment, path, in, [&](const auto& locality, const auto& endpoint, const auto& at) {
    const auto inner = at / "endpoint";
    const auto& address = endpoint.endpoint().address();
    if (!address.has_socket_address()) {
      in.refuse(inner / "address", "must be a socket_address");
      return;
    }
    const auto& socket = address.socket_address();
    if (socket.port_value() == 0) in.refuse(inner / "address", "needs a port");
    out.push_back({.host = socket.address(),
                   .port = static_cast<std::uint16_t>(socket.port_value()),
                   .weight = weight_of(endpoint),
                   .priority = locality.priority()});
  });
  return out;
}

Result<config::EndpointSet> endpoints_from_proto(const eds::ClusterLoadAssignment& assignment,
                                                 const FromProtoOptions& options,
                                                 Findings& findings) {
  const FieldPath path;
  Reading in(options, findings);
  check(assignment, path, options.unknown, findings);
  auto out = read_endpoints(assignment, path, in);
  out.version = version_of(serialize(assignment));
  if (findings.refused()) return fail(findings.error());
  return out;
}

}  // namespace weft::xds
