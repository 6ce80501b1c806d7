#pragma once
// FleetControl: a weft-control process with a directory of its own, pinned to one core, and what
// the kernel knows about it. Owner: the program. Thread: the one that made it.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/tls_config.h"
#include "tests/demo/child.h"

namespace weft::bench {

// Of a process, from /proc.
struct Usage {
  double resident_mb = 0;       // now
  double resident_most_mb = 0;  // ever
  double cpu_seconds = 0;
};
[[nodiscard]] Usage usage_of(pid_t process);

class FleetControl final {
 public:
  // `core` below 0: wherever the kernel likes. The directory holds "mesh", which is to be filled
  // first, "state" and "control.log". `more`: flags.
  static Result<FleetControl> start(const std::string& program, const std::string& directory,
                                    int core, const std::vector<std::string>& more = {});

  [[nodiscard]] const SocketAddress& address() const { return xds_; }
  [[nodiscard]] Usage usage() const { return usage_of(child_.pid()); }
  // A certificate for every sidecar of the fleet, and a token for those that are real.
  [[nodiscard]] Result<TlsMaterial> make_material() const;
  [[nodiscard]] Result<std::string> make_token() const;

 private:
  FleetControl(demo::Child child, std::string directory, SocketAddress xds)
      : child_(std::move(child)), directory_(std::move(directory)), xds_(xds) {}

  demo::Child child_;
  std::string directory_;
  SocketAddress xds_;
};

// Written whole, as an editor does it.
void write_file(const std::string& path, const std::string& text);

}  // namespace weft::bench
