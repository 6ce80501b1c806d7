#include "sidecar/net/connector.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "sidecar/net/descriptors.h"
#include "sidecar/net/socket.h"
#include "sidecar/net/socket_core.h"

namespace weft::net {

namespace {

// 0, or the negative number of what failed.
int be_transparent(int fd, const SocketAddress& to, std::uint32_t mark) {
  const int yes = 1;
  const bool v4 = to.ip().is_v4();
  const int level = v4 ? SOL_IP : SOL_IPV6;
  if (::setsockopt(fd, level, v4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, &yes, sizeof yes) != 0 ||
      ::setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0) {
    return -errno;
  }
  return 0;
}

}  // namespace

// One attempt. Connecting ends in libuv's callback, in the deadline or, for what failed or
// succeeded at once, in the next deferred event.
class TcpDial final : public Dial,
                      private TimerSink,
                      private Deferred,
                      public SlabAllocated<TcpDial> {
 public:
  TcpDial(Loop& loop, const SocketAddress& address, DialHolder& holder)
      : loop_(loop), holder_(holder), address_(address), deadline_(loop.timers(), *this) {}

  void start(const ConnectOptions& options, const SocketOptions& socket_options,
             TcpConnector::Descriptors descriptors);

 private:
  static void connect_done(uv_connect_t* request, int status);
  void on_timer(Timer&) override;
  void on_deferred() override;

  // 0, or the negative number of what failed.
  int begin(const ConnectOptions& options, const SocketOptions& socket_options,
            TcpConnector::Descriptors descriptors);
  void finish(int status);
  void succeed();
  void fail_with(Fault fault, std::string_view why);

  Loop& loop_;
  DialHolder& holder_;
  SocketAddress address_;
  Timer deadline_;
  CorePtr core_;
  std::optional<int> outcome_;  // known, and told in the next deferred event
};

std::unique_ptr<Dial> TcpConnector::connect(const SocketAddress& address,
                                            const ConnectOptions& options, DialHolder& holder) {
  auto dial = std::make_unique<TcpDial>(loop_, address, holder);
  dial->start(options, options_, descriptors_);
  return dial;
}

void TcpDial::start(const ConnectOptions& options, const SocketOptions& socket_options,
                    TcpConnector::Descriptors descriptors) {
  const int result = begin(options, socket_options, descriptors);
  if (result < 0) outcome_ = result;
  if (outcome_) return loop_.defer(*this);
  if (options.timeout > Duration::zero()) deadline_.arm(options.timeout);
}

int TcpDial::begin(const ConnectOptions& options, const SocketOptions& socket_options,
                   TcpConnector::Descriptors descriptors) {
  const SocketAddress& source = options.source;
  sockaddr_storage native;
  socklen_t length = address_.to_native(native);
  if (length == 0) return UV_EINVAL;
  OwnedFd fd(::socket(native.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return -errno;
  if (descriptors == TcpConnector::Descriptors::kButTheLast && is_among_last(fd.get()))
    return UV_EMFILE;
  SocketOptions wanted = socket_options;
  if (options.keep_alive) wanted.keep_alive = options.keep_alive;
  if (Status s = apply(wanted, fd.get(), address_.is_ip()); !s) return UV_EPERM;
  if (options.transparent_mark != 0) {
    if (const int error = be_transparent(fd.get(), address_, options.transparent_mark); error != 0)
      return error;
  }
  if (!source.is_none()) {
    // The local port is chosen when the remote address is known, so sixty thousand connections per
    // remote are possible.
    const int yes = 1;
    if (source.port() == 0)
      ::setsockopt(fd.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    sockaddr_storage from;
    const socklen_t from_length = source.to_native(from);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&from), from_length) != 0) return -errno;
  }
  if (address_.is_unix()) {
    // Never in progress: connected, refused, or the listener's queue is full (EAGAIN).
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length) != 0) return -errno;
    core_ = SocketCore::open(loop_, std::move(fd));
    outcome_ = 0;
    return 0;
  }
  core_ = SocketCore::open(loop_, std::move(fd));
  core_->dial = this;
  core_->connect.data = core_.get();
  return uv_tcp_connect(&core_->connect, &core_->handle, reinterpret_cast<const sockaddr*>(&native),
                        connect_done);
}

void TcpDial::connect_done(uv_connect_t* request, int status) {
  SocketCore& core = *static_cast<SocketCore*>(request->data);
  if (core.dial == nullptr) return;  // dropped
  core.loop.begin_event();
  core.dial->finish(status);
}

void TcpDial::on_deferred() { finish(*outcome_); }

void TcpDial::on_timer(Timer&) { fail_with(Fault::kConnectTimeout, "no answer in time"); }

void TcpDial::finish(int status) {
  deadline_.cancel();
  if (status == 0) return succeed();
  switch (status) {
    case UV_EADDRNOTAVAIL:
      return fail_with(Fault::kConnect, "no local address or port left (EADDRNOTAVAIL)");
    case UV_EMFILE:
      return fail_with(Fault::kConnect, "this process has no descriptor left (EMFILE)");
    case UV_ENFILE:
      return fail_with(Fault::kConnect, "this system has no descriptor left (ENFILE)");
    case UV_EAGAIN:
      return fail_with(Fault::kConnect, "the listener's queue is full (EAGAIN)");
    case UV_ETIMEDOUT:
      return fail_with(Fault::kConnectTimeout, "the kernel gave up");
    default:
      return fail_with(Fault::kConnect, uv_strerror(status));
  }
}

void TcpDial::succeed() {
  core_->dial = nullptr;
  auto socket = std::make_unique<Socket>(
      std::move(core_), Socket::Identity{.side = Side::kUpstream, .peer = address_});
  // TCP may meet itself: with no listener on a port of the ephemeral range, a local connect can be
  // given that very port. It would echo, and keep the true owner of the port from starting.
  if (address_.is_ip() && socket->local_address() == address_) {
    socket.reset();
    return fail_with(Fault::kConnect, "connected to itself: nobody listens");
  }
  holder_.on_dialed(std::move(socket));
}

void TcpDial::fail_with(Fault fault, std::string_view why) {
  core_.reset();
  const Error error{fault, Side::kUpstream,
                    fmt::format("connect to {}: {}", address_.to_string(), why)};
  holder_.on_dial_failed(error);
}

}  // namespace weft::net
