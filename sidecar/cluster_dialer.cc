#include "sidecar/cluster_dialer.h"

#include <string>

namespace weft::sidecar {

namespace {

class HeldDial final : public Dial {
 public:
  HeldDial(std::unique_ptr<tls::Dialer> dialer, DialHolder& holder)
      : dialer_(std::move(dialer)), inner_(dialer_->dial(holder)) {}

 private:
  std::unique_ptr<tls::Dialer> dialer_;
  std::unique_ptr<Dial> inner_;
};

// Refuses at the end of the turn, as every Dial answers later than its call.
class RefusedDial final : public Dial, public Flushable {
 public:
  RefusedDial(Turn& turn, DialHolder& holder, std::string why)
      : holder_(holder), why_(std::move(why)) {
    turn.enlist(*this);
  }
  void flush() override { holder_.on_dial_failed(Error{Fault::kConnect, Side::kUpstream, why_}); }

 private:
  DialHolder& holder_;
  std::string why_;
};

}  // namespace

std::unique_ptr<Dial> ClusterDialer::dial(DialHolder& holder) {
  const Target target = find_();
  if (target.config == nullptr)
    return std::make_unique<RefusedDial>(turn_, holder, "no such cluster");
  if (!target.problem.empty()) return std::make_unique<RefusedDial>(turn_, holder, target.problem);
  if (target.endpoints == nullptr || target.endpoints->endpoints.empty()) {
    return std::make_unique<RefusedDial>(turn_, holder,
                                         "cluster " + target.config->name + " has no endpoint");
  }
  const auto& endpoints = target.endpoints->endpoints;
  const config::Endpoint& endpoint = endpoints[next_++ % endpoints.size()];
  const ConnectOptions options{.timeout = target.config->connect_timeout,
                               .source = target.config->source};
  if (!target.config->tls) return connector_.connect(endpoint.address, options, holder);
  if (target.tls == nullptr) {
    return std::make_unique<RefusedDial>(
        turn_, holder, "the certificate for cluster " + target.config->name + " is not here yet");
  }
  return std::make_unique<HeldDial>(
      std::make_unique<tls::Dialer>(
          turn_, connector_, target.tls,
          tls::Dialer::Options{.address = endpoint.address, .connect = options, .tls = {}}),
      holder);
}

}  // namespace weft::sidecar
