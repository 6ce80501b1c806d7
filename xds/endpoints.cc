#include "xds/endpoints.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/strings.h"
#include "xds/from_proto.h"

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

// The strings of one part of an endpoint's metadata; empty where there is none.
class MetadataPart final {
 public:
  MetadataPart(const core::Metadata& metadata, const char* name) {
    const auto found = metadata.filter_metadata().find(name);
    if (found != metadata.filter_metadata().end()) fields_ = &found->second.fields();
  }
  [[nodiscard]] std::string_view text(const char* key) const {
    if (fields_ == nullptr) return {};
    const auto field = fields_->find(key);
    return field == fields_->end() ? std::string_view() : field->second.string_value();
  }

 private:
  const google::protobuf::Map<std::string, google::protobuf::Value>* fields_ = nullptr;
};

config::Locality locality_of(const eds::LocalityLbEndpoints& group) {
  return {.region = group.locality().region(),
          .zone = group.locality().zone(),
          .sub_zone = group.locality().sub_zone(),
          .weight = group.load_balancing_weight().value()};
}

std::uint32_t weight_of(const eds::LbEndpoint& endpoint) {
  return endpoint.has_load_balancing_weight() ? endpoint.load_balancing_weight().value() : 1;
}

// `before`: the one before it, whose texts it shares where they are the same. `elsewhere`: it is
// for callers on another node than ours.
config::Endpoint read_one(const eds::LocalityLbEndpoints& locality, const eds::LbEndpoint& endpoint,
                          const FieldPath& path, Reading& in, const config::Endpoint& before,
                          bool& elsewhere) {
  config::Endpoint out;
  const auto inner = path / "endpoint";
  out.address = in.address(endpoint.endpoint().address(), inner / "address");
  out.hostname = SharedText::like(before.hostname, endpoint.endpoint().hostname());
  out.weight = weight_of(endpoint);
  out.priority = locality.priority();
  out.health = health_of(endpoint.health_status());
  out.zone = SharedText::like(before.zone, locality.locality().zone());
  const MetadataPart ours(endpoint.metadata(), "weft");
  const std::string_view for_node = ours.text("for_node");
  elsewhere = !for_node.empty() && for_node != in.own_node();
  out.workload = ours.text("workload");
  out.version = SharedText::like(before.version, ours.text("version"));
  out.canonical_service =
      SharedText::like(before.canonical_service, ours.text("canonical_service"));
  out.identity = SharedText::like(before.identity, ours.text("identity"));
  // Its name on a hash ring, where Envoy looks for it.
  out.hash_key = MetadataPart(endpoint.metadata(), "envoy.lb").text("hash_key");
  const auto& check = endpoint.endpoint().health_check_config();
  out.check_authority = SharedText::like(before.check_authority, check.hostname());
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
  const auto& groups = assignment.endpoints();
  out.endpoints.reserve(std::accumulate(
      groups.begin(), groups.end(), std::size_t{0}, [](std::size_t sum, const auto& one) {
        return sum + static_cast<std::size_t>(one.lb_endpoints_size());
      }));
  out.localities.reserve(static_cast<std::size_t>(groups.size()));
  const config::Endpoint nobody;
  std::unordered_set<SocketAddress, SocketAddressHash> seen;
  const eds::LocalityLbEndpoints* group = nullptr;
  walk(assignment, path, in, [&](const auto& locality, const auto& endpoint, const auto& at) {
    if (group != &locality) out.localities.push_back(locality_of(locality));
    group = &locality;
    bool elsewhere = false;
    auto read = read_one(locality, endpoint, at, in,
                         out.endpoints.empty() ? nobody : out.endpoints.back(), elsewhere);
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
    if (elsewhere) {
      ++out.elsewhere;
      return;
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
  if (findings.refused()) return fail(findings.error());
  return out;
}

}  // namespace weft::xds
