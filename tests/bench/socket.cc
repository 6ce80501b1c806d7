#include "tests/bench/socket.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace weft::bench {
namespace {

constexpr int kListenBacklog = 4096;
volatile std::sig_atomic_t g_stop = 0;

void on_stop_signal(int /*signal*/) { g_stop = 1; }

const sockaddr* as_sockaddr(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void Fd::reset() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

bool Endpoint::is_loopback() const { return (ntohl(address.sin_addr.s_addr) >> 24) == 127; }

std::uint16_t Endpoint::port() const { return ntohs(address.sin_port); }

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string host{text.substr(0, colon)};
  if (host == "localhost") host = "127.0.0.1";
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  Endpoint endpoint;
  endpoint.address.sin_family = AF_INET;
  endpoint.address.sin_port = htons(port);
  if (::inet_pton(AF_INET, host.c_str(), &endpoint.address.sin_addr) != 1) return std::nullopt;
  return endpoint;
}

Fd listen_on(const Endpoint& endpoint) {
  Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket.valid()) return socket;
  const int on = 1;
  ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(socket.number(), as_sockaddr(endpoint.address), sizeof(endpoint.address)) != 0 ||
      ::listen(socket.number(), kListenBacklog) != 0) {
    const int saved = errno;
    socket.reset();
    errno = saved;
  }
  return socket;
}

Fd accept_from(const Fd& listener) {
  Fd socket{::accept4(listener.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
  if (socket.valid()) set_no_delay(socket);
  return socket;
}

Fd connect_to(const Endpoint& endpoint) {
  Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (!socket.valid()) return socket;
  set_no_delay(socket);
  if (::connect(socket.number(), as_sockaddr(endpoint.address), sizeof(endpoint.address)) != 0 &&
      errno != EINPROGRESS) {
    const int saved = errno;
    socket.reset();
    errno = saved;
  }
  return socket;
}

int socket_error(const Fd& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

std::uint16_t bound_port(const Fd& listener) {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  if (::getsockname(listener.number(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return ntohs(address.sin_port);
}

void set_no_delay(const Fd& socket) {
  const int on = 1;
  ::setsockopt(socket.number(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void die(std::string_view what) {
  std::fprintf(stderr, "%.*s%s%s\n", static_cast<int>(what.size()), what.data(),
               errno != 0 ? ": " : "", errno != 0 ? std::strerror(errno) : "");
  std::exit(2);
}

bool stop_requested() { return g_stop != 0; }

void install_stop_signals() {
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace weft::bench
