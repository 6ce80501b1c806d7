#pragma once
// ExporterQueue: spans on their way to a collector: bounded, batched, retried. Decides; sends
// nothing and has no clock.
//
// One batch is under way at a time. A batch is due when it is full or its oldest span has waited
// `linger`. A batch that cannot be delivered is tried again after a growing, jittered pause, up to
// attempts_max times, and then dropped; while the queue is full new spans are dropped. Everything
// dropped is counted. Thread: the main loop. Driven by sidecar/exporter:
//
//   if (auto bytes = queue.next(now)) send(*bytes);      … on_accepted / on_retry / on_refused when
//   the answer is there; arm a timer for queue.due().

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "sidecar/core/backoff.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/random.h"
#include "telemetry/otlp.h"
#include "telemetry/span.h"

namespace weft::telemetry {

class ExporterQueue final {
 public:
  struct Options {
    std::size_t spans_max = 2048;  // waiting; the batch under way not counted
    // Encoding one holds up the main loop, and who shares its core, for 0.3 ms.
    std::size_t batch_spans_max = 128;
    std::size_t batch_bytes_max = 512 * 1024;
    Duration linger = std::chrono::seconds(1);
    std::uint32_t attempts_max = 5;
    Duration backoff_base = std::chrono::seconds(1);
    Duration backoff_max = std::chrono::seconds(30);
  };
  struct Totals {
    std::uint64_t exported = 0;
    std::uint64_t dropped_full = 0;      // no room in the queue
    std::uint64_t dropped_refused = 0;   // the collector will never take them
    std::uint64_t dropped_attempts = 0;  // tried too often
    std::uint64_t retries = 0;
    [[nodiscard]] std::uint64_t dropped() const {
      return dropped_full + dropped_refused + dropped_attempts;
    }
  };

  ExporterQueue(OtlpEncoder encoder, const Options& options, Random random);

  void add(const Span& span, TimePoint now);

  // The bytes to send now, valid until the answer is told; nothing when nothing is due or a batch
  // is under way.
  [[nodiscard]] std::optional<std::string_view> next(TimePoint now);
  // When to call next() again; nothing when there is nothing to wait for but an answer or a span.
  [[nodiscard]] std::optional<TimePoint> due() const;

  // The answer to the batch under way. `after` is what the collector asked for (Retry-After,
  // RetryInfo).
  void on_accepted(std::uint64_t spans_rejected);
  void on_retry(TimePoint now, std::optional<Duration> after);
  void on_refused();

  // Shutting down: no more lingering, no more pauses, and no retry after the next failure.
  void flush();

  [[nodiscard]] bool empty() const { return waiting_.empty() && batch_.empty(); }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  struct Waiting {
    TimePoint since;
    std::size_t bytes;
  };

  [[nodiscard]] std::size_t batch_size() const;
  [[nodiscard]] bool is_full_batch() const;
  void end_batch();

  OtlpEncoder encoder_;
  Options options_;
  Random random_;
  Backoff backoff_;
  std::deque<Span> waiting_;
  std::deque<Waiting> facts_;  // of waiting_, in step with it
  std::size_t waiting_bytes_ = 0;
  std::string batch_;  // under way or waiting for its next attempt; empty: none
  std::size_t batch_spans_ = 0;
  std::uint32_t attempts_ = 0;
  bool sent_ = false;  // the batch is under way
  TimePoint batch_since_{};
  TimePoint retry_at_{};  // nothing is sent before; moved by failures
  bool flushing_ = false;
  Totals totals_;
};

}  // namespace weft::telemetry
