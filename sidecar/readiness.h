#pragma once
// Readiness: what a sidecar still waits for before it says that it serves: its identity, the
// control plane's first answers, clusters that warm, workers that have not adopted the newest
// Snapshot.
//
// Owner: Sidecar. Thread: main loop.

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/identity.h"
#include "sidecar/xds_source.h"

namespace weft::sidecar {

class Readiness final {
 public:
  // Null where there is none.
  struct Sources {
    const Identity* identity = nullptr;
    const XdsSource* xds = nullptr;
    const config::Snapshot* snapshot = nullptr;
  };

  void set_workers(std::size_t count) { adopted_.resize(count); }
  void note_adopted(std::uint32_t worker, std::uint64_t generation) {
    adopted_[worker] = generation;
  }

  // In words, for /ready; nothing: everything is there.
  [[nodiscard]] std::vector<std::string> waits_for(const Sources& sources) const;

 private:
  std::vector<std::uint64_t> adopted_;  // by each worker; generations begin at 1
};

}  // namespace weft::sidecar
