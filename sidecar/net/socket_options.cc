#include "sidecar/net/socket_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace weft::net {

namespace {

Status set(int fd, int level, int name, std::int64_t value, const char* what) {
  const int number = static_cast<int>(value);
  if (::setsockopt(fd, level, name, &number, sizeof number) == 0) return {};
  return fail(Fault::kInvalid, std::string(what) + ": " + ::strerror(errno));
}

Status set_keep_alive(int fd, const KeepAlive& keep_alive) {
  if (Status s = set(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "keepalive"); !s) return s;
  if (Status s = set(fd, IPPROTO_TCP, TCP_KEEPIDLE, keep_alive.idle_s, "keepalive idle"); !s)
    return s;
  if (Status s = set(fd, IPPROTO_TCP, TCP_KEEPINTVL, keep_alive.interval_s, "keepalive interval");
      !s)
    return s;
  return set(fd, IPPROTO_TCP, TCP_KEEPCNT, keep_alive.probes, "keepalive probes");
}

}  // namespace

Status apply(const SocketOptions& options, int fd, bool is_tcp) {
  if (options.mark != 0) {
    if (Status s = set(fd, SOL_SOCKET, SO_MARK, options.mark, "mark"); !s) return s;
  }
  if (!is_tcp) return {};
  if (options.no_delay) {
    if (Status s = set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "no delay"); !s) return s;
  }
  if (options.keep_alive) {
    if (Status s = set_keep_alive(fd, *options.keep_alive); !s) return s;
  }
  if (options.unsent_max != 0) {
    if (Status s = set(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, options.unsent_max, "unsent bytes"); !s)
      return s;
  }
  if (options.user_timeout.count() != 0) {
    return set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, options.user_timeout.count(), "user timeout");
  }
  return {};
}

}  // namespace weft::net
