// The making of listening descriptors; declared in acceptor.h.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "sidecar/net/acceptor.h"

namespace weft::net {

namespace {

tl::unexpected<Error> failed(const SocketAddress& address, const std::string& what) {
  return fail(Fault::kInvalid, "listen on " + address.to_string() + ": " + what);
}

struct Native {
  explicit Native(const SocketAddress& address) : length(address.to_native(storage)) {}
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr_storage storage{};
  socklen_t length;
};

bool set(int fd, int level, int name, int value = 1) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// What must be set before bind(); the name of what failed, or null.
const char* prepare(int fd, const SocketAddress& address, const ListenOptions& options) {
  if (!address.is_ip()) return nullptr;
  const bool v6 = !address.ip().is_v4();
  if (!set(fd, SOL_SOCKET, SO_REUSEADDR)) return "reuse address";
  if (options.reuse_port && !set(fd, SOL_SOCKET, SO_REUSEPORT)) return "reuse port";
  if (v6 && !set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.v6_only ? 1 : 0)) return "IPv6 only";
  if (options.transparent) {
    if (!set(fd, SOL_IP, IP_TRANSPARENT)) return "transparent";
    if (v6 && !set(fd, SOL_IPV6, IPV6_TRANSPARENT)) return "transparent";
  }
  if (options.free_bind && !set(fd, SOL_IP, IP_FREEBIND)) return "free bind";
  if (options.fast_open != 0 &&
      !set(fd, IPPROTO_TCP, TCP_FASTOPEN, static_cast<int>(options.fast_open))) {
    return "fast open";
  }
  return nullptr;
}

// A file left behind by a process that has died: nobody answers there.
bool is_stale(const SocketAddress& address) {
  const OwnedFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Native native(address);
  return probe.valid() && ::connect(probe.get(), native.get(), native.length) != 0 &&
         errno == ECONNREFUSED;
}

bool bind_to(int fd, const SocketAddress& address, const ListenOptions& options) {
  const Native native(address);
  const bool has_file = address.is_unix() && !address.path().starts_with('@');
  if (::bind(fd, native.get(), native.length) != 0) {
    const int why = errno;
    if (why != EADDRINUSE || !has_file || !is_stale(address) ||
        ::unlink(address.path().c_str()) != 0) {
      errno = why;
      return false;
    }
    if (::bind(fd, native.get(), native.length) != 0) return false;
  }
  return !has_file || ::chmod(address.path().c_str(), static_cast<mode_t>(options.unix_mode)) == 0;
}

Result<OwnedFd> bind_only(const SocketAddress& address, const ListenOptions& options) {
  if (address.is_none()) return fail(Fault::kInvalid, "listen: no address");
  const int family = address.is_unix() ? AF_UNIX : address.ip().is_v4() ? AF_INET : AF_INET6;
  OwnedFd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(address, ::strerror(errno));
  if (const char* what = prepare(fd.get(), address, options)) {
    return failed(address, std::string(what) + ": " + ::strerror(errno));
  }
  if (Status s = apply(options.accepted, fd.get(), address.is_ip()); !s)
    return failed(address, s.error().detail);
  if (!bind_to(fd.get(), address, options)) return failed(address, ::strerror(errno));
  return fd;
}

Status start_listening(int fd, const SocketAddress& address, const ListenOptions& options) {
  const auto backlog = static_cast<int>(std::clamp<std::uint32_t>(options.backlog, 1, 65'535));
  if (::listen(fd, backlog) != 0) return failed(address, ::strerror(errno));
  return {};
}

}  // namespace

Result<OwnedFd> bind_listener(const SocketAddress& address, const ListenOptions& options) {
  Result<OwnedFd> fd = bind_only(address, options);
  if (!fd) return fd;
  if (Status s = start_listening(fd->get(), address, options); !s) return fail(s.error());
  return fd;
}

Result<std::vector<OwnedFd>> bind_listeners(const SocketAddress& address, std::uint32_t count,
                                            const ListenOptions& options) {
  ListenOptions alone = options;
  alone.reuse_port = false;
  Result<OwnedFd> first = bind_only(address, alone);
  if (!first) return fail(first.error());
  const SocketAddress bound = local_address_of(first->get());
  const bool share = count > 1 && address.is_ip();
  // Allowed after bind(): this one was alone when it took the port, the next may join it.
  if (share && !set(first->get(), SOL_SOCKET, SO_REUSEPORT))
    return failed(address, ::strerror(errno));
  std::vector<OwnedFd> fds;
  fds.push_back(std::move(*first));
  ListenOptions joining = options;
  joining.reuse_port = true;
  while (share && fds.size() < count) {
    Result<OwnedFd> next = bind_only(bound, joining);
    if (!next) return fail(next.error());
    fds.push_back(std::move(*next));
  }
  // A Unix address cannot be bound twice; workers share the one queue.
  while (fds.size() < count) {
    OwnedFd copy(::fcntl(fds.front().get(), F_DUPFD_CLOEXEC, 0));
    if (!copy.valid()) return failed(address, ::strerror(errno));
    fds.push_back(std::move(copy));
  }
  for (const OwnedFd& fd : fds) {
    if (Status s = start_listening(fd.get(), address, options); !s) return fail(s.error());
  }
  return fds;
}

SocketAddress local_address_of(int fd) {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&native), &length) != 0) return {};
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
}

}  // namespace weft::net
