#include "control/model/workload.h"

#include <fmt/format.h>

#include <initializer_list>
#include <set>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

const std::string& first_label(const Labels& labels, std::initializer_list<const char*> keys,
                               const std::string& otherwise) {
  for (const char* key : keys) {
    const auto found = labels.find(key);
    if (found != labels.end() && !found->second.empty()) return found->second;
  }
  return otherwise;
}

WorkloadPort read_workload_port(Reader& port) {
  WorkloadPort out;
  port.text("name", out.name, check_port_name);
  if (port.require("port")) port.integer("port", out.port, 1, 65535);
  out.app_port = out.port;
  port.integer("appPort", out.app_port, 1, 65535);
  port.text("appProtocol", out.app_protocol, check_label_key);
  return out;
}

void read_ports(Reader& spec, Workload& out) {
  std::set<std::string> names;
  std::set<std::uint16_t> numbers;
  spec.each("ports", Workload::kPortsMax, [&](Reader& port) {
    WorkloadPort read = read_workload_port(port);
    if (!read.name.empty() && !names.insert(read.name).second) {
      port.refuse("name", "is another port's name already");
    }
    if (read.port != 0 && !numbers.insert(read.port).second) {
      port.refuse("port", fmt::format("{} is there already", read.port));
    }
    if (out.sidecar &&
        (read.port == Workload::kAdminPort || read.port == Workload::kOutboundPort)) {
      port.refuse("port", fmt::format("{} is the sidecar's own", read.port));
    }
    if (!out.sidecar && read.app_port != read.port) {
      port.refuse("appPort", "is for a Workload with a sidecar");
    }
    // The sidecar would meet the app on one and the same address.
    if (out.sidecar && read.app_port == read.port && out.address == IpAddress::v4(0x7f000001)) {
      port.refuse("appPort", "must differ from port on 127.0.0.1");
    }
    out.ports.push_back(std::move(read));
  });
}

void read_address(Reader& spec, Workload& out) {
  std::string text;
  if (!spec.require("address") || !spec.text("address", text)) return;
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address || address->is_any()) {
    spec.refuse("address",
                fmt::format("want the address of one machine, found '{}'", escape(text, 64)));
    return;
  }
  out.address = *address;
}

}  // namespace

const std::string& Workload::canonical_service() const {
  return first_label(metadata.labels,
                     {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"},
                     metadata.name.name);
}

const std::string& Workload::canonical_revision() const {
  static const std::string kLatest = "latest";
  return first_label(
      metadata.labels,
      {"service.istio.io/canonical-revision", "app.kubernetes.io/version", "version"}, kLatest);
}

Workload read_workload(Reader& document) {
  Workload out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    spec.boolean("sidecar", out.sidecar);
    read_address(spec, out);
    read_ports(spec, out);
    spec.text("serviceAccount", out.service_account, check_object_name);
    spec.object("locality", [&](Reader& locality) {
      locality.text("region", out.region);
      locality.text("zone", out.zone);
    });
    spec.integer("weight", out.weight, 0, Workload::kWeightMax);
    spec.boolean("ready", out.ready);
  });
  return out;
}

}  // namespace weft::control
