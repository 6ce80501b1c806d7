#pragma once
// What the floors share: accept, connect, an End at each side of a pair, and the life of pairs. How
// bytes get from one End to the other is the program's own.
//
// An End is made with (Pair<End>&, Fd), told its other half by watch(End&), and calls die_later()
// when its pair is over: the pair is gone when the events of this turn are. Thread: one.

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/poller.h"
#include "tests/bench/socket.h"

namespace weft::bench {

template <typename End>
class Pair final {
 public:
  // The far end may still be connecting; until then it says EAGAIN.
  Pair(Poller& poller, Fd near, Fd far, std::vector<Pair*>& dead)
      : poller_(poller), dead_(dead), near_(*this, std::move(near)), far_(*this, std::move(far)) {
    near_.watch(far_);
    far_.watch(near_);
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

template <typename End>
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
    pairs_.push_back(std::make_unique<Pair<End>>(poller_, std::move(near), std::move(far), dead_));
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
  std::vector<Pair<End>*> dead_;
  std::vector<std::unique_ptr<Pair<End>>> pairs_;
};

// Usage: NAME LISTEN_PORT TARGET_PORT (both on 127.0.0.1; 0 = any free port). Prints "port N" when
// it listens.
template <typename End>
int run_forwarder(const std::string& name, int argc, char** argv) {
  errno = 0;
  if (argc != 3) die("usage: " + name + " LISTEN_PORT TARGET_PORT");
  const auto from = parse_endpoint(std::string{"127.0.0.1:"} + argv[1]);
  const auto to = parse_endpoint(std::string{"127.0.0.1:"} + argv[2]);
  if (!from || !to) die(name + ": a port is a number up to 65535");
  install_stop_signals();
  const Fd listener = listen_on(*from);
  if (!listener.valid()) die(name + ": cannot listen");
  std::printf("port %u\n", unsigned{bound_port(listener)});
  std::fflush(stdout);
  Forwarder<End>{listener, *to}.run();
  return 0;
}

}  // namespace weft::bench
