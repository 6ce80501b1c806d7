#include "sidecar/cluster_dialer.h"

#include <string>

#include "sidecar/upstream/endpoint_dial.h"

namespace weft::sidecar {

std::unique_ptr<Dial> ClusterDialer::dial(DialHolder& holder) {
  const Target target = find_();
  const auto refuse = [&](std::string why) {
    return upstream::refuse_dial(turn_, holder, {Fault::kConnect, Side::kUpstream, std::move(why)});
  };
  if (target.config == nullptr) return refuse("no such cluster");
  if (!target.problem.empty()) return refuse(target.problem);
  if (target.endpoints == nullptr || target.endpoints->endpoints.empty())
    return refuse("cluster " + target.config->name + " has no endpoint");
  const auto& endpoints = target.endpoints->endpoints;
  const config::Endpoint& endpoint = endpoints[next_++ % endpoints.size()];
  return upstream::dial_endpoint(turn_, connector_, *target.config, endpoint.address, target.tls,
                                 {}, holder);
}

ClusterDialer::Target find_target(const config::Snapshot* snapshot, const std::string& name) {
  ClusterDialer::Target target;
  if (snapshot == nullptr) return target;
  const auto found = snapshot->clusters.find(name);
  if (found == snapshot->clusters.end()) return target;
  target.config = found->second.config;
  target.endpoints = found->second.endpoints;
  return target;
}

ClusterDialer::Target find_target(const config::Snapshot* snapshot, const std::string& name,
                                  const std::shared_ptr<tls::Library>& library) {
  ClusterDialer::Target target = find_target(snapshot, name);
  if (target.config == nullptr || !target.config->tls || target.config->tls->material == nullptr)
    return target;
  auto context = tls::ClientContext::make(*target.config->tls->material,
                                          target.config->tls->settings, library);
  if (context) {
    target.tls = std::move(*context);
  } else {
    target.problem = "cluster " + name + ": " + context.error().detail;
  }
  return target;
}

}  // namespace weft::sidecar
