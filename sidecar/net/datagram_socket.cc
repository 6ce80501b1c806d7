#include "sidecar/net/datagram_socket.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"
#include "sidecar/net/acceptor.h"

namespace weft::net {

// Outlives its DatagramSocket until libuv's close callback; `socket` is null from then on.
struct DatagramSocket::Core final {
  Core(Loop& its_loop, OwnedFd its_fd, DatagramSocket& its_socket, Owner& its_owner,
       Options its_options)
      : loop(its_loop),
        fd(std::move(its_fd)),
        socket(&its_socket),
        owner(its_owner),
        options(its_options),
        address(local_address_of(fd.get())) {}

  void take_waiting();
  // False when nothing waits any more.
  bool take_one(std::span<std::uint8_t> room);

  Loop& loop;
  OwnedFd fd;
  DatagramSocket* socket;
  Owner& owner;
  const Options options;
  const SocketAddress address;
  Stats stats;
  uv_poll_t poll{};
};

DatagramSocket::DatagramSocket(Loop& loop, OwnedFd fd, Owner& owner, Options options)
    : core_(new Core(loop, std::move(fd), *this, owner, options)) {
  WEFT_ASSERT(options.bytes_max <= kBytesMax);
  WEFT_ASSERT(uv_poll_init(loop.uv(), &core_->poll, core_->fd.get()) == 0);
  core_->poll.data = core_.get();
  const auto ready = [](uv_poll_t* handle, int, int) {
    Core* core = static_cast<Core*>(handle->data);
    if (core->socket == nullptr) return;
    core->loop.begin_event();
    core->take_waiting();
  };
  WEFT_ASSERT(uv_poll_start(&core_->poll, UV_READABLE, ready) == 0);
}

DatagramSocket::~DatagramSocket() = default;

void DatagramSocket::CloseCore::operator()(Core* core) const {
  core->socket = nullptr;
  uv_close(reinterpret_cast<uv_handle_t*>(&core->poll),
           [](uv_handle_t* handle) { delete static_cast<Core*>(handle->data); });
  core->fd.reset();
}

void DatagramSocket::Core::take_waiting() {
  // One byte more than may come tells that more has come.
  std::array<std::uint8_t, kBytesMax + 1> room;
  for (std::uint32_t i = 0; i < options.per_turn_max && socket != nullptr; ++i) {
    if (!take_one(std::span(room).first(options.bytes_max + 1))) return;
  }
}

bool DatagramSocket::Core::take_one(std::span<std::uint8_t> room) {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  const ssize_t count = ::recvfrom(fd.get(), room.data(), room.size(), 0,
                                   reinterpret_cast<sockaddr*>(&native), &length);
  if (count < 0) {
    if (errno == EINTR) return true;
    if (errno != EAGAIN) {
      WEFT_LOG_LIMITED(kWarn, "datagrams at {}: {}", address.to_string(), ::strerror(errno));
    }
    return false;
  }
  stats.received.add();
  if (static_cast<std::size_t>(count) > options.bytes_max) {
    stats.too_long.add();
    return true;
  }
  owner.on_datagram(*socket, room.first(static_cast<std::size_t>(count)),
                    SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length));
  return true;
}

void DatagramSocket::send(Bytes bytes, const SocketAddress& to) {
  sockaddr_storage native{};
  const socklen_t length = to.to_native(native);
  const ssize_t sent = ::sendto(core_->fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&native), length);
  (sent < 0 ? core_->stats.not_sent : core_->stats.sent).add();
}

const SocketAddress& DatagramSocket::address() const { return core_->address; }
const DatagramSocket::Stats& DatagramSocket::stats() const { return core_->stats; }

bool has_address(const IpAddress& address) {
  const OwnedFd probe(::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return errno != EAFNOSUPPORT;
  sockaddr_storage native{};
  const socklen_t length = SocketAddress(address, 0).to_native(native);
  return ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&native), length) == 0 ||
         errno != EADDRNOTAVAIL;
}

Result<OwnedFd> bind_datagrams(const SocketAddress& address) {
  const auto failed = [&](int why) {
    return fail(Fault::kInvalid, "datagrams at " + address.to_string() + ": " + ::strerror(why));
  };
  if (!address.is_ip()) return fail(Fault::kInvalid, "datagrams: want an IP address and a port");
  const int family = address.ip().is_v4() ? AF_INET : AF_INET6;
  OwnedFd fd(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return failed(errno);
  const int on = 1;
  if (family == AF_INET6 &&
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) {
    return failed(errno);
  }
  sockaddr_storage native{};
  const socklen_t length = address.to_native(native);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&native), length) != 0)
    return failed(errno);
  return fd;
}

}  // namespace weft::net
