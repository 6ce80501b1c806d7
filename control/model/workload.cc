#include "control/model/workload.h"

#include <fmt/format.h>

#include <initializer_list>
#include <set>

#include "sidecar/core/pod_contract.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::size_t kMoreAddressesMax = 4;

// The first of these that says something; null: none does.
const std::string* first_label(const Labels& labels, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    const auto found = labels.find(key);
    if (found != labels.end() && !found->second.empty()) return &found->second;
  }
  return nullptr;
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
  spec.keyed("ports", "port");
  spec.rule(
      "!has(self.ports) || self.ports.all(p, !has(p.name) || self.ports.exists_one(q, has(q.name) "
      "&& q.name == p.name))",
      "no two ports have the same name");
  spec.rule(
      "!has(self.ports) || (has(self.sidecar) && !self.sidecar) || !self.ports.exists(p, p.port in "
      "[15000, 15001])",
      "15000 and 15001 are the sidecar's own ports");
  spec.rule(
      "!has(self.ports) || !has(self.redirect) || !self.redirect || !self.ports.exists(p, p.port "
      "in [15006, 15020])",
      "15006 and 15020 are the sidecar's own ports where redirect is true");
  spec.rule(
      "!has(self.ports) || !has(self.sidecar) || self.sidecar || self.ports.all(p, "
      "!has(p.appPort) || p.appPort == p.port)",
      "appPort is for a Workload with a sidecar");
  spec.each("ports", Workload::kPortsMax, [&](Reader& port) {
    WorkloadPort read = read_workload_port(port);
    if (!read.name.empty() && !names.insert(read.name).second) {
      port.refuse("name", "is another port's name already");
    }
    if (read.port != 0 && !numbers.insert(read.port).second) {
      port.refuse("port", fmt::format("{} is there already", read.port));
    }
    const bool captured =
        out.redirected && (read.port == pod::kInboundPort || read.port == pod::kStatusPort);
    if (out.sidecar &&
        (captured || read.port == Workload::kAdminPort || read.port == Workload::kOutboundPort)) {
      port.refuse("port", fmt::format("{} is the sidecar's own", read.port));
    }
    if (!out.sidecar && read.app_port != read.port) {
      port.refuse("appPort", "is for a Workload with a sidecar");
    }
    // The sidecar would meet the app on one and the same address.
    if (out.sidecar && !out.redirected && read.app_port == read.port &&
        out.address == IpAddress::v4(0x7f000001)) {
      port.refuse("appPort", "must differ from port on 127.0.0.1");
    }
    out.ports.push_back(std::move(read));
  });
}

void read_address(Reader& spec, Workload& out) {
  std::string text;
  spec.rule_of("address", "self.size() <= 64 && self.matches('^[0-9a-fA-F:.]+$')",
               "want the address of one machine");
  if (!spec.require("address") || !spec.text("address", text)) return;
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address || address->is_any()) {
    spec.refuse("address",
                fmt::format("want the address of one machine, found '{}'", escape(text, 64)));
    return;
  }
  out.address = *address;
}

void read_more_addresses(Reader& spec, Workload& out) {
  std::vector<std::string> texts;
  spec.texts("moreAddresses", texts, kMoreAddressesMax);
  for (const std::string& text : texts) {
    const Result<IpAddress> address = IpAddress::parse(text);
    if (!address || address->is_any()) {
      spec.refuse("moreAddresses",
                  fmt::format("want addresses of one machine, found '{}'", escape(text, 64)));
    } else {
      out.more_addresses.push_back(*address);
    }
  }
}

// The field, else the annotation that a pod has in its place.
void read_uses(Reader& spec, Workload& out) {
  const std::string& own = out.metadata.name.name_space;
  std::vector<std::string> entries;
  if (spec.texts("uses", entries, Uses::kMax, Uses::check)) {
    out.uses.emplace();
    for (const std::string& entry : entries) out.uses->add(entry, own);
    return;
  }
  const auto annotation = out.metadata.annotations.find(std::string(kUsesAnnotation));
  if (annotation == out.metadata.annotations.end()) return;
  Result<Uses> read = Uses::parse(annotation->second, own);
  if (read) {
    out.uses = std::move(*read);
  } else {
    spec.refuse("uses", fmt::format("annotation {}: {}", kUsesAnnotation, read.error().detail));
  }
}

}  // namespace

const std::string& Workload::canonical_service() const {
  const std::string* label = first_label(
      metadata.labels, {"service.istio.io/canonical-name", "app.kubernetes.io/name", "app"});
  return label != nullptr ? *label : metadata.name.name;
}

const std::string& Workload::canonical_revision() const {
  static const std::string kLatest = "latest";
  const std::string* label = first_label(metadata.labels, {"service.istio.io/canonical-revision",
                                                           "app.kubernetes.io/version", "version"});
  return label != nullptr ? *label : kLatest;
}

Workload read_workload(Reader& document) {
  Workload out;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    spec.boolean("sidecar", out.sidecar);
    if (spec.boolean("redirect", out.redirected) && out.redirected && !out.sidecar) {
      spec.refuse("redirect", "is for a Workload with a sidecar");
    }
    spec.choice("redirectMode", out.transparent, {{"Redirect", false}, {"TProxy", true}});
    if (out.transparent && !out.redirected) {
      spec.refuse("redirectMode", "TProxy is for a Workload with redirect: true");
    }
    spec.rule(
        "!has(self.redirectMode) || self.redirectMode != 'TProxy' || (has(self.redirect) && "
        "self.redirect)",
        "redirectMode TProxy is for a Workload with redirect true");
    spec.rule("!has(self.redirect) || !self.redirect || !has(self.sidecar) || self.sidecar",
              "redirect is for a Workload with a sidecar");
    read_address(spec, out);
    read_more_addresses(spec, out);
    read_ports(spec, out);
    spec.text("hostname", out.hostname, check_label_name);
    spec.text("subdomain", out.subdomain, check_label_name);
    spec.text("serviceAccount", out.service_account, check_object_name);
    spec.text("node", out.node, check_object_name);
    spec.object("locality", [&](Reader& locality) {
      locality.text("region", out.region);
      locality.text("zone", out.zone);
    });
    spec.integer("weight", out.weight, 0, Workload::kWeightMax);
    spec.boolean("ready", out.ready);
    read_uses(spec, out);
  });
  return out;
}

}  // namespace weft::control
