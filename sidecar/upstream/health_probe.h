#pragma once
// HealthProbe: asks one endpoint whether it is well, once at a time: over HTTP, with
// grpc.health.v1, or by bytes over TCP.
//
// The cluster's own transport is used (TLS, PROXY header) through the Dialer. begin() gives exactly
// one on_probed, later; destroying the probe cancels silently. HTTP and gRPC keep their connection
// between checks when asked to, TCP never does: that somebody accepts is half of what is asked.
// Owner: a HealthChecks::Target. Thread: its loop's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/health_check.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/check_state.h"
#include "telemetry/proxy_metrics.h"

namespace weft::upstream {

struct Probed {
  CheckState::Result result = CheckState::Result::kNoAnswer;
  telemetry::HealthCheckResult what = telemetry::HealthCheckResult::kPassed;
  std::string why;  // of a failure; may hold bytes from outside
};

class ProbeHolder {
 public:
  // May destroy the probe.
  virtual void on_probed(Probed&& probed) = 0;

 protected:
  ~ProbeHolder() = default;
};

class HealthProbe {
 public:
  virtual ~HealthProbe() = default;
  // REQUIRES that none is under way.
  virtual void begin() = 0;
  // Lets a kept connection go.
  virtual void close_idle() = 0;

  // All arguments outlive the probe. `secured`: the dialer speaks TLS, whose ALPN then chooses
  // between HTTP/1 and HTTP/2.
  [[nodiscard]] static std::unique_ptr<HealthProbe> make(Turn& turn, Dialer& dialer,
                                                         const config::HealthCheck& settings,
                                                         std::string authority, bool secured,
                                                         ProbeHolder& holder);
};

// How answers are judged.
[[nodiscard]] Probed judge_status(const config::HealthCheck& settings, std::uint16_t status);
// One gRPC message with a HealthCheckRequest.
[[nodiscard]] std::string make_check_request(std::string_view service);
// HealthCheckResponse.status in the body of the answer, 1 is SERVING; nothing when it is no such
// message.
[[nodiscard]] std::optional<std::uint64_t> read_check_status(std::string_view body);
// A TCP answer so far: whether all blocks have come, in order, with anything between them.
[[nodiscard]] bool has_blocks(std::string_view text, const std::vector<std::string>& blocks);

}  // namespace weft::upstream
