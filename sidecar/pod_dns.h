#pragma once
// PodDns: the pod's resolver as the sidecar has it: the server, its figures, and the mesh's names,
// which count from the Snapshot that they came with.
//
// So no app is sent to an address where no listener expects it yet. Owner: Sidecar. Thread: main
// loop.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/dns_metrics.h"
#include "sidecar/dns_server.h"
#include "telemetry/registry.h"
#include "xds/from_proto.h"

namespace weft::sidecar {

class PodDns final {
 public:
  PodDns(net::Loop& loop, telemetry::Registry& registry, const DnsServer::Options& options);

  // Answers from now on, before any name of the mesh is known.
  Status listen();

  // Told, and not in force before publish().
  void put(xds::NameTable&& table);
  void remove(const std::string& zone);
  void publish();

  // Before a page of metrics is made.
  void update_metrics();
  // The page /dns.
  [[nodiscard]] std::string describe(std::string_view name) const;
  [[nodiscard]] const DnsServer& server() const { return server_; }

 private:
  telemetry::Registry& registry_;
  DnsServer server_;
  std::unique_ptr<DnsMetrics> metrics_;                        // once it listens
  std::map<std::string, std::optional<xds::NameTable>> told_;  // nothing: the zone is gone
};

}  // namespace weft::sidecar
