#pragma once
// SocketCore: the memory libuv holds on to for one connected (or connecting) socket.
//
// It outlives its Socket or Dial until libuv's close callback (house 3.6 rule 8): CorePtr's deleter
// silences it, closes the descriptor at once and leaves the memory to that callback. Bytes live
// here as well, because a queued write and a sink that destroys its Socket both still look at them.
// Owner: Socket, or the Connector's Dial before. Thread: its loop's.

#include <uv.h>

#include <cstddef>
#include <memory>

#include "sidecar/core/buffer.h"
#include "sidecar/core/slab.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/owned_fd.h"

namespace weft::net {

class Socket;
class TcpDial;
struct SocketCore;

struct CloseCore {
  void operator()(SocketCore* core) const;
};
using CorePtr = std::unique_ptr<SocketCore, CloseCore>;

struct SocketCore final : SlabAllocated<SocketCore> {
  // Takes over a stream socket, TCP or Unix (libuv treats them alike once they are open).
  static CorePtr open(Loop& loop, OwnedFd fd);

  [[nodiscard]] uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&handle); }

  explicit SocketCore(Loop& its_loop) : loop(its_loop) {}

  Loop& loop;
  Socket* socket = nullptr;  // who hears events; null when nobody does
  TcpDial* dial = nullptr;   // the same while connecting
  int fd = -1;
  uv_tcp_t handle{};
  union {
    uv_connect_t connect;
    uv_write_t write;
  };
  Buffer in;                  // read, and left there by the sink
  Buffer out;                 // written, and not taken by the kernel
  std::size_t in_flight = 0;  // the first bytes of `out`, which libuv is writing
};

}  // namespace weft::net
