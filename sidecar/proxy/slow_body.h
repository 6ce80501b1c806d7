#pragma once
// SlowBody: an answer's body on its way out at so many bytes a second. Pure: the time is the
// caller's.
//
// What waits here is unread for the upstream, so its window bounds it. Owner: the Exchange that
// injects the fault.

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "sidecar/core/buffer.h"
#include "sidecar/core/clock.h"
#include "sidecar/http/headers.h"

namespace weft::proxy {

class SlowBody final {
 public:
  // How often pieces leave.
  static constexpr Duration kTick = std::chrono::milliseconds(50);

  SlowBody(std::uint64_t bytes_per_second, TimePoint now) : rate_(bytes_per_second), since_(now) {}

  void add(Buffer&& bytes, bool end) {
    held_.append(std::move(bytes));
    ended_ = ended_ || end;
  }
  void add(http::Headers&& trailers) {
    trailers_ = std::move(trailers);
    ended_ = true;
  }

  // What may leave now; empty when it is too early or there is nothing.
  [[nodiscard]] Buffer next(TimePoint now) {
    const Duration passed = std::max(now - since_, Duration::zero());
    // An idle second earns no more than that second: a pause of the origin is no credit.
    const double seconds = std::min(std::chrono::duration<double>(passed).count(), 1.0);
    credit_ = std::min(credit_ + seconds * static_cast<double>(rate_), static_cast<double>(rate_));
    since_ = now;
    const auto may = static_cast<std::size_t>(std::max(credit_, 0.0));
    const std::size_t count = std::min(held_.size(), may);
    credit_ -= static_cast<double>(count);
    return held_.split(count);
  }
  // Everything at once: the fault is over.
  [[nodiscard]] Buffer rest() { return std::exchange(held_, Buffer()); }
  [[nodiscard]] bool ended() const { return ended_; }
  // Nothing is left and nothing comes.
  [[nodiscard]] bool done() const { return ended_ && held_.empty(); }
  [[nodiscard]] std::size_t held() const { return held_.size(); }
  [[nodiscard]] std::optional<http::Headers>& trailers() { return trailers_; }

 private:
  const std::uint64_t rate_;
  TimePoint since_;
  double credit_ = 0;
  Buffer held_;
  std::optional<http::Headers> trailers_;
  bool ended_ = false;
};

}  // namespace weft::proxy
