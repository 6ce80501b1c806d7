#pragma once
// WireRig: clients and an http::Service joined by memory pipes, with time moved by hand. No
// sockets.

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/http/service.h"
#include "tests/support/memory_transport.h"

namespace weft::xds::testing {

class WireRig final : public Dialer {
 public:
  explicit WireRig(std::size_t piece = SIZE_MAX)
      : service(turn, http::Service::Options{.connections_max = 10'000}), piece_(piece) {}

  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override {
    ++dials;
    auto made = std::make_unique<Pending>(*this, holder);
    pending_.push_back(made.get());
    return made;
  }

  // Until nothing moves at this moment.
  void run() {
    for (int quiet = 0; quiet < 3;) {
      bool moved = answer_dials();
      turn.end();
      for (std::size_t i = 0; i < pipes.size(); ++i) moved = pipes[i]->step() || moved;
      turn.end();
      quiet = moved ? 0 : quiet + 1;
    }
  }
  // Time passes, in steps of `step`.
  void pass(Duration time, Duration step = std::chrono::milliseconds(50)) {
    for (Duration passed{}; passed < time; passed += step) {
      turn.advance(turn.now() + step);
      run();
    }
  }
  // Every connection breaks.
  void cut() {
    for (auto& pipe : pipes) {
      pipe->break_end(weft::testing::MemoryPipe::End::kLeft,
                      {Fault::kReset, Side::kUpstream, "cut"});
      pipe->break_end(weft::testing::MemoryPipe::End::kRight,
                      {Fault::kReset, Side::kDownstream, "cut"});
    }
    run();
    pipes.clear();
  }

  Turn turn{TimePoint(std::chrono::hours(1))};
  std::vector<std::unique_ptr<weft::testing::MemoryPipe>> pipes;
  http::Service service;
  bool reachable = true;
  TlsInfo proved;  // what the service learns of its clients
  int dials = 0;

 private:
  struct Pending final : Dial {
    Pending(WireRig& owner, DialHolder& held_by) : rig(owner), holder(held_by) {}
    ~Pending() override { std::erase(rig.pending_, this); }
    WireRig& rig;
    DialHolder& holder;
  };

  bool answer_dials() {
    const std::vector<Pending*> now = std::exchange(pending_, {});
    for (Pending* dial : now) {
      if (!reachable) {
        dial->holder.on_dial_failed({Fault::kConnect, Side::kUpstream, "refused"});
        continue;
      }
      pipes.push_back(std::make_unique<weft::testing::MemoryPipe>(
          turn, weft::testing::MemoryPipe::Options{.piece = piece_, .right_tls = proved}));
      service.adopt(pipes.back()->take_right());
      dial->holder.on_dialed(pipes.back()->take_left());
    }
    return !now.empty();
  }

  std::size_t piece_;
  std::vector<Pending*> pending_;
};

}  // namespace weft::xds::testing
