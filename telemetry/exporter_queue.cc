#include "telemetry/exporter_queue.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/assert.h"

namespace weft::telemetry {

ExporterQueue::ExporterQueue(OtlpEncoder encoder, const Options& options, Random random)
    : encoder_(std::move(encoder)),
      options_(options),
      random_(random),
      backoff_(options.backoff_base, options.backoff_max) {}

void ExporterQueue::add(const Span& span, TimePoint now) {
  if (waiting_.size() >= options_.spans_max) {
    ++totals_.dropped_full;
    return;
  }
  const std::size_t bytes = span.encoded_bytes_max();
  waiting_.push_back(span);
  facts_.push_back({.since = now, .bytes = bytes});
  waiting_bytes_ += bytes;
}

bool ExporterQueue::is_full_batch() const {
  return waiting_.size() >= options_.batch_spans_max || waiting_bytes_ >= options_.batch_bytes_max;
}

// How many spans from the front make the next batch; a span alone always fits.
std::size_t ExporterQueue::batch_size() const {
  std::size_t bytes = 0;
  std::size_t count = 0;
  while (count < std::min(waiting_.size(), options_.batch_spans_max)) {
    bytes += facts_[count].bytes;
    if (count > 0 && bytes > options_.batch_bytes_max) break;
    ++count;
  }
  return count;
}

std::optional<TimePoint> ExporterQueue::due() const {
  if (sent_) return std::nullopt;
  if (!batch_.empty()) return flushing_ ? batch_since_ : retry_at_;
  if (waiting_.empty()) return std::nullopt;
  const TimePoint oldest = facts_.front().since;
  if (flushing_) return oldest;
  return std::max(is_full_batch() ? oldest : oldest + options_.linger, retry_at_);
}

std::optional<std::string_view> ExporterQueue::next(TimePoint now) {
  const std::optional<TimePoint> when = due();
  if (!when || now < *when) return std::nullopt;
  if (batch_.empty()) {
    batch_spans_ = batch_size();
    batch_since_ = facts_.front().since;
    batch_ = encoder_.encode(waiting_, batch_spans_);
    const auto count = static_cast<std::ptrdiff_t>(batch_spans_);
    for (std::size_t i = 0; i < batch_spans_; ++i) waiting_bytes_ -= facts_[i].bytes;
    waiting_.erase(waiting_.begin(), waiting_.begin() + count);
    facts_.erase(facts_.begin(), facts_.begin() + count);
    attempts_ = 0;
  } else {
    ++totals_.retries;
  }
  ++attempts_;
  sent_ = true;
  return batch_;
}

void ExporterQueue::end_batch() {
  // A large batch's memory is not kept for ever.
  batch_ = std::string();
  batch_spans_ = 0;
}

void ExporterQueue::on_accepted(std::uint64_t spans_rejected) {
  WEFT_ASSERT(sent_);
  sent_ = false;
  const std::uint64_t rejected = std::min<std::uint64_t>(spans_rejected, batch_spans_);
  totals_.exported += batch_spans_ - rejected;
  totals_.dropped_refused += rejected;
  backoff_.reset();
  retry_at_ = {};
  end_batch();
}

void ExporterQueue::on_retry(TimePoint now, std::optional<Duration> after) {
  WEFT_ASSERT(sent_);
  sent_ = false;
  // Also when this batch is given up: the next one waits as this one would have, longer and longer
  // until one is accepted.
  const Duration own = backoff_.next(random_);
  retry_at_ = now + (after ? std::max(own, std::min(*after, options_.backoff_max)) : own);
  if (attempts_ < options_.attempts_max && !flushing_) return;
  totals_.dropped_attempts += batch_spans_;
  end_batch();
}

void ExporterQueue::on_refused() {
  WEFT_ASSERT(sent_);
  sent_ = false;
  totals_.dropped_refused += batch_spans_;
  end_batch();
}

void ExporterQueue::flush() { flushing_ = true; }

}  // namespace weft::telemetry
