#pragma once
// TcpConnector: opens connections to IP and Unix addresses (core/dialer.h has the contract).
//
// Every failure is told later, on the upstream side: kConnectTimeout when the deadline passed,
// kConnect for the rest (refused, unreachable, no local port, no descriptor), with the address and
// the system's words in the detail. One that leaves the last descriptors to others
// (net/descriptors.h) fails as if there were none when it is given one of those. Owner: the worker.
// Thread: its loop's. A Dial must not outlive the Loop.

#include <cstdint>
#include <memory>

#include "sidecar/core/dialer.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/socket_options.h"

namespace weft::net {

class TcpConnector final : public Connector {
 public:
  enum class Descriptors : std::uint8_t { kAll, kButTheLast };

  TcpConnector(Loop& loop, const SocketOptions& options, Descriptors descriptors)
      : loop_(loop), options_(options), descriptors_(descriptors) {}
  explicit TcpConnector(Loop& loop, Descriptors descriptors = Descriptors::kAll)
      : TcpConnector(loop, SocketOptions(), descriptors) {}

  [[nodiscard]] std::unique_ptr<Dial> connect(const SocketAddress& address,
                                              const ConnectOptions& options,
                                              DialHolder& holder) override;

 private:
  Loop& loop_;
  SocketOptions options_;
  Descriptors descriptors_;
};

}  // namespace weft::net
