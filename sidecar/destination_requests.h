#pragma once
// DestinationRequests: what apps call and nobody told us of: from the workers, where a connection
// waits, by OnDemand, which remembers, to the control plane, and the answer back.
//
// Owner: Sidecar. Thread: main loop.

#include <string>

#include "sidecar/on_demand.h"
#include "sidecar/worker.h"
#include "sidecar/xds_source.h"
#include "telemetry/proxy_metrics.h"

namespace weft::sidecar {

class DestinationRequests final : public OnDemand::Owner {
 public:
  // All outlive it; `shard` is the main loop's.
  DestinationRequests(Turn& turn, const Workers& workers, telemetry::ProxyMetrics& shard)
      : workers_(workers), shard_(shard), on_demand_(turn, *this) {}

  // Who is asked, from now on; null: nobody.
  void set_source(XdsSource* source) { source_ = source; }

  // A worker's app called there.
  void want(const std::string& destination) { on_demand_.want(destination); }
  // The control plane's answers; the first counts when it is published.
  void on_known(const xds::Destination& destination);
  void on_unknown(const std::string& name) { on_demand_.on_unknown(name); }
  void on_published() { on_demand_.on_published(); }

  // OnDemand::Owner
  void on_destinations_wanted(const OnDemand::Names& names) override;
  void on_destination_answered(const std::string& name, bool known) override;
  void on_destination_forgotten(const std::string& name) override;
  void on_use_asked() override;

 private:
  const Workers& workers_;
  telemetry::ProxyMetrics& shard_;
  XdsSource* source_ = nullptr;
  OnDemand on_demand_;
};

}  // namespace weft::sidecar
