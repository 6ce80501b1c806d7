#pragma once
// SelfMetrics: what the main loop knows of itself, as metrics: the control plane's stream, what it
// told and what was refused of it, the identity's certificate, its memory, what the log lost.
//
// The sources count for themselves; update() carries their figures over before a page is made, so
// that nothing has to tell anybody. Owner: Sidecar. Thread: main loop.

#include "sidecar/admin.h"
#include "sidecar/identity.h"
#include "sidecar/memory_guard.h"
#include "sidecar/xds_source.h"
#include "telemetry/figures.h"

namespace weft::sidecar {

class SelfMetrics final {
 public:
  // Both outlive it. `shard` is the main loop's.
  SelfMetrics(telemetry::Registry& registry, telemetry::ProxyMetrics& shard);

  // Null where there is none.
  struct Sources {
    XdsSource* xds = nullptr;
    const Identity* identity = nullptr;
    const Admin* admin = nullptr;
    const MemoryGuard* memory = nullptr;
  };
  void update(const Sources& sources);

 private:
  void update_xds(const XdsSource& xds);
  void update_identity(const Identity& identity);
  void update_memory(const MemoryReading& now);

  telemetry::ProxyMetrics& shard_;
  Gauge connected_;
  Counter attempts_;
  Counter accepted_;
  Counter refused_;
  Counter unknown_fields_;
  Counter renewed_;
  Counter not_renewed_;
  Counter log_lines_lost_;
  Counter admin_refused_;
  telemetry::Figures figures_;
};

}  // namespace weft::sidecar
