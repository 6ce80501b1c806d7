#pragma once
// ClusterDialer: how the main loop itself calls a configured cluster: the control plane, the CA, a
// collector.
//
// Endpoints in turn, TLS when the cluster says so. Not for traffic of the mesh: workers have pools,
// limits and balancers for that. Owner: whoever calls (AdsClient, Exporter, …). Thread: main loop.

#include <functional>
#include <memory>
#include <string>

#include "sidecar/config/snapshot.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "tls/context.h"
#include "tls/library.h"

namespace weft::sidecar {

class ClusterDialer final : public Dialer {
 public:
  // What the cluster is now; asked for each dial, so that a renewed certificate or a moved endpoint
  // counts at once. An empty config means that there is no such cluster.
  struct Target {
    std::shared_ptr<const config::ClusterConfig> config;
    std::shared_ptr<const config::EndpointSet> endpoints;
    std::shared_ptr<const tls::ClientContext> tls;
    std::string problem;  // why it cannot be called now; empty: it can
  };
  using Find = std::function<Target()>;  // cold path

  ClusterDialer(Turn& turn, Connector& connector, Find find)
      : turn_(turn), connector_(connector), find_(std::move(find)) {}

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override;

 private:
  Turn& turn_;
  Connector& connector_;
  Find find_;
  std::size_t next_ = 0;
};

// The cluster of that name in `snapshot`, which may be null; without a TLS context.
[[nodiscard]] ClusterDialer::Target find_target(const config::Snapshot* snapshot,
                                                const std::string& name);
// And with one, made from `library`, where the cluster asks for it and its certificate is there.
[[nodiscard]] ClusterDialer::Target find_target(const config::Snapshot* snapshot,
                                                const std::string& name,
                                                const std::shared_ptr<tls::Library>& library);

}  // namespace weft::sidecar
