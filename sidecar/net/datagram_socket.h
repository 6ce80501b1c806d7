#pragma once
// DatagramSocket: a bound UDP socket on a Loop: who sent what, and answers back.
//
// At most per_turn_max datagrams are taken in one turn, so that a flood leaves time for others;
// what the kernel's queue does not hold is lost, as datagrams are. Longer ones than bytes_max are
// dropped. A send that the kernel does not take at once is dropped as well: whoever asked asks
// again. Bound to one address of the machine, as an answer has to leave from where the question
// went. Owner: DnsServer. Thread: its loop's. Destroying it, also from within its own event, closes
// the descriptor.

#include <cstdint>
#include <memory>

#include "sidecar/core/address.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/counters.h"
#include "sidecar/core/result.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/owned_fd.h"

namespace weft::net {

// kInvalid where it cannot be had.
[[nodiscard]] Result<OwnedFd> bind_datagrams(const SocketAddress& address);
// Whether anything can be bound there: a pod without IPv6 has no ::1.
[[nodiscard]] bool has_address(const IpAddress& address);

class DatagramSocket final {
 public:
  class Owner {
   public:
    virtual void on_datagram(DatagramSocket& socket, Bytes bytes, const SocketAddress& from) = 0;

   protected:
    ~Owner() = default;
  };
  static constexpr std::size_t kBytesMax = 4096;
  struct Options {
    std::uint32_t per_turn_max = 64;
    std::size_t bytes_max = kBytesMax;  // no more than that
  };
  struct Stats {
    Counter received;
    Counter too_long;
    Counter sent;
    Counter not_sent;
  };

  DatagramSocket(Loop& loop, OwnedFd fd, Owner& owner, Options options);
  DatagramSocket(Loop& loop, OwnedFd fd, Owner& owner)
      : DatagramSocket(loop, std::move(fd), owner, Options()) {}
  ~DatagramSocket();
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  void send(Bytes bytes, const SocketAddress& to);

  [[nodiscard]] const SocketAddress& address() const;
  [[nodiscard]] const Stats& stats() const;

 private:
  struct Core;
  struct CloseCore {
    void operator()(Core* core) const;
  };
  std::unique_ptr<Core, CloseCore> core_;
};

}  // namespace weft::net
