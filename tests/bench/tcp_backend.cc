#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/bench/backend.h"
#include "tests/bench/poller.h"

namespace weft::bench {
namespace {

constexpr std::size_t kBlock = 256 * 1024;

std::array<char, kBlock>& block() {
  static std::array<char, kBlock> bytes{};
  return bytes;
}

class TcpConnection final : public Poller::Handler {
 public:
  TcpConnection(Poller& poller, Fd socket, TcpMode mode, std::uint64_t& moved,
                std::vector<TcpConnection*>& finished)
      : poller_(poller),
        socket_(std::move(socket)),
        mode_(mode),
        moved_(moved),
        finished_(finished) {
    poller_.watch(socket_, mode_ == TcpMode::kSource ? EPOLLOUT : EPOLLIN, *this);
  }

  void on_ready(std::uint32_t events) override {
    if (mode_ == TcpMode::kSource) {
      send_some(block().data(), kBlock);
    } else if (!pending_.empty() && (events & EPOLLOUT) != 0) {
      send_pending();
    } else {
      receive();
    }
  }

 private:
  void receive() {
    const ssize_t size = ::recv(socket_.number(), block().data(), kBlock, 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return finish();
    moved_ += static_cast<std::uint64_t>(size);
    if (mode_ == TcpMode::kDiscard) return;
    const auto whole = static_cast<std::size_t>(size);
    const std::size_t sent = send_some(block().data(), whole);
    if (sent == whole || !socket_.valid()) return;
    // Nothing more is read until this is out, so what waits is at most one block.
    pending_.assign(block().data() + sent, whole - sent);
    poller_.change(socket_, EPOLLOUT, *this);
  }

  void send_pending() {
    pending_.erase(0, send_some(pending_.data(), pending_.size()));
    if (pending_.empty() && socket_.valid()) poller_.change(socket_, EPOLLIN, *this);
  }

  std::size_t send_some(const char* bytes, std::size_t size) {
    const ssize_t sent = ::send(socket_.number(), bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) finish();
    const auto whole = static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    moved_ += whole;
    return whole;
  }

  void finish() {
    socket_.reset();
    finished_.push_back(this);
  }

  Poller& poller_;
  Fd socket_;
  TcpMode mode_;
  std::uint64_t& moved_;
  std::vector<TcpConnection*>& finished_;
  std::string pending_;
};

class TcpBackend final : public Poller::Handler {
 public:
  TcpBackend(const Fd& listener, TcpMode mode) : listener_(listener), mode_(mode) {
    poller_.watch(listener_, EPOLLIN, *this);
  }

  void on_ready(std::uint32_t /*events*/) override {
    Fd socket = accept_from(listener_);
    if (!socket.valid()) return;
    auto connection =
        std::make_unique<TcpConnection>(poller_, std::move(socket), mode_, moved_, finished_);
    TcpConnection* const key = connection.get();
    connections_.emplace(key, std::move(connection));
  }

  std::uint64_t run(std::chrono::seconds lifetime) {
    const auto end = Clock::now() + lifetime;
    while (!stop_requested() && Clock::now() < end) {
      poller_.poll(end);
      for (TcpConnection* connection : finished_) connections_.erase(connection);
      finished_.clear();
    }
    return moved_;
  }

 private:
  const Fd& listener_;
  TcpMode mode_;
  Poller poller_;
  std::uint64_t moved_ = 0;
  std::vector<TcpConnection*> finished_;
  std::unordered_map<TcpConnection*, std::unique_ptr<TcpConnection>> connections_;
};

}  // namespace

std::uint64_t serve_tcp(const Fd& listener, TcpMode mode, std::chrono::seconds lifetime) {
  TcpBackend backend{listener, mode};
  return backend.run(lifetime);
}

}  // namespace weft::bench
