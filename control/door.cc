#include "control/door.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "tls/stream.h"

namespace weft::control {

class Door::Entering final : public tls::Stream::Owner {
 public:
  Entering(Door& door, std::unique_ptr<Transport> transport)
      : door_(door),
        stream_(tls::Stream::accept(door.turn_, std::move(transport), door.context_, *this,
                                    {.handshake_timeout = door.options_.handshake_timeout})) {}

  void on_tls_ready(tls::Stream& stream) override {
    if (stream.tls().alpn == "h2" || door_.options_.http1) {
      door_.service_.adopt(std::move(stream_));
    } else {
      door_.stats_.refused_protocol.add();
      WEFT_LOG_LIMITED(kInfo, "{}: {} does not speak h2", door_.options_.name,
                       stream.peer_address().to_string());
    }
    door_.remove(*this);
  }
  void on_tls_failed(tls::Stream& stream, const Error& error, tls::HandshakeResult) override {
    door_.stats_.failed_handshakes.add();
    WEFT_LOG_LIMITED(kInfo, "{}: TLS with {} failed: {}", door_.options_.name,
                     stream.peer_address().to_string(), to_string(error));
    door_.remove(*this);
  }
  void abort() { stream_->abort(); }

 private:
  Door& door_;
  std::unique_ptr<tls::Stream> stream_;
};

namespace {

http::Service::Options service_options(const Door::Options& options) {
  http::Service::Options service{.body_bytes_max = options.body_bytes_max,
                                 .connections_max = options.connections_max};
  service.connection.timeouts.idle = Door::kIdle;
  service.connection.codec.http2.streams_max = Door::kStreamsMax;
  return service;
}

}  // namespace

Door::Door(Turn& turn, Options options)
    : turn_(turn), options_(std::move(options)), service_(turn, service_options(options_)) {}

Door::~Door() { end_handshakes(); }

void Door::end_handshakes() {
  for (std::unique_ptr<Entering>& entering : entering_) {
    entering->abort();
    turn_.retire(std::move(entering));
  }
  entering_.clear();
}

Status Door::listen(net::Loop& loop, const SocketAddress& address) {
  // A peer that is gone without a word is noticed in about a minute; a stream of xDS may be silent
  // for days.
  const net::ListenOptions listening{
      .accepted = {.keep_alive = KeepAlive{.idle_s = 30, .interval_s = 10, .probes = 3}}};
  Result<net::OwnedFd> socket = net::bind_listener(address, listening);
  if (!socket) {
    return fail(socket.error().fault, options_.name + ": " + socket.error().detail);
  }
  acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(*socket), *this);
  return {};
}

SocketAddress Door::address() const {
  return acceptor_ == nullptr ? SocketAddress() : acceptor_->address();
}

void Door::on_accept(std::unique_ptr<net::Socket> socket) { adopt(std::move(socket)); }

void Door::adopt(std::unique_ptr<Transport> transport) {
  if (draining_ || connections() >= options_.connections_max) {
    if (!draining_) {
      stats_.refused_limit.add();
      WEFT_LOG_LIMITED(kWarn, "{}: the limit of {} connections is reached", options_.name,
                       options_.connections_max);
    }
    transport->abort();
    return;
  }
  stats_.accepted.add();
  if (context_ == nullptr) return service_.adopt(std::move(transport));
  entering_.push_back(std::make_unique<Entering>(*this, std::move(transport)));
}

void Door::remove(Entering& entering) {
  const auto at = std::ranges::find(entering_, &entering, &std::unique_ptr<Entering>::get);
  if (at == entering_.end()) return;
  turn_.retire(std::move(*at));
  entering_.erase(at);
}

void Door::drain() {
  if (std::exchange(draining_, true)) return;
  if (acceptor_ != nullptr) acceptor_->drain();
  end_handshakes();
  service_.drain();
}

}  // namespace weft::control
