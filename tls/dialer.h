#pragma once
// Dialer: connect, then a TLS handshake: a Transport that is ready for the first application byte,
// or the reason why not.
//
// Each step has its own deadline. Dropping the Dial cancels whichever step is under way. Owner:
// whoever calls one address often (an Endpoint, the ADS client); it outlives its Dials. Thread: its
// worker's.

#include <memory>

#include "sidecar/core/address.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "tls/context.h"
#include "tls/stream.h"

namespace weft::tls {

class Dialer final : public weft::Dialer {
 public:
  struct Options {
    SocketAddress address;
    ConnectOptions connect;
    Stream::Options tls;
  };
  Dialer(Turn& turn, Connector& connector, std::shared_ptr<const ClientContext> context,
         Options options);

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override;

  // Later dials use this one: the certificate was renewed.
  void set_context(std::shared_ptr<const ClientContext> context) { context_ = std::move(context); }

 private:
  class Attempt;
  Turn& turn_;
  Connector& connector_;
  std::shared_ptr<const ClientContext> context_;
  const Options options_;
};

}  // namespace weft::tls
