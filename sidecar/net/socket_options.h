#pragma once
// SocketOptions: what may be set on a connected socket, and on a listening one for those it will
// accept (Linux hands these down, so an accepted connection costs no call for them).

#include <chrono>
#include <cstdint>
#include <optional>

#include "sidecar/core/clock.h"
#include "sidecar/core/keep_alive.h"
#include "sidecar/core/result.h"

namespace weft::net {

struct SocketOptions {
  bool no_delay = true;  // one write per message is our rule; waiting for more is never right
  std::optional<KeepAlive> keep_alive;  // the kernel's probes; none by default
  std::uint32_t unsent_max = 0;         // TCP_NOTSENT_LOWAT in bytes; 0: the kernel's
  std::chrono::milliseconds user_timeout{
      0};  // TCP_USER_TIMEOUT: unacknowledged data for this long is a reset; 0: off
  std::uint32_t mark =
      0;  // SO_MARK, to keep our own traffic out of the redirect rules; needs CAP_NET_ADMIN
};

// TCP's options are left alone on a Unix socket.
[[nodiscard]] Status apply(const SocketOptions& options, int fd, bool is_tcp);

}  // namespace weft::net
