#pragma once
// Faults: failures on purpose: which of a route's faults strike a request, and what they share in
// the whole sidecar: a switch that puts an end to all of them, and how many are under way.
//
// The draw is pure: seeded random, the wall clock's time as an argument. Every fault has its own
// draw; the first that delays, the first that ends the request and the first that slows its answer
// count. Source: weft.config.v1.RoutePolicy.Fault; HTTPFault of Envoy.

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "sidecar/config/route_extras.h"
#include "sidecar/core/random.h"
#include "sidecar/http/message.h"

namespace weft::proxy {

// One for the process. Any thread.
class FaultSwitch final {
 public:
  [[nodiscard]] bool on() const { return on_.load(std::memory_order_relaxed); }
  void set(bool on) { on_.store(on, std::memory_order_relaxed); }
  [[nodiscard]] std::uint32_t active() const { return active_.load(std::memory_order_relaxed); }

  // One fault under way, as long as it lives.
  class Active final {
   public:
    Active() = default;
    explicit Active(FaultSwitch& of) : of_(&of) {
      of.active_.fetch_add(1, std::memory_order_relaxed);
    }
    Active(Active&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Active& operator=(Active&& other) noexcept {
      std::swap(of_, other.of_);
      return *this;
    }
    ~Active() {
      if (of_ != nullptr) of_->active_.fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    FaultSwitch* of_ = nullptr;
  };

 private:
  std::atomic<bool> on_{true};
  std::atomic<std::uint32_t> active_{0};
};

struct Injection {
  const config::FaultPolicy* delay = nullptr;
  const config::FaultPolicy* ending = nullptr;  // abort or reset
  const config::FaultPolicy* slow = nullptr;
  Duration delay_for{0};

  // The one that metrics and logs name; null: nothing strikes.
  [[nodiscard]] const config::FaultPolicy* named() const {
    return ending != nullptr ? ending : delay != nullptr ? delay : slow;
  }
};

[[nodiscard]] Injection draw_faults(std::span<const config::FaultPolicy> faults,
                                    const http::RequestHead& head, std::string_view cluster,
                                    WallTime now, std::uint32_t active, Random& random);

// What an abort answers: one status is written, the other means the same.
struct AbortStatus {
  std::uint16_t http = 503;
  std::uint8_t grpc = 14;
};
[[nodiscard]] AbortStatus status_of(const config::FaultPolicy::Abort& abort);

}  // namespace weft::proxy
