#pragma once
// Rig: a loop that runs until something has happened, and connections that write down what they
// hear. Kernel sockets on loopback, port 0, no sleeping; a guard ends a test that waits in vain.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sidecar/core/random.h"
#include "sidecar/core/transport.h"
#include "sidecar/net/acceptor.h"
#include "sidecar/net/loop.h"
#include "sidecar/net/socket.h"

// The undefined-behaviour sanitizer looks at memory through a pipe and calls everything broken when
// it cannot open one.
#ifdef __SANITIZE_ADDRESS__
#define WEFT_NEEDS_NO_DESCRIPTORS() GTEST_SKIP() << "the sanitizer needs descriptors itself"
#else
#define WEFT_NEEDS_NO_DESCRIPTORS() static_cast<void>(0)
#endif

namespace weft::net {

class Rig final : TimerSink, Deferred {
 public:
  Loop loop;

  // True when `done` became true, looked at after every event of a Conn and after every turn.
  bool run_until(std::function<bool()> done) {
    done_ = std::move(done);
    guard_.arm(std::chrono::seconds(20));
    loop.defer(*this);
    loop.run();
    guard_.cancel();
    unlink();
    return std::exchange(done_, nullptr)();
  }
  void run_turns(int count) {
    run_until([&count] { return count-- <= 0; });
  }
  void check() {
    if (done_ && done_()) loop.stop();
  }

 private:
  void on_timer(Timer&) override { loop.stop(); }
  void on_deferred() override {
    if (done_ && done_()) return loop.stop();
    loop.defer(*this);
  }

  Timer guard_{loop.timers(), *this};
  std::function<bool()> done_;
};

// The top object of one Socket.
class Conn final : public Sink, public Flushable {
 public:
  Conn(Rig& rig, std::unique_ptr<Socket> its_socket) : rig_(rig), socket(std::move(its_socket)) {
    socket->set_sink(this);
  }
  Conn(Rig& rig, OwnedFd fd) : Conn(rig, Socket::adopt(rig.loop, std::move(fd))) {}

  void send(std::string_view text) {
    socket->write(Buffer(text));
    rig_.loop.turn().enlist(*this);
  }
  void flush() override { socket->flush(); }

  void on_bytes(Buffer& bytes) override {
    ++offers;
    if (reading) return reading(bytes);
    received += bytes.to_string();
    bytes.clear();
  }
  void on_writable() override {
    ++writables;
    if (writing) writing();
  }
  void on_end() override {
    ended = true;
    if (ending) ending();
  }
  void on_fault(const Error& error) override {
    fault = error;
    if (faulting) faulting();
  }

 private:
  Rig& rig_;

 public:
  std::unique_ptr<Socket> socket;
  std::string received;
  int offers = 0;
  int writables = 0;
  bool ended = false;
  std::optional<Error> fault;
  std::function<void(Buffer&)> reading;
  std::function<void()> writing;
  std::function<void()> ending;
  std::function<void()> faulting;
};

struct Ends {
  OwnedFd ours;
  OwnedFd theirs;  // non-blocking
};

inline Ends unix_ends() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  return {OwnedFd(fds[0]), OwnedFd(fds[1])};
}

inline OwnedFd connect_to(const SocketAddress& address) {
  sockaddr_storage native;
  const socklen_t length = address.to_native(native);
  OwnedFd fd(::socket(native.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&native), length);
  EXPECT_TRUE(result == 0 || errno == EINPROGRESS);
  return fd;
}

inline SocketAddress loopback(std::uint16_t port = 0) { return {IpAddress::v4(0x7f000001), port}; }

inline Ends tcp_ends() {
  const OwnedFd listener = *bind_listener(loopback());
  Ends ends;
  ends.theirs = connect_to(local_address_of(listener.get()));
  // The handshake over loopback is over when connect() returns.
  ends.ours = OwnedFd(::accept4(listener.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  EXPECT_TRUE(ends.ours.valid());
  return ends;
}

// What has arrived at a raw end; "<end>" or "<reset>" after it when the other side is gone.
inline std::string read_all(const OwnedFd& fd, std::size_t at_most = SIZE_MAX) {
  std::string text;
  char block[65536];
  while (text.size() < at_most) {
    const ssize_t n = ::recv(fd.get(), block, std::min(sizeof block, at_most - text.size()), 0);
    if (n == 0) return text + "<end>";
    if (n < 0) return errno == EAGAIN ? text : text + "<reset>";
    text.append(block, static_cast<std::size_t>(n));
  }
  return text;
}

// Waits for the kernel to deliver everything up to the end.
inline std::string read_to_end(const OwnedFd& fd) {
  std::string text = read_all(fd);
  pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
  while (!text.ends_with('>') && ::poll(&waiting, 1, 10'000) == 1) text += read_all(fd);
  return text;
}

inline void write_all(const OwnedFd& fd, std::string_view text) {
  ASSERT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(text.size()));
}

inline void reset_connection(OwnedFd& fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
  fd.reset();
}

// Letters, the same at each call.
inline std::string noise(std::size_t size) {
  Random random(7);
  std::string text(size + sizeof(std::uint64_t), '\0');
  for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
    const std::uint64_t letters =
        (random.next() & 0x0f0f0f0f0f0f0f0fU) + 0x6161616161616161U;  // a to p
    std::memcpy(text.data() + at, &letters, sizeof letters);
  }
  text.resize(size);
  return text;
}

inline int open_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
  return count;
}

}  // namespace weft::net
