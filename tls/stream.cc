#include "tls/stream.h"

#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/buffer_budget.h"
#include "tls/library.h"

namespace weft::tls {

// g++ sees the address of a local kept in an object; it does not see that the destructor below
// takes it back.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdangling-pointer"
#endif

// Tells a function that raises events whether the Stream survived the last one.
class Stream::Watch {
 public:
  explicit Watch(Stream& stream) : stream_(stream) {
    WEFT_ASSERT(stream.destroyed_ ==
                nullptr);  // calls down never raise, so there is no second one inside
    stream.destroyed_ = &destroyed_;
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() {
    if (!destroyed_) stream_.destroyed_ = nullptr;
  }
  [[nodiscard]] bool destroyed() const { return destroyed_; }

 private:
  Stream& stream_;
  bool destroyed_ = false;
};

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

std::unique_ptr<Stream> Stream::accept(Turn& turn, std::unique_ptr<Transport> lower,
                                       std::shared_ptr<const ServerContext> context, Owner& owner,
                                       const Options& options, Buffer initial) {
  std::unique_ptr<Stream> stream(
      new Stream(turn, std::move(lower), std::move(context), owner, options));
  stream->cipher_in_ = std::move(initial);
  if (!stream->cipher_in_.empty()) turn.enlist(stream->later_);
  return stream;
}

std::unique_ptr<Stream> Stream::connect(Turn& turn, std::unique_ptr<Transport> lower,
                                        std::shared_ptr<const ClientContext> context, Owner& owner,
                                        const Options& options) {
  std::unique_ptr<Stream> stream(
      new Stream(turn, std::move(lower), std::move(context), owner, options));
  turn.enlist(stream->later_);
  return stream;
}

Stream::Stream(Turn& turn, std::unique_ptr<Transport> lower, std::shared_ptr<const Context> context,
               Owner& owner, const Options& options)
    : turn_(turn),
      lower_(std::move(lower)),
      context_(std::move(context)),
      owner_(owner),
      engine_(*context_,
              options.server_name.empty() ? context_->server_name() : options.server_name,
              options.offers_alpn),
      timer_(turn.timers(), *this) {
  lower_->set_sink(this);
  if (options.handshake_timeout > Duration::zero()) timer_.arm(options.handshake_timeout);
}

Stream::~Stream() {
  if (destroyed_ != nullptr) *destroyed_ = true;
}

HandshakeCounters& Stream::counters() const {
  return context_->is_server() ? context_->library().accepted() : context_->library().connected();
}

// ---- bytes coming up ----

void Stream::on_bytes(Buffer& bytes) {
  if (state_ == State::kBroken) return bytes.clear();
  if (cipher_in_.empty()) return pump(bytes);
  cipher_in_.append(std::move(bytes));
  pump(cipher_in_);
}

// Takes `input` as far as it goes. The last thing a caller does with itself.
void Stream::pump(Buffer& input) {
  Watch watch(*this);
  if (state_ == State::kHandshaking) {
    shake_hands(input, watch);
    if (watch.destroyed()) return;
  }
  bool more = true;
  while (more && state_ == State::kOpen) {
    more = hears() && decrypt(input);
    offer(watch);
    if (watch.destroyed()) return;
  }
  if (state_ == State::kBroken) return input.clear();
  if (peer_closed_) {
    input.clear();
  } else {
    keep(input);
  }
  send_output();
  raise_what_is_left(watch);
}

void Stream::shake_hands(Buffer& input, Watch& watch) {
  switch (engine_.handshake(input)) {
    case Engine::Outcome::kNeedInput:
      if (lower_ended_) {
        return fail_handshake(HandshakeResult::kClosed,
                              Error{Fault::kTlsHandshake, side(), "closed during the handshake"});
      }
      send_output();
      lower_->flush();
      return;
    case Engine::Outcome::kDone:
      break;
    case Engine::Outcome::kClosed:
    case Engine::Outcome::kFailed:
      return fail_handshake(engine_.failure().result, engine_.failure().error);
  }
  state_ = State::kOpen;
  info_ = engine_.info();
  counters().add(HandshakeResult::kOk);
  timer_.cancel();
  // A client's last flight waits until the others have flushed in this turn, so that the first
  // request is in the same packet.
  first_flight_ = true;
  turn_.enlist(later_);
  owner_.on_tls_ready(*this);
  if (watch.destroyed()) return;
}

// Fills plain_in_ up to a piece. False when nothing more can be had from `input`.
bool Stream::decrypt(Buffer& input) {
  if (peer_closed_ || fault_) return false;
  if (plain_in_.size() > kUnreadMax) {
    fault_ = Error{Fault::kLimit, Side::kLocal, "more than 256 KiB were neither taken nor paused"};
    return false;
  }
  Library& library = context_->library();
  std::size_t fresh = 0;
  while (fresh < kPiece) {
    const std::span<std::uint8_t> room = library.read_room();
    std::size_t size = 0;
    const Engine::Outcome outcome = engine_.read(input, room, size);
    if (outcome == Engine::Outcome::kDone) {
      library.take_read(plain_in_, size);
      fresh_ = true;
      fresh += size;
      continue;
    }
    if (outcome == Engine::Outcome::kClosed) peer_closed_ = true;
    if (outcome == Engine::Outcome::kFailed) fault_ = engine_.failure().error;
    if (outcome == Engine::Outcome::kNeedInput && lower_ended_) {
      fault_ = Error{Fault::kClosed, side(), "the connection ended without TLS close_notify"};
    }
    return false;
  }
  return true;
}

void Stream::offer(Watch& watch) {
  if (!fresh_ || !hears() || plain_in_.empty()) return;
  fresh_ = false;
  sink_->on_bytes(plain_in_);
  if (watch.destroyed() || plain_in_.empty()) return;
  // What is left may lie for long. A few bytes must not keep a block alive that all streams of the
  // worker share.
  if (plain_in_.size() < Buffer::kShareMin) {
    Buffer copy;
    plain_in_.for_each_slice([&](Bytes slice) { copy.append(slice); });
    plain_in_ = std::move(copy);
  }
}

// The end or the fault, after all bytes have been heard.
void Stream::raise_what_is_left(Watch& watch) {
  if (state_ != State::kOpen || !hears() || fresh_) return;
  if (fault_) {
    state_ = State::kBroken;
    lower_->flush();  // an alert that says why
    fall_silent();
    const Error error = std::move(*fault_);
    fault_.reset();
    sink_->on_fault(error);
    return;
  }
  if (peer_closed_ && !end_raised_) {
    end_raised_ = true;
    sink_->on_end();
    if (watch.destroyed()) return;
  }
  if (writable_due_ && state_ == State::kOpen && sink_ != nullptr) {
    writable_due_ = false;
    sink_->on_writable();
  }
}

// Ciphertext that cannot be used now outlives the lower Transport's block only by copy, unless
// there is much of it.
void Stream::keep(Buffer& input) {
  if (!hears() && state_ == State::kOpen && !lower_paused_) {
    lower_paused_ = true;
    lower_->pause();
  }
  if (&input == &cipher_in_ || input.empty()) return;
  if (input.size() < Buffer::kShareMin) {
    input.for_each_slice([&](Bytes slice) { cipher_in_.append(slice); });
    input.clear();
  } else {
    cipher_in_.append(std::move(input));
  }
}

void Stream::on_end() {
  if (state_ == State::kBroken) return;
  lower_ended_ = true;
  pump(cipher_in_);
}

void Stream::on_fault(const Error& error) {
  if (state_ == State::kBroken) return;
  if (state_ == State::kHandshaking) {
    return fail_handshake(
        HandshakeResult::kClosed,
        Error{Fault::kTlsHandshake, side(), "lost during the handshake: " + error.detail});
  }
  // The peer has said all it had to say; that its socket then broke matters only to what we still
  // write.
  fault_ = error;
  if (sink_ == nullptr) return;
  state_ = State::kBroken;
  fall_silent();
  const Error told = std::move(*fault_);
  fault_.reset();
  sink_->on_fault(told);
}

void Stream::set_sink(Sink* sink) {
  sink_ = sink;
  if (sink_ == nullptr || state_ != State::kOpen) return;
  fresh_ = !plain_in_.empty();
  turn_.enlist(later_);
}

void Stream::pause() {
  if (paused_ || state_ != State::kOpen) return;
  paused_ = true;
  if (lower_paused_) return;
  lower_paused_ = true;
  lower_->pause();
}

void Stream::resume() {
  if (!paused_ || state_ != State::kOpen) return;
  paused_ = false;
  fresh_ = !plain_in_.empty();
  turn_.enlist(later_);
}

void Stream::on_turn_end() {
  if (state_ == State::kBroken) return;
  if (first_flight_) {
    first_flight_ = false;
    turn_.enlist(later_);
    return;
  }
  if (state_ == State::kOpen) flush();
  if (state_ == State::kOpen && hears() && lower_paused_) {
    lower_paused_ = false;
    lower_->resume();
  }
  pump(cipher_in_);
}

// ---- bytes going down ----

void Stream::write(Buffer&& bytes) {
  if (state_ == State::kBroken || fault_ || shut_down_) return bytes.clear();
  const bool asks_again = bytes.empty();
  plain_out_.append(std::move(bytes));
  const std::size_t mark = buffer_share(kHighMark);
  if (buffered() > mark) above_high_mark_ = true;
  if (asks_again) look_at_lower_mark();
}

// The mark sinks while memory is short, so the lower Transport may be above it and not know: an
// empty write makes it look again.
void Stream::look_at_lower_mark() {
  lower_above_high_mark_ = lower_->buffered() > buffer_share(kHighMark);
  if (lower_above_high_mark_ && !close_sent_) lower_->write(Buffer());
}

void Stream::flush() {
  if (state_ != State::kOpen) return;
  encrypt();
  send_output();
  lower_->flush();
  // A record is larger than what it says: encrypting alone may carry us above the mark.
  const std::size_t mark = buffer_share(kHighMark);
  if (buffered() > mark) above_high_mark_ = true;
  // Where the lower Transport was never above its own mark it will not call, so the writer is told
  // without waiting.
  if (above_high_mark_ && (buffered() < mark / (kHighMark / kLowMark) || !lower_above_high_mark_)) {
    above_high_mark_ = false;
    writable_due_ = true;
    turn_.enlist(later_);
  }
}

// One record for all that is pending, up to its limit; no more than the lower Transport wants, so
// that what waits is plaintext in blocks shared with others, not copies of it.
void Stream::encrypt() {
  if (fault_) return;
  while (!plain_out_.empty() && lower_->buffered() + engine_.output().size() <= kHighMark) {
    const std::size_t size = std::min(plain_out_.size(), Library::kRecordMax);
    Bytes record = plain_out_.front();
    if (record.size() < size) {
      const std::span<std::uint8_t> scratch = context_->library().scratch();
      plain_out_.copy_to(scratch.first(size));
      record = scratch.first(size);
    }
    if (engine_.write(record.first(size)) != Engine::Outcome::kDone)
      return break_with(engine_.failure().error);
    plain_out_.drain(size);
  }
  if (shut_down_ && !close_sent_ && plain_out_.empty()) {
    close_sent_ = true;
    engine_.close_notify();
    send_output();
    lower_->shutdown_write();
  }
}

void Stream::send_output() {
  if (engine_.output().empty()) return;
  lower_->write(std::move(engine_.output()));
  engine_.output().clear();
  if (lower_->buffered() > buffer_share(kHighMark)) lower_above_high_mark_ = true;
  // Answers that nobody asked to flush (KeyUpdate, alerts) leave with this turn.
  turn_.enlist(later_);
}

void Stream::shutdown_write() {
  if (state_ == State::kBroken || shut_down_) return;
  shut_down_ = true;
  turn_.enlist(later_);
}

void Stream::on_writable() {
  if (state_ != State::kOpen) return;
  // What it tells may be past: more may have been written between its noticing and its call. It
  // will call again.
  look_at_lower_mark();
  flush();
  if (!writable_due_ || sink_ == nullptr) return;
  writable_due_ = false;
  sink_->on_writable();
}

std::size_t Stream::buffered() const {
  return plain_out_.size() + engine_.output().size() + lower_->buffered();
}

// ---- the end of it ----

void Stream::abort() {
  state_ = State::kBroken;
  fall_silent();
  lower_->abort();
}

void Stream::fail_handshake(HandshakeResult result, const Error& error) {
  state_ = State::kBroken;
  counters().add(result);
  // The alert, if there is one to send: the peer should learn why.
  if (!engine_.output().empty()) {
    lower_->write(std::move(engine_.output()));
    lower_->flush();
    lower_->shutdown_write();
  }
  fall_silent();
  owner_.on_tls_failed(*this, error, result);
}

// A fault found inside a call down; told at the end of the turn.
void Stream::break_with(Error error) {
  plain_out_.clear();
  fault_ = std::move(error);
  turn_.enlist(later_);
}

void Stream::fall_silent() {
  timer_.cancel();
  later_.unlink();
  lower_->set_sink(nullptr);
  cipher_in_.clear();
  plain_out_.clear();
}

// ---- time ----

void Stream::on_timer(Timer&) {
  fail_handshake(HandshakeResult::kTimeout,
                 Error{Fault::kTlsTimeout, side(), "TLS handshake took too long"});
}

}  // namespace weft::tls
