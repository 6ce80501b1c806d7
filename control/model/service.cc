#include "control/model/service.h"

#include <fmt/format.h>

#include <set>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

void read_target(Reader& port, ServicePort& out) {
  const config::Value* value = port.find("targetPort");
  if (value == nullptr) {
    out.target_port = out.port;
  } else if (value->is_scalar() && value->as_int()) {
    port.integer("targetPort", out.target_port, 1, 65535);
  } else {
    port.text("targetPort", out.target_name, check_port_name);
  }
}

ServicePort read_service_port(Reader& port) {
  ServicePort out;
  port.text("name", out.name, check_label_name);
  if (port.require("port")) port.integer("port", out.port, 1, 65535);
  read_target(port, out);
  port.text("appProtocol", out.app_protocol, check_label_key);
  std::string protocol = "TCP";
  if (port.text("protocol", protocol) && protocol != "TCP") {
    port.refuse("protocol", "only TCP is supported yet");
  }
  port.without_effect("nodePort");
  return out;
}

void read_ports(Reader& spec, Service& out) {
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  spec.each("ports", Service::kPortsMax, [&](Reader& port) {
    ServicePort read = read_service_port(port);
    if (!names.insert(read.name).second) {
      port.refuse("name", read.name.empty() ? "is required with more than one port"
                                            : "is another port's name already");
    }
    if (read.port != 0 && !numbers.insert(read.port).second) {
      port.refuse("port", fmt::format("{} is there already", read.port));
    }
    out.ports.push_back(std::move(read));
  });
  if (out.ports.size() > 1 && names.contains("")) {
    spec.refuse("ports", "every port needs a name when there is more than one");
  }
}

void read_traffic(Reader& spec, Service& out) {
  PolicyFields said;
  const auto line = [&](const char* key) { return spec.find(key)->position().line; };
  bool by_client = false;
  if (spec.choice("sessionAffinity", by_client, {{"None", false}, {"ClientIP", true}}) &&
      by_client) {
    said.balancing = {.value = Balancing::kRingHash, .line = line("sessionAffinity")};
    said.hash = {.value = RequestHash{.of = RequestHash::Of::kSource},
                 .line = line("sessionAffinity")};
  }
  if (spec.has("sessionAffinityConfig")) {
    spec.note("sessionAffinityConfig", "has no effect: a hash of the address knows no time");
  }
  enum class Near : std::uint8_t { kZone, kNode };
  Near near = Near::kZone;
  if (spec.choice("trafficDistribution", near,
                  {{"PreferClose", Near::kZone},
                   {"PreferSameZone", Near::kZone},
                   {"PreferSameNode", Near::kNode}})) {
    said.locality = {.value = LocalityChoice::kOwnZone, .line = line("trafficDistribution")};
    if (near == Near::kNode) {
      spec.note("trafficDistribution", "works as PreferSameZone");
    }
  }
  if (said != PolicyFields{}) out.policy = std::make_shared<const PolicyFields>(std::move(said));
}

// clusterIPs repeats clusterIP as its first (core/v1).
void read_addresses(Reader& spec, Service& out) {
  std::vector<std::string> texts;
  std::string one;
  const bool many = spec.texts("clusterIPs", texts, Service::kAddressesMax);
  if (spec.text("clusterIP", one) && !many && !one.empty()) texts.push_back(one);
  const char* at = many ? "clusterIPs" : "clusterIP";
  for (const std::string& text : texts) {
    if (text == "None") {
      out.headless = true;
    } else if (const Result<IpAddress> address = IpAddress::parse(text);
               address && !address->is_any()) {
      out.cluster_addresses.push_back(*address);
    } else {
      spec.refuse(at, fmt::format("want an address or None, found '{}'", escape(text, 64)));
    }
  }
  if (out.headless && !out.cluster_addresses.empty()) {
    spec.refuse(at, "None stands alone");
  }
}

// Ports by which sidecars are asked for things themselves, on whatever machine a name leads to.
bool is_a_sidecars_port(std::uint16_t port) {
  return port == pod::kAdminPort || port == pod::kOutboundPort || port == pod::kInboundPort ||
         port == pod::kStatusPort || port == pod::kDnsPort;
}

void read_external(Reader& spec, Service& out) {
  std::string type = "ClusterIP";
  spec.text("type", type);
  if (type != "ExternalName") return spec.without_effect("externalName");
  if (spec.require("externalName")) {
    spec.text("externalName", out.external_name, check_external_name);
  }
  if (out.external_name.ends_with('.')) out.external_name.pop_back();
  if (out.headless || !out.cluster_addresses.empty()) {
    spec.refuse("clusterIP", "is not for an ExternalName, which has none");
  }
  if (!out.selector.empty()) {
    spec.note("selector", "has no effect: nobody stands behind an ExternalName");
    out.selector.clear();
  }
  out.own_node_only = false;
  for (const ServicePort& port : out.ports) {
    if (!is_a_sidecars_port(port.port)) continue;
    spec.refuse("ports",
                fmt::format("{} is the sidecar's own, wherever the name may lead", port.port));
  }
}

}  // namespace

Service read_service(Reader& document) {
  Service out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    read_ports(spec, out);
    spec.text_map("selector", out.selector, 64, check_label_key, check_label_value);
    spec.boolean("publishNotReadyAddresses", out.publish_not_ready);
    read_addresses(spec, out);
    read_traffic(spec, out);
    if (spec.choice("internalTrafficPolicy", out.own_node_only,
                    {{"Cluster", false}, {"Local", true}}) &&
        out.own_node_only && out.headless) {
      out.own_node_only = false;
      spec.note("internalTrafficPolicy", "has no effect: a headless Service has no address");
    }
    read_external(spec, out);
    // How Kubernetes reaches a Service from outside the mesh.
    for (const char* key : {"externalIPs", "externalTrafficPolicy", "healthCheckNodePort",
                            "loadBalancerIP", "loadBalancerSourceRanges", "loadBalancerClass",
                            "ipFamilies", "ipFamilyPolicy", "allocateLoadBalancerNodePorts"}) {
      spec.pass(key);
    }
  });
  return out;
}

}  // namespace weft::control
