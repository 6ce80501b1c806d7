#include "sidecar/upstream/endpoint_dial.h"

#include <string>
#include <utility>

#include "tls/dialer.h"

namespace weft::upstream {

namespace {

// A dial that keeps its dialer: the next one may be made under other settings while this one is
// still under way.
class HeldDial final : public Dial {
 public:
  HeldDial(std::unique_ptr<tls::Dialer> dialer, DialHolder& holder)
      : dialer_(std::move(dialer)), inner_(dialer_->dial(holder)) {}

 private:
  std::unique_ptr<tls::Dialer> dialer_;
  std::unique_ptr<Dial> inner_;
};

class RefusedDial final : public Dial, public Flushable {
 public:
  RefusedDial(Turn& turn, DialHolder& holder, Error why) : holder_(holder), why_(std::move(why)) {
    turn.enlist(*this);
  }
  void flush() override {
    // The holder may drop us, and with us the error, while it reads it.
    const Error why = std::move(why_);
    holder_.on_dial_failed(why);
  }

 private:
  DialHolder& holder_;
  Error why_;
};

}  // namespace

std::unique_ptr<Dial> dial_endpoint(Turn& turn, Connector& connector,
                                    const config::ClusterConfig& cluster,
                                    const SocketAddress& address,
                                    std::shared_ptr<const tls::ClientContext> context,
                                    DialHolder& holder) {
  const ConnectOptions options{.timeout = cluster.connect_timeout, .source = cluster.source};
  if (!cluster.tls) return connector.connect(address, options, holder);
  if (context == nullptr) {
    return refuse_dial(turn, holder,
                       {Fault::kTlsHandshake, Side::kUpstream,
                        "the certificate for cluster " + cluster.name + " is not here yet"});
  }
  const Duration patience = cluster.handshake_timeout > Duration::zero() ? cluster.handshake_timeout
                                                                         : cluster.connect_timeout;
  return std::make_unique<HeldDial>(
      std::make_unique<tls::Dialer>(
          turn, connector, std::move(context),
          tls::Dialer::Options{
              .address = address, .connect = options, .tls = {.handshake_timeout = patience}}),
      holder);
}

std::unique_ptr<Dial> refuse_dial(Turn& turn, DialHolder& holder, Error why) {
  return std::make_unique<RefusedDial>(turn, holder, std::move(why));
}

}  // namespace weft::upstream
