#pragma once
// TcpConnector: opens connections to IP and Unix addresses (core/dialer.h has the contract).
//
// Every failure is told later, on the upstream side: kConnectTimeout when the deadline passed,
// kConnect for the rest (refused, unreachable, no local port, no descriptor), with the address and
// the system's words in the detail. Owner: the worker. Thread: its loop's. A Dial must not outlive
// the Loop.

#include <memory>

#include "sidecar/core/dialer.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/socket_options.h"

namespace weft::net {

class TcpConnector final : public Connector {
 public:
  TcpConnector(Loop& loop, const SocketOptions& options) : loop_(loop), options_(options) {}
  explicit TcpConnector(Loop& loop) : TcpConnector(loop, SocketOptions()) {}

  [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress& address,
                                              const ConnectOptions& options,
                                              DialHolder& holder) override;

 private:
  Loop& loop_;
  SocketOptions options_;
};

}  // namespace weft::net
