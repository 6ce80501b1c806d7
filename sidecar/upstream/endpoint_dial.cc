#include "sidecar/upstream/endpoint_dial.h"

#include <string>
#include <utility>
#include <vector>

#include "sidecar/core/pod_contract.h"
#include "tls/dialer.h"

namespace weft::upstream {

namespace {

// Connects, and sends the PROXY header before anybody else can write.
class HeaderDial final : public Dial, public DialHolder {
 public:
  HeaderDial(Connector& connector, const SocketAddress& address, const ConnectOptions& options,
             std::string header, DialHolder& holder)
      : holder_(holder), header_(std::move(header)) {
    inner_ = connector.connect(address, options, *this);
  }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    transport->write(Buffer(header_));
    // At once: behind it the server may be the one to speak first.
    transport->flush();
    holder_.on_dialed(std::move(transport));
  }
  void on_dial_failed(const Error& error) override { holder_.on_dial_failed(error); }

 private:
  DialHolder& holder_;
  const std::string header_;
  std::unique_ptr<Dial> inner_;
};

class HeaderConnector final : public Connector {
 public:
  HeaderConnector(Connector& inner, std::string header)
      : inner_(inner), header_(std::move(header)) {}
  std::unique_ptr<Dial> connect(const SocketAddress& address, const ConnectOptions& options,
                                DialHolder& holder) override {
    return std::make_unique<HeaderDial>(inner_, address, options, header_, holder);
  }

 private:
  Connector& inner_;
  const std::string header_;
};

// A dial that keeps its dialer: the next one may be made under other settings while this one is
// still under way.
class HeldDial final : public Dial, public DialHolder {
 public:
  HeldDial(std::unique_ptr<HeaderConnector> connector, std::unique_ptr<tls::Dialer> dialer,
           std::string identity, DialHolder& holder)
      : holder_(holder),
        identity_(std::move(identity)),
        connector_(std::move(connector)),
        dialer_(std::move(dialer)),
        inner_(dialer_->dial(*this)) {}
  void on_dialed(std::unique_ptr<Transport> transport) override {
    const std::string peer = transport->tls().peer.uri();
    if (identity_.empty() || peer == identity_) return holder_.on_dialed(std::move(transport));
    transport->abort();
    transport.reset();
    holder_.on_dial_failed(
        {Fault::kTlsIdentity, Side::kUpstream, "expected " + identity_ + ", found " + peer});
  }
  void on_dial_failed(const Error& error) override { holder_.on_dial_failed(error); }

 private:
  DialHolder& holder_;
  const std::string identity_;
  std::unique_ptr<HeaderConnector> connector_;  // may be null
  std::unique_ptr<tls::Dialer> dialer_;
  std::unique_ptr<Dial> inner_;
};

const SocketAddress& source_for(const config::ClusterConfig& cluster,
                                const SocketAddress& address) {
  const bool other = cluster.source.is_ip() && address.is_ip() &&
                     cluster.source.ip().is_v4() != address.ip().is_v4();
  return other ? cluster.source_other : cluster.source;
}

// To an app that listens on one of several addresses: the next one while each refuses.
class AppDial final : public Dial, public DialHolder {
 public:
  AppDial(Turn& turn, Connector& connector, const config::ClusterConfig& cluster,
          const SocketAddress& first, const ConnectOptions& options, DialHolder& holder)
      : turn_(turn), connector_(connector), holder_(holder) {
    // A copy: the configuration may be another before the last one was tried.
    places_.push_back({first, options});
    for (const SocketAddress& address : cluster.local_app_elsewhere) {
      places_.push_back({address,
                         {.timeout = options.timeout,
                          .source = source_for(cluster, address),
                          .keep_alive = options.keep_alive}});
    }
    dial_next();
  }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    holder_.on_dialed(std::move(transport));
  }
  void on_dial_failed(const Error& error) override {
    if (error.fault != Fault::kConnect || next_ == places_.size()) {
      return holder_.on_dial_failed(error);
    }
    turn_.retire(std::move(inner_));
    dial_next();
  }

 private:
  void dial_next() {
    const Place& place = places_[next_++];
    inner_ = connector_.connect(place.address, place.options, *this);
  }

  struct Place {
    SocketAddress address;
    ConnectOptions options;
  };
  Turn& turn_;
  Connector& connector_;
  DialHolder& holder_;
  std::vector<Place> places_;
  std::size_t next_ = 0;
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
                                    const Caller& caller, DialHolder& holder,
                                    const DialWishes& wishes) {
  ConnectOptions options{.timeout = cluster.connect_timeout,
                         .source = source_for(cluster, address),
                         .keep_alive = cluster.tcp_keepalive};
  if (wishes.transparent_source != nullptr) {
    options.source = SocketAddress(*wishes.transparent_source, 0);
    options.transparent_mark = pod::kTransparentMark;
  }
  const bool tls = cluster.tls && !wishes.plain;
  if (!tls && !cluster.proxy_header && !cluster.local_app_elsewhere.empty()) {
    return std::make_unique<AppDial>(turn, connector, cluster, address, options, holder);
  }
  std::unique_ptr<HeaderConnector> header;
  if (cluster.proxy_header) {
    header = std::make_unique<HeaderConnector>(
        connector, write_proxy_header({*cluster.proxy_header, caller.source, caller.destination}));
  }
  Connector& chosen = header != nullptr ? *header : connector;
  if (!tls) return chosen.connect(address, options, holder);
  if (context == nullptr) {
    return refuse_dial(turn, holder,
                       {Fault::kTlsHandshake, Side::kUpstream,
                        "the certificate for cluster " + cluster.name + " is not here yet"});
  }
  const Duration patience = cluster.handshake_timeout > Duration::zero() ? cluster.handshake_timeout
                                                                         : cluster.connect_timeout;
  auto dialer = std::make_unique<tls::Dialer>(
      turn, chosen, std::move(context),
      tls::Dialer::Options{.address = address,
                           .connect = options,
                           .tls = {.handshake_timeout = patience, .offers_alpn = !wishes.raw}});
  return std::make_unique<HeldDial>(std::move(header), std::move(dialer), wishes.identity, holder);
}

std::unique_ptr<Dial> refuse_dial(Turn& turn, DialHolder& holder, Error why) {
  return std::make_unique<RefusedDial>(turn, holder, std::move(why));
}

}  // namespace weft::upstream
