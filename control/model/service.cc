#include "control/model/service.h"

#include <fmt/format.h>

#include <set>

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
    std::string type = "ClusterIP";
    if (spec.text("type", type) && type == "ExternalName") {
      spec.refuse("type", "ExternalName is not supported yet");
    }
    spec.unsupported("externalName");
    spec.only("sessionAffinity", "None");
    spec.unsupported("sessionAffinityConfig");
    spec.only("internalTrafficPolicy", "Cluster");
    spec.without_effect("trafficDistribution");
    // How Kubernetes reaches a Service from outside the mesh.
    for (const char* key :
         {"clusterIP", "clusterIPs", "externalIPs", "externalTrafficPolicy", "healthCheckNodePort",
          "loadBalancerIP", "loadBalancerSourceRanges", "loadBalancerClass", "ipFamilies",
          "ipFamilyPolicy", "allocateLoadBalancerNodePorts"}) {
      spec.pass(key);
    }
  });
  return out;
}

}  // namespace weft::control
