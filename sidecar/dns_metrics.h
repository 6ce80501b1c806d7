#pragma once
// DnsMetrics: what a DnsServer counts, by the names it has on /metrics: weft_dns_…
//
// Owner: Sidecar, beside the DnsServer, which is listening by then and outlives it. Thread: main
// loop.

#include "sidecar/dns_server.h"
#include "telemetry/figures.h"

namespace weft::sidecar {

class DnsMetrics final {
 public:
  DnsMetrics(telemetry::Registry& registry, const DnsServer& server);

  // What is a state and not a count; before a page is made.
  void update();

 private:
  const DnsServer& server_;
  Gauge names_;
  Gauge cache_entries_;
  Gauge cache_bytes_;
  Gauge questions_max_;
  Gauge waiting_max_;
  telemetry::Figures figures_;
};

}  // namespace weft::sidecar
