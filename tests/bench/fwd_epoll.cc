// fwd-epoll: the floor. Accepts, connects, moves bytes with recv and send on level-triggered epoll
// and parses nothing, so no proxy built on readiness can cost less per request on this machine.
//
// Usage: fwd-epoll LISTEN_PORT TARGET_PORT; see forwarder.h.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include "tests/bench/forwarder.h"

namespace weft::bench {
namespace {

// One end of a forwarded connection; what it receives leaves through the other end.
class End final : public Poller::Handler {
 public:
  End(Pair<End>& pair, Fd socket) : pair_(pair), socket_(std::move(socket)) {}
  void on_ready(std::uint32_t events) override;
  void watch(End& other);

 private:
  void receive();
  void flush();
  void want(std::uint32_t events);
  void half_close();

  Pair<End>& pair_;
  Fd socket_;
  End* other_ = nullptr;
  std::string
      pending_;  // Bytes this end could not send yet; the other end does not read meanwhile.
  std::uint32_t wanted_ = EPOLLIN;
  bool finished_reading_ = false;
  bool shut_ = false;
};

void End::watch(End& other) {
  other_ = &other;
  pair_.poller().watch(socket_, wanted_, *this);
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

}  // namespace
}  // namespace weft::bench

int main(int argc, char** argv) {
  return weft::bench::run_forwarder<weft::bench::End>("fwd-epoll", argc, argv);
}
