// fwd-splice: the floor for bulk. Accepts, connects and lets the kernel move the bytes: two splice
// calls for each chunk, through one pipe for each direction, so that no byte is copied into this
// process.
//
// Usage: fwd-splice LISTEN_PORT TARGET_PORT; see forwarder.h.

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "tests/bench/forwarder.h"

namespace weft::bench {
namespace {

constexpr std::size_t kChunk = 1024 * 1024;

// One end of a forwarded connection, and the pipe that holds what was read from it and not yet
// written to the other.
class End final : public Poller::Handler {
 public:
  End(Pair<End>& pair, Fd socket) : pair_(pair), socket_(std::move(socket)) {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) die("fwd-splice: pipe");
    out_ = Fd{ends[0]};
    in_ = Fd{ends[1]};
  }
  void on_ready(std::uint32_t events) override;
  void watch(End& other);

 private:
  void pull();
  void push();
  void want();

  Pair<End>& pair_;
  Fd socket_;
  Fd out_;
  Fd in_;
  End* other_ = nullptr;
  std::size_t held_ = 0;  // In the pipe.
  std::uint32_t wanted_ = EPOLLIN;
  bool is_finished_ = false;  // Nothing more comes from this socket.
  bool is_shut_ = false;      // The other socket was told so.
};

void End::watch(End& other) {
  other_ = &other;
  pair_.poller().watch(socket_, wanted_, *this);
}

// Reads while its pipe is empty, and is told of room while the other's is not.
void End::want() {
  const std::uint32_t events =
      (held_ == 0 && !is_finished_ ? EPOLLIN : 0U) | (other_->held_ > 0 ? EPOLLOUT : 0U);
  if (std::exchange(wanted_, events) != events) pair_.poller().change(socket_, events, *this);
}

void End::on_ready(std::uint32_t events) {
  if (pair_.is_dead()) return;
  if ((events & EPOLLERR) != 0) return pair_.die_later();
  if ((events & EPOLLOUT) != 0) other_->push();
  if (pair_.is_dead()) return;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0 && held_ == 0 && !is_finished_) pull();
}

void End::pull() {
  const ssize_t got = ::splice(socket_.number(), nullptr, in_.number(), nullptr, kChunk,
                               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  if (got < 0 && errno != EAGAIN) return pair_.die_later();
  if (got == 0) is_finished_ = true;
  held_ += static_cast<std::size_t>(std::max<ssize_t>(got, 0));
  push();
}

void End::push() {
  if (held_ > 0) {
    const ssize_t put = ::splice(out_.number(), nullptr, other_->socket_.number(), nullptr, held_,
                                 SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (put < 0 && errno != EAGAIN) return pair_.die_later();
    held_ -= static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  }
  if (held_ == 0 && is_finished_ && !std::exchange(is_shut_, true)) {
    ::shutdown(other_->socket_.number(), SHUT_WR);
    if (other_->is_shut_) return pair_.die_later();
  }
  want();
  other_->want();
}

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  return weft::bench::run_forwarder<weft::bench::End>("fwd-splice", argc, argv);
}
