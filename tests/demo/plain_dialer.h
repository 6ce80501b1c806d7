#pragma once
// PlainDialer: dials one address without TLS. Owner: whoever asks; it outlives its Dials. Thread:
// its loop's.

#include <memory>
#include <utility>

#include "sidecar/core/dialer.h"
#include "sidecar/net/connector.h"

namespace weft::demo {

class PlainDialer final : public Dialer {
 public:
  PlainDialer(net::Loop& loop, SocketAddress address)
      : connector_(loop), address_(std::move(address)) {}

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override {
    return connector_.connect(address_, {}, holder);
  }

 private:
  net::TcpConnector connector_;
  const SocketAddress address_;
};

}  // namespace weft::demo
