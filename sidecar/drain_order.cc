#include "sidecar/drain_order.h"

#include "sidecar/core/assert.h"

namespace weft::sidecar {

std::string_view name_of(DrainOrder::Phase phase) {
  using enum DrainOrder::Phase;
  switch (phase) {
    case kServing:
      return "serving";
    case kHolding:
      return "holding";
    case kInbound:
      return "inbound";
    case kOutbound:
      return "outbound";
    case kClosing:
      return "closing";
    case kOver:
      return "over";
  }
  return {};
}

DrainOrder::Act DrainOrder::begin(TimePoint now) {
  WEFT_ASSERT(phase_ == Phase::kServing);
  begun_ = now;
  phase_ = Phase::kHolding;
  return options_.delay <= Duration::zero() ? end_hold() : Act::kNone;
}

DrainOrder::Act DrainOrder::end_hold() {
  phase_ = options_.outbound_last ? Phase::kInbound : Phase::kClosing;
  return options_.outbound_last ? Act::kCloseInbound : Act::kCloseAll;
}

bool DrainOrder::looks() const {
  return phase_ == Phase::kHolding || phase_ == Phase::kInbound || phase_ == Phase::kOutbound;
}

DrainOrder::Act DrainOrder::look(TimePoint now, const Facts& facts) {
  WEFT_ASSERT(phase_ != Phase::kServing);
  if (phase_ == Phase::kOver) return Act::kNone;
  if (now >= deadline()) {
    phase_ = Phase::kOver;
    return Act::kCut;
  }
  switch (phase_) {
    case Phase::kHolding:
      return now - begun_ >= options_.delay ? end_hold() : Act::kNone;
    case Phase::kInbound:
      if (facts.inbound > 0) return Act::kNone;
      phase_ = Phase::kOutbound;
      accepted_seen_ = facts.outbound_accepted;
      busy_at_ = parted_at_ = now;
      return Act::kPartOutbound;
    case Phase::kOutbound:
      return look_outbound(now, facts);
    case Phase::kServing:
    case Phase::kClosing:
    case Phase::kOver:
      return Act::kNone;
  }
  return Act::kNone;
}

DrainOrder::Act DrainOrder::look_outbound(TimePoint now, const Facts& facts) {
  // A call may come and go between two looks.
  if (facts.outbound > 0 || facts.outbound_accepted != accepted_seen_) busy_at_ = now;
  accepted_seen_ = facts.outbound_accepted;
  if (now - busy_at_ >= kQuiet) {
    phase_ = Phase::kClosing;
    return Act::kCloseAll;
  }
  // Those that came since, and say nothing any more. One that has just come is given the time to
  // say what it came for.
  if (facts.outbound == 0 || now - parted_at_ < kQuiet) return Act::kNone;
  parted_at_ = now;
  return Act::kPartOutbound;
}

}  // namespace weft::sidecar
