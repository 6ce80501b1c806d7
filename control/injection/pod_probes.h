#pragma once
// PodProbes: the kubelet's questions about an app, led through its sidecar: under strict mTLS the
// kubelet, which has no certificate, cannot ask the app itself.
//
// httpGet, tcpSocket and grpc of liveness, readiness and startup probes and httpGet of the
// lifecycle hooks become httpGet
// /app-health/<container>/{livez,readyz,startupz,poststartz,prestopz} on the status port;
// everything else of a probe stays. What was there goes into WEFT_PROBES, from which the sidecar
// asks and restore_probes() puts it back. Exec is left alone. So is a probe of another host, and
// one whose named port the container does not have. Source: mesh-standards 3.5.

#include <string>
#include <vector>

#include "control/json.h"

namespace weft::control::injection {

// The value of WEFT_PROBES: path on the status port -> {httpGet|tcpSocket|grpc: as it was, port: a
// number, timeoutSeconds: …}.
using ProbeTable = Json;

// Changes the containers of `pod`. In classic mode init containers run before the sidecar and are
// left alone.
[[nodiscard]] ProbeTable rewrite_probes(Json& pod, bool with_init_containers,
                                        std::vector<std::string>& warnings);
void restore_probes(Json& pod, const ProbeTable& table);

// The app's own page of metrics, under which name the sidecar finds it in the table.
inline constexpr const char* kAppMetricsPath = "/metrics";

}  // namespace weft::control::injection
