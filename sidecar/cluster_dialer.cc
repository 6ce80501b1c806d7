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

}  // namespace weft::sidecar
