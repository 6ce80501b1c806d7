#include "tests/bench/fleet_mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace weft::bench {

namespace {

// Loopback addresses of their own: 127.S.S.E.
std::string address_of(std::size_t service, std::size_t endpoint, bool moved) {
  return fmt::format("127.{}.{}.{}", 1 + service / 250, 1 + service % 250,
                     1 + endpoint + (moved ? 100 : 0));
}

// The Services that a node uses: the first, and some that stand together elsewhere.
std::vector<std::size_t> uses_of(const FleetFigures& figures, std::size_t node) {
  std::set<std::size_t> out = {0};
  for (std::size_t next = node * 7919; out.size() < std::min(figures.uses, figures.services);) {
    out.insert(++next % figures.services);
  }
  return {out.begin(), out.end()};
}

std::size_t node_of(const FleetFigures& figures, std::size_t service, std::size_t endpoint) {
  return endpoint * figures.services + service;
}

}  // namespace

std::string fleet_cluster(std::size_t service) {
  return fmt::format("outbound|80||s{}.{}.svc.cluster.local", service, kFleetNamespace);
}

std::string fleet_file_name(std::size_t service) { return fmt::format("s{}.yaml", service); }

std::string fleet_file(const FleetFigures& figures, std::size_t service, std::size_t changed) {
  std::string text = fmt::format(
      "apiVersion: v1\nkind: Service\nmetadata: {{name: s{0}, namespace: {1}}}\n"
      "spec: {{{2}selector: {{app: s{0}}}, ports: [{{name: http, port: 80, targetPort: http}}]}}\n",
      service, kFleetNamespace,
      figures.redirected ? fmt::format("clusterIP: 10.96.{}.{}, ", service / 250, 1 + service % 250)
                         : "");
  for (std::size_t endpoint = 0; endpoint < figures.endpoints; ++endpoint) {
    std::string uses;
    const std::size_t node = node_of(figures, service, endpoint);
    if (figures.uses > 0 && node < figures.sidecars) {
      for (const std::size_t used : uses_of(figures, node)) {
        uses += fmt::format("{}s{}", uses.empty() ? "" : ", ", used);
      }
      uses = fmt::format(", uses: [{}]", uses);
    }
    text += fmt::format(
        "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\n"
        "metadata: {{name: s{0}-{1}, namespace: {2}, labels: {{app: s{0}, version: v1}}}}\n"
        "spec: {{address: {3}, serviceAccount: {4}, "
        "ports: [{{name: http, port: 8080, appPort: {6}, appProtocol: http}}]{5}}}\n",
        service, endpoint, kFleetNamespace,
        address_of(service, endpoint, changed % 2 == 1 && endpoint + 1 == figures.endpoints),
        kFleetAccount, figures.redirected ? uses + ", redirect: true" : uses,
        figures.redirected ? 8080 : 9001);
  }
  return text;
}

std::vector<FleetNode> fleet_nodes(const FleetFigures& figures) {
  std::vector<FleetNode> out;
  for (std::size_t node = 0; node < figures.sidecars; ++node) {
    const std::size_t service = node % figures.services;
    const std::size_t endpoint = node / figures.services;
    FleetNode made{.workload = fmt::format("s{}-{}", service, endpoint),
                   .address = address_of(service, endpoint, false)};
    if (figures.uses > 0) made.uses = uses_of(figures, node);
    out.push_back(std::move(made));
  }
  return out;
}

}  // namespace weft::bench
