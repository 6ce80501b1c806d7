#include "control/kubernetes/facts.h"

#include <algorithm>
#include <array>
#include <utility>

#include "control/model/config_map.h"

namespace weft::control::kube {

namespace {

constexpr std::size_t kLabelsKeptMax = 128;
constexpr std::size_t kAddressesKeptMax = 4;

// Words in names of ports that say what is spoken there (mesh.h protocol_of).
constexpr std::array<std::string_view, 10> kProtocolWords = {
    "http", "http1", "http2", "h2c", "grpc", "grpc-web", "tcp", "tls", "https", "kubernetes.io/ws"};

Labels labels_in(const Json& value, std::initializer_list<const char*> path) {
  Labels out;
  const Json* map = find(value, path);
  if (map == nullptr || !map->is_object()) return out;
  for (const auto& [key, held] : map->items()) {
    if (out.size() == kLabelsKeptMax) break;
    if (!held.is_string() || !check_label_key(key).empty()) continue;
    const auto& text = held.get_ref<const std::string&>();
    if (check_label_value(text).empty()) out.emplace(key, text);
  }
  return out;
}

void add_address(const std::string& text, std::vector<IpAddress>& out) {
  const Result<IpAddress> address = IpAddress::parse(text);
  if (!address || address->is_any() || out.size() == kAddressesKeptMax) return;
  if (std::ranges::find(out, *address) == out.end()) out.push_back(*address);
}

std::uint16_t port_in(const Json& value, const char* key) {
  const Json* at = find(value, {key});
  if (at == nullptr || !at->is_number_integer()) return 0;
  const auto number = at->get<std::int64_t>();
  return number >= 1 && number <= 65535 ? static_cast<std::uint16_t>(number) : std::uint16_t{0};
}

bool is_tcp(const Json& port) {
  const std::string protocol = text_at(port, {"protocol"});
  return protocol.empty() || protocol == "TCP";
}

void add_port(WorkloadPort port, std::vector<WorkloadPort>& out) {
  if (port.port == 0 || out.size() == Workload::kPortsMax) return;
  if (!port.name.empty() && !check_port_name(port.name).empty()) port.name.clear();
  for (const WorkloadPort& there : out) {
    if (there.port == port.port) return;
    if (there.name == port.name) port.name.clear();
  }
  port.app_port = port.port;
  out.push_back(std::move(port));
}

// Of the app's containers; an init container that stays is one of them.
void add_container_ports(const Json& containers, bool init, std::vector<WorkloadPort>& out,
                         bool& sidecar) {
  std::size_t count = 0;
  for (const Json& container : containers) {
    if (++count > PodFacts::kContainersMax) return;
    if (text_at(container, {"name"}) == kSidecarContainer) {
      sidecar = true;
      continue;
    }
    if (init && text_at(container, {"restartPolicy"}) != "Always") continue;
    for (const Json& port : list_at(container, {"ports"})) {
      if (!is_tcp(port)) continue;
      add_port({.name = text_at(port, {"name"}), .port = port_in(port, "containerPort")}, out);
    }
  }
}

bool is_ready(const Json& pod) {
  for (const Json& condition : list_at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) == "Ready") return text_at(condition, {"status"}) == "True";
  }
  return false;
}

// A name of one label, or nothing.
std::string label_in(const Json& pod, const char* key) {
  std::string text = text_at(pod, {"spec", key});
  return check_label_name(text).empty() ? text : std::string();
}

// A name that the model takes, or nothing.
std::string node_in(const std::string& name) {
  return check_object_name(name).empty() ? name : std::string();
}

// A time of the API server's form, or nothing: the model takes no other.
std::string created_in(const Json& object) {
  std::string text = text_at(object, {"metadata", "creationTimestamp"});
  return text.size() == 20 ? text : std::string();
}

// What is wrong with it leaves all of it out: a part of what an app calls would cut it off from the
// rest.
void read_uses(const Json& pod, PodFacts& out) {
  const Json* said = find(pod, {"metadata", "annotations", kUsesAnnotation.data()});
  if (said == nullptr || !said->is_string()) return;
  Result<Uses> read =
      Uses::parse(said->get_ref<const std::string&>(), text_at(pod, {"metadata", "namespace"}));
  if (read) {
    out.uses = std::move(*read);
  } else {
    out.uses_objection = read.error().detail;
  }
}

Json metadata_document(const Json& object) {
  Json out = Json::object();
  if (const Json* metadata = find(object, {"metadata"}); metadata != nullptr) {
    for (const char* key : {"name", "namespace", "labels", "annotations", "creationTimestamp"}) {
      const auto at = metadata->find(key);
      if (at != metadata->end() && !at->is_null()) out[key] = *at;
    }
  }
  return out;
}

std::string word_of_protocol(const Json& port) {
  std::string said = text_at(port, {"appProtocol"});
  if (!said.empty()) return check_label_key(said).empty() ? said : std::string();
  const std::string name = text_at(port, {"name"});
  for (const std::string& word : {name, name.substr(0, name.find('-'))}) {
    if (std::ranges::find(kProtocolWords, word) != kProtocolWords.end()) return word;
  }
  return {};
}

}  // namespace

std::optional<PodFacts> read_pod(const Json& pod) {
  const std::string phase = text_at(pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") return std::nullopt;
  PodFacts out;
  add_address(text_at(pod, {"status", "podIP"}), out.addresses);
  for (const Json& one : list_at(pod, {"status", "podIPs"})) {
    add_address(text_at(one, {"ip"}), out.addresses);
  }
  if (out.addresses.empty()) return std::nullopt;
  out.labels = labels_in(pod, {"metadata", "labels"});
  // Ours to give, or anybody could stand behind a Service without a selector.
  out.labels.erase(std::string(kServiceNameLabel));
  bool sidecar = false;
  add_container_ports(list_at(pod, {"spec", "containers"}), false, out.ports, sidecar);
  add_container_ports(list_at(pod, {"spec", "initContainers"}), true, out.ports, sidecar);
  const bool annotated =
      find(pod, {"metadata", "annotations", kStatusAnnotation.data()}) != nullptr;
  out.meshed = sidecar && annotated && !flag_at(pod, {"spec", "hostNetwork"}, false);
  out.transparent =
      out.meshed && text_at(pod, {"metadata", "annotations", "weft.dev/redirect-mode"}) == "tproxy";
  out.service_account = text_at(pod, {"spec", "serviceAccountName"});
  if (out.service_account.empty() || !check_object_name(out.service_account).empty()) {
    out.service_account = "default";
  }
  out.node = node_in(text_at(pod, {"spec", "nodeName"}));
  out.hostname = label_in(pod, "hostname");
  out.subdomain = label_in(pod, "subdomain");
  out.created = created_in(pod);
  out.ready = is_ready(pod);
  out.terminating = find(pod, {"metadata", "deletionTimestamp"}) != nullptr;
  if (out.meshed) read_uses(pod, out);
  return out;
}

NodeFacts read_node(const Json& node) {
  return {.region = text_at(node, {"metadata", "labels", "topology.kubernetes.io/region"}),
          .zone = text_at(node, {"metadata", "labels", "topology.kubernetes.io/zone"})};
}

SliceFacts read_slice(const Json& slice) {
  SliceFacts out;
  out.service = text_at(slice, {"metadata", "labels", kServiceNameLabel.data()});
  out.made_from_pods =
      text_at(slice, {"metadata", "labels", "endpointslice.kubernetes.io/managed-by"}) ==
      "endpointslice-controller.k8s.io";
  for (const Json& endpoint : list_at(slice, {"endpoints"})) {
    if (out.endpoints.size() == SliceFacts::kEndpointsMax) break;
    EndpointFacts facts{.zone = text_at(endpoint, {"zone"}),
                        .node = node_in(text_at(endpoint, {"nodeName"}))};
    if (text_at(endpoint, {"targetRef", "kind"}) == "Pod") {
      facts.pod = text_at(endpoint, {"targetRef", "name"});
    }
    // All of one endpoint are the same by the API's words; the first is used.
    for (const Json& address : list_at(endpoint, {"addresses"})) {
      if (address.is_string()) add_address(address.get<std::string>(), facts.addresses);
    }
    // "ready" is also true of what publishNotReadyAddresses publishes; "serving" never lies.
    facts.ready = flag_at(endpoint, {"conditions", "serving"},
                          flag_at(endpoint, {"conditions", "ready"}, true)) &&
                  !flag_at(endpoint, {"conditions", "terminating"}, false);
    out.endpoints.push_back(std::move(facts));
  }
  for (const Json& port : list_at(slice, {"ports"})) {
    if (!is_tcp(port)) continue;
    add_port({.name = text_at(port, {"name"}), .port = port_in(port, "port")}, out.ports);
  }
  return out;
}

ServiceFacts read_service_facts(const Json& service) {
  ServiceFacts out;
  if (text_at(service, {"spec", "type"}) == "ExternalName") return out;
  out.selector = labels_in(service, {"spec", "selector"});
  for (const Json& port : list_at(service, {"spec", "ports"})) {
    if (!is_tcp(port) || out.targets.size() == 64) continue;
    const Json* target = find(port, {"targetPort"});
    ServiceFacts::Target facts{.protocol = word_of_protocol(port)};
    if (target != nullptr && target->is_string()) {
      facts.name = target->get<std::string>();
    } else {
      facts.number = port_in(port, target == nullptr || target->is_null() ? "port" : "targetPort");
    }
    out.targets.push_back(std::move(facts));
  }
  return out;
}

Json service_document(const Json& service) {
  const Json* spec = find(service, {"spec"});
  if (spec == nullptr || !spec->is_object()) return Json();
  Json out = {{"apiVersion", "v1"}, {"kind", "Service"}, {"metadata", metadata_document(service)}};
  Json& read = out["spec"] = Json::object();
  read["ports"] = Json::array();
  for (const Json& port : list_at(*spec, {"ports"})) {
    if (!port.is_object() || !is_tcp(port)) continue;
    Json kept = Json::object();
    for (const char* key : {"name", "port", "targetPort", "appProtocol"}) {
      const auto at = port.find(key);
      if (at != port.end() && !at->is_null()) kept[key] = *at;
    }
    read["ports"].push_back(std::move(kept));
  }
  for (const char* key : {"selector", "publishNotReadyAddresses", "clusterIP", "clusterIPs",
                          "sessionAffinity", "trafficDistribution", "internalTrafficPolicy"}) {
    const auto at = spec->find(key);
    if (at != spec->end() && !at->is_null()) read[key] = *at;
  }
  // What the API writes before it has given an address.
  if (text_at(read, {"clusterIP"}).empty()) read.erase("clusterIP");
  if (text_at(*spec, {"type"}) == "ExternalName") {
    read["type"] = "ExternalName";
    read["externalName"] = text_at(*spec, {"externalName"});
    for (const char* key : {"selector", "clusterIP", "clusterIPs"}) read.erase(key);
    return out;
  }
  const Json* selector = find(read, {"selector"});
  if (selector != nullptr && !selector->empty()) return out;
  read["selector"] = {{std::string(kServiceNameLabel), text_at(service, {"metadata", "name"})}};
  // Made by hand, a slice's ports are matched by the name of the Service's.
  for (Json& port : read["ports"]) {
    const std::string name = text_at(port, {"name"});
    if (name.empty()) port["targetPort"] = kUnnamedPort;
    if (!name.empty() && check_port_name(name).empty()) port["targetPort"] = name;
  }
  return out;
}

Json config_map_document(const Json& config_map) {
  const Json* certificates = find(config_map, {"data", ConfigMap::kCaKey});
  if (certificates == nullptr || !certificates->is_string()) return Json();
  Json metadata = Json::object();
  // Not its annotations: some write the time of day there.
  for (const char* key : {"name", "namespace"})
    metadata[key] = text_at(config_map, {"metadata", key});
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", std::move(metadata)},
          {"data", {{ConfigMap::kCaKey, *certificates}}}};
}

Labels labels_of(const Json& object) { return labels_in(object, {"metadata", "labels"}); }

Json plain_document(Json&& object, std::string_view kind, std::string_view api_version) {
  Json out = std::move(object);
  if (!out.is_object()) return Json();
  out.erase("status");
  const Json* generation = find(out, {"metadata", "generation"});
  Json metadata = metadata_document(out);
  if (generation != nullptr && generation->is_number_integer()) {
    metadata["generation"] = *generation;
  }
  out["metadata"] = std::move(metadata);
  out["kind"] = kind;
  out["apiVersion"] = api_version;
  return out;
}

std::string workload_document(const Workload& workload) {
  Json ports = Json::array();
  for (const WorkloadPort& port : workload.ports) {
    Json one = {{"port", port.port}};
    if (!port.name.empty()) one["name"] = port.name;
    if (!port.app_protocol.empty()) one["appProtocol"] = port.app_protocol;
    ports.push_back(std::move(one));
  }
  Json metadata = {{"name", workload.metadata.name.name},
                   {"namespace", workload.metadata.name.name_space},
                   {"labels", workload.metadata.labels}};
  if (!workload.metadata.created.empty()) {
    metadata["creationTimestamp"] = workload.metadata.created;
  }
  Json spec = {{"address", workload.address.to_string()},
               {"ports", std::move(ports)},
               {"serviceAccount", workload.service_account},
               {"sidecar", workload.sidecar},
               {"ready", workload.ready}};
  if (workload.redirected) spec["redirect"] = true;
  if (workload.transparent) spec["redirectMode"] = "TProxy";
  if (!workload.node.empty()) spec["node"] = workload.node;
  if (!workload.hostname.empty()) spec["hostname"] = workload.hostname;
  if (!workload.subdomain.empty()) spec["subdomain"] = workload.subdomain;
  if (!workload.zone.empty() || !workload.region.empty()) {
    spec["locality"] = {{"region", workload.region}, {"zone", workload.zone}};
  }
  if (workload.uses) {
    Json uses = Json::array();
    for (const ObjectName& name : workload.uses->entries()) uses.push_back(name.to_string());
    spec["uses"] = std::move(uses);
  }
  if (!workload.more_addresses.empty()) {
    Json more = Json::array();
    for (const IpAddress& address : workload.more_addresses) more.push_back(address.to_string());
    spec["moreAddresses"] = std::move(more);
  }
  const Json out = {{"apiVersion", "weft.dev/v1alpha1"},
                    {"kind", "Workload"},
                    {"metadata", std::move(metadata)},
                    {"spec", std::move(spec)}};
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace weft::control::kube
