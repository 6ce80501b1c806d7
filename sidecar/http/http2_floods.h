#pragma once
// Http2Floods: how much nuisance one HTTP/2 peer may cause. Counts two things: stream resets, and
// bytes that carry nothing.
//
// Queued PING and SETTINGS answers and CONTINUATIONs the session counts; resets that the peer makes
// us send, empty frames and frames of no use are counted here (threats.md 3.4). Pure arithmetic on
// the time it is told.

#include <algorithm>
#include <cstdint>

#include "sidecar/core/clock.h"
#include "sidecar/http/limits.h"

namespace weft::http {

class Http2Floods final {
 public:
  // Frame headers, PING, WINDOW_UPDATE, unknown frames, empty DATA: about 28,000 frames at once,
  // 1,800 a second for ever.
  static constexpr double kNoiseBurst = 256.0 * 1024;
  static constexpr double kNoisePerSecond = 16.0 * 1024;
  // A receiver answers each DATA frame with at most two WINDOW_UPDATEs of 13 bytes; some send
  // several.
  static constexpr double kNoisePerDataFrameSent = 130;
  // A stream that ends well pays back part of a reset, so that a busy link may cancel its share of
  // requests.
  static constexpr double kResetRefund = 0.1;

  Http2Floods(const Http2Limits& limits, TimePoint now)
      : resets_max_(limits.resets_burst),
        resets_per_second_(limits.resets_per_second),
        noise_allowed_max_(limits.connection_window),
        updated_(now) {}

  // Each returns false when the peer has gone too far.
  [[nodiscard]] bool count_resets(TimePoint now, double resets) {
    leak(now);
    resets_ += resets;
    return resets_ <= resets_max_;
  }
  [[nodiscard]] bool count_noise(TimePoint now, double bytes) {
    leak(now);
    noise_ += bytes;
    return noise_ <= kNoiseBurst;
  }
  void stream_ended_well() { resets_ = std::max(0.0, resets_ - kResetRefund); }
  void allow_noise(double bytes) { noise_ = std::max(-noise_allowed_max_, noise_ - bytes); }

 private:
  void leak(TimePoint now) {
    if (now <= updated_) return;
    const double seconds = std::chrono::duration<double>(now - updated_).count();
    updated_ = now;
    resets_ = std::max(0.0, resets_ - seconds * resets_per_second_);
    if (noise_ > 0) noise_ = std::max(0.0, noise_ - seconds * kNoisePerSecond);
  }

  double resets_max_;
  double resets_per_second_;
  double noise_allowed_max_;  // what may be under way towards streams that we have reset
  double resets_ = 0;
  double noise_ = 0;  // negative: allowed in advance
  TimePoint updated_;
};

}  // namespace weft::http
