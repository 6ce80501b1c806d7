#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {

namespace {

int bind_loopback(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), length), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  port = ntohs(address.sin_port);
  return fd;
}

bool send_answer(Wire& wire, int status, std::string_view fields, std::string_view body) {
  return wire.send("HTTP/1.1 " + std::to_string(status) + " X\r\n" + std::string(fields) +
                   "content-length: " + std::to_string(body.size()) + "\r\n\r\n" +
                   std::string(body));
}

}  // namespace

Origin::Origin() : Origin(replies(200, "ok")) {}

Origin::Origin(Serve serve) : serve_(std::move(serve)) {
  listener_ = bind_loopback(port_);
  // A flood may have a thousand connections dialled before our thread has its turn, and what the
  // queue does not hold is tried again after seconds, a bystander's too.
  constexpr int kQueue = 4096;
  ::listen(listener_, kQueue);
  acceptor_ = std::thread([this] { accept_all(); });
}

Origin::~Origin() {
  {
    const std::lock_guard lock(mutex_);
    over_ = released_ = true;
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
  }
  changed_.notify_all();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void Origin::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    if (over_) {
      ::close(fd);
      return;
    }
    ++connections_;
    fds_.push_back(fd);
    threads_.emplace_back([this, fd] {
      Wire wire(fd);
      serve_(*this, wire);
      const std::lock_guard done(mutex_);
      std::erase(fds_, fd);
      wire = Wire();
    });
  }
}

void Origin::narrow() const {
  // Over loopback a segment may have 64 KiB, and the kernel makes room for several tens of them.
  const int segment = 1400;
  const int room = 16 * 1024;
  ::setsockopt(listener_, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
  ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  ::setsockopt(listener_, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

SocketAddress Origin::address() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }

std::size_t Origin::requests() {
  const std::lock_guard lock(mutex_);
  return requests_;
}

std::size_t Origin::connections() {
  const std::lock_guard lock(mutex_);
  return connections_;
}

Wire::Message Origin::last() {
  const std::lock_guard lock(mutex_);
  return last_;
}

void Origin::note(Wire::Message message) {
  {
    const std::lock_guard lock(mutex_);
    ++requests_;
    last_ = std::move(message);
  }
  changed_.notify_all();
}

bool Origin::wait_for(std::size_t requests) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return requests_ >= requests; });
}

void Origin::release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void Origin::wait_for_release() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return released_; });
}

Origin::Serve Origin::replies(int status, std::string body, std::string fields) {
  return [status, body = std::move(body), fields = std::move(fields)](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      const bool head = request.head.starts_with("HEAD ");
      origin.note(std::move(request));
      if (!send_answer(wire, status, fields, head ? std::string_view{} : std::string_view(body)))
        return;
    }
  };
}

Origin::Serve Origin::echoes() {
  return [](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      const std::string body = request.body;
      origin.note(std::move(request));
      if (!send_answer(wire, 200, {}, body)) return;
    }
  };
}

Origin::Serve Origin::never_answers() {
  return [](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      origin.note(std::move(request));
    }
  };
}

Origin::Serve Origin::resets() {
  return [](Origin& origin, Wire& wire) {
    Wire::Message request = wire.read_message(false);
    if (request.empty()) return;
    origin.note(std::move(request));
    const linger now{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(wire.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  };
}

Origin::Serve Origin::holds() {
  return [](Origin& origin, Wire& wire) {
    for (Wire::Message request = wire.read_message(false); !request.empty();
         request = wire.read_message(false)) {
      origin.note(std::move(request));
      origin.wait_for_release();
      if (!send_answer(wire, 200, {}, "held")) return;
    }
  };
}

ClosedPort::ClosedPort() { fd_ = bind_loopback(port_); }
ClosedPort::~ClosedPort() { ::close(fd_); }
SocketAddress ClosedPort::address() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }

}  // namespace weft::mesh_test
