#include "sidecar/proxy/raw_stream.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/buffer_budget.h"

namespace weft::proxy {

namespace {

// How often it looks, behind its end, whether the last bytes have left; the transport does not say
// when.
constexpr Duration kLook = std::chrono::milliseconds(20);

}  // namespace

RawStream::RawStream(Turn& turn, std::unique_ptr<Transport> transport, http::ResponseSink& sink)
    : turn_(turn), transport_(std::move(transport)), sink_(&sink), look_(turn.timers(), *this) {
  transport_->set_sink(this);
}

RawStream::~RawStream() {
  transport_->set_sink(nullptr);
  if (!shut_ || !peer_ended_ || buffered() != 0) transport_->abort();
}

std::size_t RawStream::buffered() const { return queue_.size() + transport_->buffered(); }

// ---- to the upstream ----

void RawStream::send_body(Buffer&& bytes, bool end) {
  WEFT_ASSERT(!end_queued_);
  queue_.append(std::move(bytes));
  end_queued_ = end;
  turn_.enlist(*this);
}

// A tunnel has none; HTTP/2 refuses them on CONNECT.
void RawStream::send_trailers(const http::Headers&) { send_body(Buffer(), true); }

void RawStream::flush() {
  if (sink_ == nullptr) return;
  std::size_t given = 0;
  if (!queue_.empty() && transport_->buffered() <= buffer_share(Transport::kHighMark)) {
    given = queue_.size();
    transport_->write(std::exchange(queue_, Buffer()));
  } else if (!queue_.empty()) {
    transport_->write(Buffer());  // looks at its mark again, which may have sunk
  }
  if (end_queued_ && queue_.empty() && !std::exchange(shut_, true)) transport_->shutdown_write();
  transport_->flush();
  bool all_left = false;
  if (shut_ && buffered() != 0) {
    look_.arm(kLook);
  } else if (shut_) {
    all_left = !std::exchange(end_told_, true);
  }
  if (given != 0 || all_left) sink_->on_sent(given);
}

void RawStream::on_timer(Timer&) { flush(); }

// ---- from the upstream ----

void RawStream::on_bytes(Buffer& bytes) {
  unconsumed_ += bytes.size();
  if (unconsumed_ >= buffer_share(Transport::kHighMark) && !std::exchange(paused_, true))
    transport_->pause();
  sink_->on_body(std::move(bytes), false);
}

void RawStream::consume(std::size_t body_bytes) {
  WEFT_ASSERT(body_bytes <= unconsumed_);
  unconsumed_ -= body_bytes;
  if (paused_ &&
      unconsumed_ <= std::min(Transport::kLowMark, buffer_share(Transport::kHighMark) / 2)) {
    paused_ = false;
    transport_->resume();
  }
}

void RawStream::on_end() {
  peer_ended_ = true;
  sink_->on_body(Buffer(), true);
}

void RawStream::on_fault(const Error& error) {
  Error broken = error;
  broken.side = Side::kUpstream;
  std::exchange(sink_, nullptr)->on_stream_fault(broken);
}

void RawStream::reset(http::ResetReason) {
  sink_ = nullptr;
  look_.cancel();
  transport_->set_sink(nullptr);
  transport_->abort();
}

}  // namespace weft::proxy
