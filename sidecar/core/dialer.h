#pragma once
// Dialer and Connector: how a Transport to somebody else comes to be.
//
// A Connector opens plain byte pipes to addresses (net::TcpConnector; memory in tests). A Dialer
// knows whom to call and how (address, TLS, deadlines) and answers with a Transport that is ready
// for the first application byte. Both answer later, never from inside the call; dropping the Dial
// cancels it silently.

#include <memory>
#include <optional>

#include "sidecar/core/clock.h"
#include "sidecar/core/keep_alive.h"
#include "sidecar/core/transport.h"

namespace weft {

// An attempt under way. Exactly one of the holder's calls comes, as the Dial's last act; the holder
// may then destroy it.
class Dial {
 public:
  virtual ~Dial() = default;
};

class DialHolder {
 public:
  virtual void on_dialed(std::unique_ptr<Transport> transport) = 0;
  virtual void on_dial_failed(
      const Error& error) = 0;  // kConnect, kConnectTimeout, kTlsHandshake, kTlsIdentity, …

 protected:
  ~DialHolder() = default;
};

struct ConnectOptions {
  Duration timeout = std::chrono::seconds(2);  // zero: the kernel's own patience
  SocketAddress source;                        // bound before connecting unless none()
  // Not 0: `source` may be anybody's address, and the connection's packets have this mark, by which
  // the answers find their way back (needs CAP_NET_ADMIN).
  std::uint32_t transparent_mark = 0;
  std::optional<KeepAlive> keep_alive;  // else the connector's own
};

class Connector {
 public:
  [[nodiscard]] virtual std::unique_ptr<Dial> connect(const SocketAddress& address,
                                                      const ConnectOptions& options,
                                                      DialHolder& holder) = 0;

 protected:
  ~Connector() = default;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  [[nodiscard]] virtual std::unique_ptr<Dial> dial(DialHolder& holder) = 0;
};

}  // namespace weft
