// fwd-epoll: the floor. Accepts, connects, moves bytes with recv and send on level-triggered epoll
// and parses nothing, so no proxy built on readiness can cost less per request on this machine.
//
// Usage: fwd-epoll LISTEN_PORT TARGET_PORT (both on 127.0.0.1; 0 = any free port). Prints "port N"
// when it listens.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/poller.h"
#include "tests/bench/socket.h"

namespace weft::bench {
namespace {

class Pair;

// One end of a forwarded connection; what it receives leaves through the other end.
class End final : public Poller::Handler {
 public:
  End(Pair& pair, Fd socket) : pair_(pair), socket_(std::move(socket)) {}
  void on_ready(std::uint32_t events) override;
  void watch(End& other, std::uint32_t events);

 private:
  void receive();
  void flush();
  void want(std::uint32_t events);
  void half_close();

  Pair& pair_;
  Fd socket_;
  End* other_ = nullptr;
  std::string
      pending_;  // Bytes this end could not send yet; the other end does not read meanwhile.
  std::uint32_t wanted_ = 0;
  bool finished_reading_ = false;
  bool shut_ = false;
};

class Pair final {
 public:
  Pair(Poller& poller, Fd near, Fd far, std::vector<Pair*>& dead)
      : poller_(poller), dead_(dead), near_(*this, std::move(near)), far_(*this, std::move(far)) {
    // The far end may still be connecting; sending then says EAGAIN and the bytes wait in
    // `pending_` like any others.
    near_.watch(far_, EPOLLIN);
    far_.watch(near_, EPOLLIN);
  }
  void die_later() {
    if (!std::exchange(is_dead_, true)) dead_.push_back(this);
  }
  [[nodiscard]] bool is_dead() const { return is_dead_; }
  Poller& poller() { return poller_; }

 private:
  Poller& poller_;
  std::vector<Pair*>& dead_;
  End near_;
  End far_;
  bool is_dead_ = false;
};

void End::watch(End& other, std::uint32_t events) {
  other_ = &other;
  wanted_ = events;
  pair_.poller().watch(socket_, events, *this);
}

void End::want(std::uint32_t events) {
  if (std::exchange(wanted_, events) != events) pair_.poller().change(socket_, events, *this);
}

void End::on_ready(std::uint32_t events) {
  if (pair_.is_dead()) return;
  if ((events & EPOLLOUT) != 0 && !pending_.empty()) flush();
  if (pair_.is_dead()) return;
  if ((events & EPOLLERR) != 0) return pair_.die_later();
  if ((events & (EPOLLIN | EPOLLHUP)) != 0 && (wanted_ & EPOLLIN) != 0) receive();
}

void End::receive() {
  static std::array<char, 64 * 1024> block;
  const ssize_t size = ::recv(socket_.number(), block.data(), block.size(), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size < 0) return pair_.die_later();
  if (size == 0) {
    finished_reading_ = true;
    want(wanted_ & ~EPOLLIN);
    return other_->half_close();
  }
  const auto whole = static_cast<std::size_t>(size);
  const ssize_t sent = ::send(other_->socket_.number(), block.data(), whole, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return pair_.die_later();
  const auto done = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
  if (done == whole) return;
  other_->pending_.assign(block.data() + done, whole - done);
  other_->want(other_->wanted_ | EPOLLOUT);
  want(wanted_ & ~EPOLLIN);
}

void End::flush() {
  const ssize_t sent = ::send(socket_.number(), pending_.data(), pending_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) return pair_.die_later();
  pending_.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
  if (!pending_.empty()) return;
  want(wanted_ & ~EPOLLOUT);
  if (other_->finished_reading_) return half_close();
  other_->want(other_->wanted_ | EPOLLIN);
}

// The other end saw the end of its stream: pass that on once everything before it is out.
void End::half_close() {
  if (!pending_.empty() || shut_) return;
  shut_ = true;
  ::shutdown(socket_.number(), SHUT_WR);
  if (finished_reading_ && other_->shut_) pair_.die_later();
}

class Forwarder final : public Poller::Handler {
 public:
  Forwarder(const Fd& listener, const Endpoint& target) : listener_(listener), target_(target) {
    poller_.watch(listener_, EPOLLIN, *this);
  }

  void on_ready(std::uint32_t /*events*/) override {
    Fd near = accept_from(listener_);
    if (!near.valid()) return;
    Fd far = connect_to(target_);
    if (!far.valid()) return;
    pairs_.push_back(std::make_unique<Pair>(poller_, std::move(near), std::move(far), dead_));
  }

  void run() {
    constexpr std::chrono::hours kLifetime{1};
    const auto end = Clock::now() + kLifetime;
    while (!stop_requested() && Clock::now() < end) {
      poller_.poll(end);
      if (dead_.empty()) continue;
      std::erase_if(pairs_, [](const auto& pair) { return pair->is_dead(); });
      dead_.clear();
    }
  }

 private:
  const Fd& listener_;
  Endpoint target_;
  Poller poller_;
  std::vector<Pair*> dead_;
  std::vector<std::unique_ptr<Pair>> pairs_;
};

int main_of(int argc, char** argv) {
  errno = 0;
  if (argc != 3) die("usage: fwd-epoll LISTEN_PORT TARGET_PORT");
  const auto from = parse_endpoint(std::string{"127.0.0.1:"} + argv[1]);
  const auto to = parse_endpoint(std::string{"127.0.0.1:"} + argv[2]);
  if (!from || !to) die("fwd-epoll: a port is a number up to 65535");
  install_stop_signals();
  const Fd listener = listen_on(*from);
  if (!listener.valid()) die("fwd-epoll: cannot listen");
  std::printf("port %u\n", unsigned{bound_port(listener)});
  std::fflush(stdout);
  Forwarder{listener, *to}.run();
  return 0;
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) { return weft::bench::main_of(argc, argv); }
