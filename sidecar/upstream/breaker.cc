#include "sidecar/upstream/breaker.h"

#include <algorithm>
#include <utility>

namespace weft::upstream {

namespace {

using std::chrono::milliseconds;
using telemetry::BreakerEdge;

constexpr std::uint64_t kLowMask = (1ULL << 40U) - 1;
constexpr std::uint64_t kCountMask = (1ULL << 20U) - 1;
constexpr std::uint32_t kGenerationMask = 0xffff;
constexpr std::uint32_t kReopenedMax = 63;
constexpr double kJitter = 0.1;

struct Trials {
  std::uint64_t under_way = 0;
  std::uint64_t succeeded = 0;
};
Trials trials_of(std::uint64_t low) { return {low >> 20U, low & kCountMask}; }
std::uint64_t low_of(const Trials& trials) { return trials.under_way << 20U | trials.succeeded; }

std::uint64_t trials_max(const config::BreakerPolicy& policy) {
  return std::clamp<std::uint64_t>(policy.trials, 1, kCountMask);
}

// Rounded up, so that an end is never told to have come before it has.
std::uint64_t milliseconds_up(TimePoint point) {
  return static_cast<std::uint64_t>(
      std::chrono::ceil<milliseconds>(point.time_since_epoch()).count());
}
std::uint64_t milliseconds_down(TimePoint point) {
  return static_cast<std::uint64_t>(
      std::chrono::floor<milliseconds>(point.time_since_epoch()).count());
}

Duration open_time(const config::BreakerPolicy& policy, std::uint32_t reopened, Random& random) {
  const Duration most = std::max(policy.open_for, policy.open_max);
  Duration time = policy.open_for;
  for (std::uint32_t i = 0; i < reopened && time < most; ++i)
    time = time > most / 2 ? most : time * 2;
  const double factor = 1.0 - kJitter + 2 * kJitter * random.unit();
  return Duration(static_cast<std::int64_t>(static_cast<double>(time.count()) * factor));
}

}  // namespace

std::string_view name_of(Breaker::State state) {
  switch (state) {
    case Breaker::State::kClosed:
      return "closed";
    case Breaker::State::kHalfOpen:
      return "half_open";
    case Breaker::State::kOpen:
      return "open";
  }
  return "";
}

// ---- the word ----

Breaker::Word Breaker::pack(const Parts& parts) {
  return static_cast<Word>(parts.state) << 62U |
         static_cast<Word>(std::min(parts.reopened, kReopenedMax)) << 56U |
         static_cast<Word>(parts.generation & kGenerationMask) << 40U | (parts.low & kLowMask);
}

Breaker::Parts Breaker::unpack(Word word) {
  return {state_of(word), static_cast<std::uint32_t>(word >> 56U) & kReopenedMax,
          static_cast<std::uint32_t>(word >> 40U) & kGenerationMask, word & kLowMask};
}

bool Breaker::change(Word& from, const Parts& to) {
  return word_.compare_exchange_strong(from, pack(to), std::memory_order_acq_rel,
                                       std::memory_order_acquire);
}

// ---- transitions ----

bool Breaker::open(Word& from, const config::BreakerPolicy& policy, std::uint32_t reopened,
                   TimePoint now, Random& random) {
  const Parts old = unpack(from);
  const Duration time = open_time(policy, reopened, random);
  if (!change(from,
              {State::kOpen, reopened, old.generation + 1, milliseconds_up(now + time) & kLowMask}))
    return false;
  in_a_row_.store(0, std::memory_order_relaxed);
  return true;
}

Breaker::Edge Breaker::refresh(TimePoint now) {
  Word word = load();
  if (state_of(word) != State::kOpen || time_left(now) > Duration::zero()) return std::nullopt;
  const Parts parts = unpack(word);
  if (!change(word, {State::kHalfOpen, parts.reopened, parts.generation + 1, 0}))
    return std::nullopt;
  return BreakerEdge::kOpenToHalfOpen;
}

Duration Breaker::time_left(TimePoint now) const {
  const Parts parts = unpack(load());
  if (parts.state != State::kOpen) return Duration::zero();
  // As a difference in a ring of 40 bits, of which no time to be open takes half.
  const std::uint64_t left = (parts.low - milliseconds_down(now)) & kLowMask;
  return left > kLowMask / 2 ? Duration::zero() : Duration(milliseconds(left));
}

bool Breaker::refuses(const config::BreakerPolicy& policy, TimePoint now) const {
  const Parts parts = unpack(load());
  if (parts.state == State::kOpen) return time_left(now) > Duration::zero();
  if (parts.state == State::kClosed) return false;
  const Trials trials = trials_of(parts.low);
  return trials.under_way + trials.succeeded >= trials_max(policy);
}

// ---- attempts ----

Breaker::Pass Breaker::enter(const config::BreakerPolicy& policy) {
  for (Word word = load();;) {
    const Parts parts = unpack(word);
    if (parts.state == State::kClosed) return {parts.generation, true, false};
    if (parts.state == State::kOpen) return {};
    Trials trials = trials_of(parts.low);
    if (trials.under_way + trials.succeeded >= trials_max(policy)) return {};
    ++trials.under_way;
    if (change(word, {parts.state, parts.reopened, parts.generation, low_of(trials)}))
      return {parts.generation, true, true};
  }
}

void Breaker::give_back(Pass& pass) {
  if (!std::exchange(pass.held, false) || !pass.trial) return;
  for (Word word = load();;) {
    const Parts parts = unpack(word);
    if (parts.state != State::kHalfOpen || parts.generation != pass.generation) return;
    Trials trials = trials_of(parts.low);
    --trials.under_way;
    if (change(word, {parts.state, parts.reopened, parts.generation, low_of(trials)})) return;
  }
}

Breaker::Edge Breaker::note(const config::BreakerPolicy& policy, Pass& pass, Ending ending,
                            TimePoint now, Random& random) {
  if (!pass.held) return std::nullopt;
  if (ending == Ending::kNeutral) {
    give_back(pass);
    return std::nullopt;
  }
  pass.held = false;
  Word word = load();
  const Parts parts = unpack(word);
  if (parts.generation != pass.generation) return std::nullopt;
  const bool failed =
      ending == Ending::kFailure || (ending == Ending::kSlow && policy.slow_ratio > 0);
  if (pass.trial) return note_trial(policy, word, pass.generation, !failed, now, random);
  count(policy, pass.generation, ending, now);
  if (!failed || !trips(policy, now)) return std::nullopt;
  if (!open(word, policy, 0, now, random)) return std::nullopt;
  return BreakerEdge::kClosedToOpen;
}

Breaker::Edge Breaker::note_trial(const config::BreakerPolicy& policy, Word word,
                                  std::uint32_t generation, bool succeeded, TimePoint now,
                                  Random& random) {
  for (;;) {
    const Parts parts = unpack(word);
    if (parts.generation != generation || parts.state != State::kHalfOpen) return std::nullopt;
    if (!succeeded) {
      if (open(word, policy, parts.reopened + 1, now, random)) return BreakerEdge::kHalfOpenToOpen;
      continue;
    }
    Trials trials = trials_of(parts.low);
    --trials.under_way;
    ++trials.succeeded;
    const bool well = trials.succeeded >= trials_max(policy);
    const Parts next = well ? Parts{State::kClosed, 0, parts.generation + 1, 0}
                            : Parts{parts.state, parts.reopened, parts.generation, low_of(trials)};
    if (!change(word, next)) continue;
    if (!well) return std::nullopt;
    in_a_row_.store(0, std::memory_order_relaxed);
    return BreakerEdge::kHalfOpenToClosed;
  }
}

// ---- the window ----

std::uint64_t Breaker::tenth_of(const config::BreakerPolicy& policy, TimePoint now) {
  const Duration tenth = std::max(policy.window / static_cast<int>(kBuckets), Duration(1));
  return static_cast<std::uint64_t>(now.time_since_epoch() / tenth) & kLowMask;
}

void Breaker::count(const config::BreakerPolicy& policy, std::uint32_t generation, Ending ending,
                    TimePoint now) {
  const std::uint64_t tenth = tenth_of(policy, now);
  // Bit 63 tells a bucket in use from one that never was.
  const std::uint64_t tag = 1ULL << 63U | std::uint64_t{generation} << 40U | tenth;
  Bucket& bucket = buckets_[tenth % kBuckets];
  std::uint64_t old = bucket.tag.load(std::memory_order_relaxed);
  if (old != tag && bucket.tag.compare_exchange_strong(old, tag, std::memory_order_relaxed)) {
    bucket.attempts.store(0, std::memory_order_relaxed);
    bucket.failures.store(0, std::memory_order_relaxed);
    bucket.slow.store(0, std::memory_order_relaxed);
  }
  bucket.attempts.fetch_add(1, std::memory_order_relaxed);
  if (ending == Ending::kFailure) {
    bucket.failures.fetch_add(1, std::memory_order_relaxed);
    in_a_row_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (ending == Ending::kSlow) bucket.slow.fetch_add(1, std::memory_order_relaxed);
  if (in_a_row_.load(std::memory_order_relaxed) != 0) in_a_row_.store(0, std::memory_order_relaxed);
}

Breaker::Counts Breaker::counts(const config::BreakerPolicy& policy, TimePoint now) const {
  Counts counts;
  counts.in_a_row = in_a_row_.load(std::memory_order_relaxed);
  const std::uint64_t tenth = tenth_of(policy, now);
  const std::uint64_t ours = 1ULL << 23U | unpack(load()).generation;
  for (const Bucket& bucket : buckets_) {
    const std::uint64_t tag = bucket.tag.load(std::memory_order_relaxed);
    if (tag >> 40U != ours || ((tenth - tag) & kLowMask) >= kBuckets) continue;
    counts.attempts += bucket.attempts.load(std::memory_order_relaxed);
    counts.failures += bucket.failures.load(std::memory_order_relaxed);
    counts.slow += bucket.slow.load(std::memory_order_relaxed);
  }
  return counts;
}

bool Breaker::trips(const config::BreakerPolicy& policy, TimePoint now) const {
  const Counts now_held = counts(policy, now);
  if (policy.consecutive_failures != 0 && now_held.in_a_row >= policy.consecutive_failures)
    return true;
  if (now_held.attempts < std::max(policy.requests_min, 1U)) return false;
  const auto reached = [&](std::uint32_t part, double ratio) {
    return ratio > 0 && static_cast<double>(part) >= ratio * static_cast<double>(now_held.attempts);
  };
  return reached(now_held.failures, policy.failure_ratio) ||
         reached(now_held.slow, policy.slow_ratio);
}

}  // namespace weft::upstream
