#pragma once
// DrainOrder: in which order a sidecar stops: what is closed when, from the first word of an end to
// the last connection. A pure transition: time and figures in, one act out.
//
//   kServing --begin--> kHolding --delay--> kInbound --none left--> kOutbound --quiet--> kClosing
//                          |                                                                ^
//                          '--------------- unless outbound is to be last ------------------'
//   any but kServing --the time is up--> kOver
//
// kHolding: it is said that we are going (not ready, goodbyes in every answer), and new connections
// still come in: the news of our end takes time to reach those who call. kInbound: nothing new
// comes in, what is under way finishes. kOutbound: the app, which ends at the same time as we do,
// still calls out and is served until it has been silent for a while. kClosing: everything is
// closed and finishes. kOver: what is left is cut.
//
// Where the app has gone before the sidecar is told to end (native sidecars), or there is no app,
// everything is closed at once: the delay is zero and outbound is not last, as by default. Source:
// mesh-standards 3.6.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/clock.h"

namespace weft::sidecar {

class DrainOrder final {
 public:
  // The app's calls must have been silent for so long before they are taken for done.
  static constexpr Duration kQuiet = std::chrono::seconds(1);
  static constexpr Duration kLookEvery = std::chrono::milliseconds(100);

  struct Options {
    Duration delay{};  // how long new connections still come in
    bool outbound_last = false;
    Duration timeout = std::chrono::seconds(30);  // from the beginning to kOver
  };
  enum class Phase : std::uint8_t { kServing, kHolding, kInbound, kOutbound, kClosing, kOver };
  enum class Act : std::uint8_t {
    kNone,
    kCloseInbound,  // no new connections from outside; those there are told goodbye
    kPartOutbound,  // the app's connections are told goodbye; new ones are taken
    kCloseAll,
    kCut,
  };
  // Connections that are there, of all workers.
  struct Facts {
    std::size_t inbound = 0;
    std::size_t outbound = 0;
    std::uint64_t outbound_accepted = 0;  // ever
  };

  explicit DrainOrder(const Options& options) : options_(options) {}

  // REQUIRES kServing.
  [[nodiscard]] Act begin(TimePoint now);
  // REQUIRES begin(). To be called every kLookEvery until kClosing, and at the end of the time.
  [[nodiscard]] Act look(TimePoint now, const Facts& facts);
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] TimePoint deadline() const { return begun_ + options_.timeout; }
  // Whether look() has anything to wait for but the deadline.
  [[nodiscard]] bool looks() const;

 private:
  [[nodiscard]] Act end_hold();
  [[nodiscard]] Act look_outbound(TimePoint now, const Facts& facts);

  const Options options_;
  Phase phase_ = Phase::kServing;
  TimePoint begun_{};
  TimePoint busy_at_{};    // when the app was last heard of
  TimePoint parted_at_{};  // when its connections were last told goodbye
  std::uint64_t accepted_seen_ = 0;
};

[[nodiscard]] std::string_view name_of(DrainOrder::Phase phase);

}  // namespace weft::sidecar
