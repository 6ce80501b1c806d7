#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "sidecar/core/strings.h"
#include "tests/mesh/mesh.h"

namespace weft::mesh_test {

Wire::Wire(int fd) : fd_(fd) {
  const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
  const int one = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

Wire Wire::to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  Wire wire(fd);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return wire;
}

Wire& Wire::operator=(Wire&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = std::exchange(other.fd_, -1);
    held_ = std::move(other.held_);
  }
  return *this;
}

Wire::~Wire() {
  if (fd_ >= 0) ::close(fd_);
}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::more() {
  char room[65536];
  for (;;) {
    const ssize_t got = ::recv(fd_, room, sizeof room, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    held_.append(room, static_cast<std::size_t>(got));
    return true;
  }
}

std::string Wire::read_to(std::string_view mark) {
  std::size_t at = 0;
  while ((at = held_.find(mark)) == std::string::npos) {
    if (!more()) return {};
  }
  std::string taken = held_.substr(0, at + mark.size());
  held_.erase(0, taken.size());
  return taken;
}

std::string Wire::read_bytes(std::size_t count) {
  while (held_.size() < count && more()) {
  }
  std::string taken = held_.substr(0, count);
  held_.erase(0, taken.size());
  return taken;
}

std::string Wire::read_all() {
  while (more()) {
  }
  return std::exchange(held_, {});
}

Wire::Message Wire::read_message(bool answer, bool bodyless) {
  Message message;
  do {
    message.head = read_to("\r\n\r\n");
    if (message.head.empty()) return message;
  } while (answer && message.status() >= 100 && message.status() < 200 && message.status() != 101);
  if (bodyless || message.status() == 204 || message.status() == 304) return message;
  if (message.field("transfer-encoding") == "chunked") {
    for (;;) {
      const std::string line = read_to("\r\n");
      std::size_t size = 0;
      std::from_chars(line.data(), line.data() + line.size(), size, 16);
      if (line.empty()) return {};
      if (size == 0) break;
      message.body += read_bytes(size);
      (void)read_bytes(2);
    }
    while (read_to("\r\n").size() > 2) {
    }
    return message;
  }
  const std::string length = message.field("content-length");
  if (!length.empty()) {
    message.body = read_bytes(std::stoul(length));
  } else if (answer) {
    message.body = read_all();
  }
  return message;
}

std::size_t Wire::send_until_stuck(std::size_t limit, std::chrono::milliseconds quiet) {
  const std::string piece(64 * 1024, 'x');
  std::size_t total = 0;
  while (total < limit) {
    pollfd waits{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&waits, 1, static_cast<int>(quiet.count())) != 1) break;
    const ssize_t sent = ::send(fd_, piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) break;
    total += static_cast<std::size_t>(sent);
  }
  return total;
}

void Wire::end() { ::shutdown(fd_, SHUT_WR); }

void Wire::reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  ::close(std::exchange(fd_, -1));
}

void Wire::narrow(int bytes) { ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }

std::string Wire::Message::field(std::string_view name) const {
  std::string_view rest = head;
  while (!rest.empty()) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 2);
    if (line.size() > name.size() && line[name.size()] == ':' &&
        equals_ignore_case(line.substr(0, name.size()), name)) {
      return std::string(trim(line.substr(name.size() + 1)));
    }
  }
  return {};
}

int Wire::Message::status() const {
  if (!head.starts_with("HTTP/1.")) return 0;
  return std::stoi(head.substr(9, 3));
}

std::string Wire::Message::target() const {
  const std::size_t from = head.find(' ') + 1;
  return head.substr(from, head.find(' ', from) - from);
}

}  // namespace weft::mesh_test
