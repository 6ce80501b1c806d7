#pragma once
// Breaker: the circuit breaker of one destination, for all workers together (behaviour.md 5).
//
//   closed --trip--> open --its time over--> half-open --all trials succeed--> closed
//                      ^---------------any trial fails----'
//
// An attempt enters before it begins and holds the Pass until its verdict, or gives it back. What a
// Pass of an earlier generation says changes nothing, so slow results from before a transition
// cannot disturb what came after. Half-open lets exactly `trials` attempts through: those under
// way and those that succeeded never exceed that number, and an attempt that ends without a verdict
// makes room for another.
//
// Owner: SharedLimits. Thread: any; the state is one 64-bit word changed by compare-and-swap
// (decisions D10). Counts are exact with one worker; two that begin a bucket of the window in the
// same instant may lose a count. Time is the caller's; nothing here waits.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sidecar/config/breaker_policy.h"
#include "sidecar/core/random.h"
#include "telemetry/proxy_metrics.h"

namespace weft::upstream {

class Breaker final {
 public:
  enum class State : std::uint8_t { kClosed, kHalfOpen, kOpen };  // as in weft_breaker_state
  enum class Ending : std::uint8_t { kSuccess, kSlow, kFailure, kNeutral };

  struct Pass {
    std::uint32_t generation = 0;
    bool held = false;
    bool trial = false;
  };
  using Edge = std::optional<telemetry::BreakerEdge>;  // the transition this call has made

  // Half-open once the time to be open is over.
  Edge refresh(TimePoint now);
  // Not held: refused.
  [[nodiscard]] Pass enter(const config::BreakerPolicy& policy);
  // The verdict of an attempt; the pass is used up.
  Edge note(const config::BreakerPolicy& policy, Pass& pass, Ending ending, TimePoint now,
            Random& random);
  void give_back(Pass& pass);

  [[nodiscard]] State state() const { return state_of(load()); }
  // Until trials are let through; zero unless open.
  [[nodiscard]] Duration time_left(TimePoint now) const;
  // Whether enter() would refuse now.
  [[nodiscard]] bool refuses(const config::BreakerPolicy& policy, TimePoint now) const;

  // What the window holds, for people.
  struct Counts {
    std::uint32_t attempts = 0;
    std::uint32_t failures = 0;
    std::uint32_t slow = 0;
    std::uint32_t in_a_row = 0;
  };
  [[nodiscard]] Counts counts(const config::BreakerPolicy& policy, TimePoint now) const;

 private:
  // The word, from the top: state (2 bits), re-openings in a row (6), generation (16), and below
  // that by state: open: its end in milliseconds of the monotonic clock (40); half-open: trials
  // under way (20) and succeeded (20).
  using Word = std::uint64_t;
  struct Parts {
    State state = State::kClosed;
    std::uint32_t reopened = 0;
    std::uint32_t generation = 0;
    std::uint64_t low = 0;
  };
  [[nodiscard]] static Word pack(const Parts& parts);
  [[nodiscard]] static Parts unpack(Word word);
  [[nodiscard]] static State state_of(Word word) { return static_cast<State>(word >> 62); }
  [[nodiscard]] Word load() const { return word_.load(std::memory_order_acquire); }
  bool change(Word& from, const Parts& to);

  // One tenth of the window. `tag` says of which generation and which tenth the counts are.
  struct Bucket {
    std::atomic<std::uint64_t> tag{0};
    std::atomic<std::uint32_t> attempts{0};
    std::atomic<std::uint32_t> failures{0};
    std::atomic<std::uint32_t> slow{0};
  };
  static constexpr std::size_t kBuckets = 10;
  [[nodiscard]] static std::uint64_t tenth_of(const config::BreakerPolicy& policy, TimePoint now);
  void count(const config::BreakerPolicy& policy, std::uint32_t generation, Ending ending,
             TimePoint now);
  [[nodiscard]] bool trips(const config::BreakerPolicy& policy, TimePoint now) const;
  bool open(Word& from, const config::BreakerPolicy& policy, std::uint32_t reopened, TimePoint now,
            Random& random);
  Edge note_trial(const config::BreakerPolicy& policy, Word word, std::uint32_t generation,
                  bool succeeded, TimePoint now, Random& random);

  std::atomic<Word> word_{0};
  std::atomic<std::uint32_t> in_a_row_{0};
  std::array<Bucket, kBuckets> buckets_;
};

[[nodiscard]] std::string_view name_of(Breaker::State state);  // closed, half_open, open

}  // namespace weft::upstream
