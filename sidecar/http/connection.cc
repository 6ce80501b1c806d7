#include "sidecar/http/connection.h"

#include <algorithm>

#include "sidecar/core/buffer_budget.h"

namespace weft::http {

namespace {
// How often one flush goes back for more while the transport takes everything at once; then other
// connections have a turn.
constexpr int kProduceRoundsMax = 4;
constexpr std::size_t kRoomMin = 16 * 1024;
// How often a lingering connection looks whether its last bytes have left: the transport does not
// say.
constexpr Duration kLingerLook = std::chrono::milliseconds(24);
// The longest that last bytes may stand still, whatever the stall limit is.
constexpr Duration kLastBytes = std::chrono::seconds(30);

Duration last_bytes_limit(const ConnectionTimeouts& timeouts) {
  return timeouts.stream_idle > Duration::zero() ? std::min(timeouts.stream_idle, kLastBytes)
                                                 : kLastBytes;
}

Error closed(std::string detail) { return Error{Fault::kClosed, Side::kLocal, std::move(detail)}; }
}  // namespace

Connection::Connection(Turn& turn, std::unique_ptr<Transport> transport, Protocol protocol,
                       const ConnectionOptions& options)
    : turn_(turn),
      options_(options),
      transport_(std::move(transport)),
      idle_timer_(turn.timers(), *this),
      drain_timer_(turn.timers(), *this),
      close_timer_(turn.timers(), *this),
      ping_timer_(turn.timers(), *this),
      protocol_(protocol) {}

Connection::~Connection() {
  if (transport_ != nullptr) transport_->set_sink(nullptr);
}

void Connection::listen(Buffer&& first) {
  transport_->set_sink(this);
  held_ = std::move(first);
  if (codec_->wants_output()) turn_.enlist(*this);
  feed_held();
  settle();
}

// ---- input ----

void Connection::on_bytes(Buffer& bytes) {
  if (done_ || state_ != State::kOpen) {
    bytes.clear();
    return;
  }
  heard_ = true;
  if (held_.empty()) {
    feed(bytes);
  } else {
    held_.append(std::move(bytes));
    feed_held();
  }
  settle();
}

void Connection::feed(Buffer& bytes) {
  const Status fed = codec_->feed(bytes);
  if (fed || done_) return;
  bytes.clear();
  leave(fed.error());
}

void Connection::feed_held() {
  if (held_.empty() || input_paused_ || state_ != State::kOpen) return;
  feed(held_);
  if (done_ || !held_.empty() || !input_ended_) return;
  feed_end();
}

void Connection::feed_end() {
  if (state_ != State::kOpen) return;
  const Status fed = codec_->feed_end();
  if (!fed && !done_) leave(fed.error());
}

void Connection::on_end() {
  if (done_) return;
  input_ended_ = true;
  if (held_.empty()) feed_end();
  settle();
}

void Connection::on_fault(const Error& error) {
  if (done_) return;
  // A peer that answers our goodbye with a reset has heard it all the same.
  finish(state_ == State::kLingering ? reason_ : error);
}

void Connection::pause_input() {
  if (done_ || input_paused_) return;
  input_paused_ = true;
  transport_->pause();
}

void Connection::resume_input() {
  if (done_ || !input_paused_) return;
  input_paused_ = false;
  transport_->resume();
  if (!held_.empty()) turn_.enlist(*this);
}

// ---- output ----

void Connection::wake() {
  if (!done_) turn_.enlist(*this);
}

void Connection::on_writable() { wake(); }

void Connection::flush() {
  if (done_) return;
  feed_held();
  if (!done_ && state_ != State::kLingering) pump();
  if (!done_ && state_ == State::kOpen) half_close();
  settle();
}

void Connection::pump() {
  for (int round = 0; round < kProduceRoundsMax; ++round) {
    // Strictly above the mark when we stop, so that on_writable is sure to come.
    const std::size_t waiting = transport_->buffered();
    if (!codec_->wants_output()) return;
    const std::size_t mark = buffer_share(Transport::kHighMark);
    if (waiting > mark) {
      // The mark may have sunk since the transport looked: an empty write makes it look again.
      if (mark < Transport::kHighMark && !shut_) transport_->write(Buffer());
      return;
    }
    Buffer out;
    codec_->produce(out, std::max(mark - waiting, std::min(kRoomMin, mark)));
    if (done_ || out.empty()) return;
    written_ += out.size();
    transport_->write(std::move(out));
    transport_->flush();
  }
  if (codec_->wants_output() && transport_->buffered() <= Transport::kHighMark) turn_.enlist(*this);
}

// A tunnel whose one direction has ended; the other goes on.
void Connection::half_close() {
  if (shut_ || !codec_->half_closed()) return;
  shut_ = true;
  transport_->shutdown_write();
  transport_->flush();
}

// ---- the end ----

void Connection::leave(const Error& reason) {
  if (state_ != State::kOpen) return;
  state_ = State::kLeaving;
  reason_ = reason;
  idle_timer_.cancel();
  close_timer_.arm(last_bytes_limit(options_.timeouts));
  turn_.enlist(*this);
}

void Connection::settle() {
  if (done_) return;
  if (state_ == State::kOpen) {
    on_progress();
    if (done_) return;
    if (codec_->finished()) {
      if (codec_->aborted()) {
        finish(Error{Fault::kReset, Side::kLocal, "a message was cut short"});
        return;
      }
      const Error* failure = codec_->failure();
      leave(failure != nullptr ? *failure
                               : closed(input_ended_ ? "closed by the peer"
                                        : draining_  ? "drained"
                                                     : "finished"));
    }
  }
  if (state_ == State::kLeaving && !codec_->wants_output()) close_gently();
  if (state_ == State::kLingering && input_ended_ && transport_->buffered() == 0) {
    finish(reason_);
    return;
  }
  tend_timers();
}

void Connection::close_gently() {
  state_ = State::kLingering;
  drain_timer_.cancel();
  // Reading goes on, into nothing: closing a socket with unread input resets it and may destroy the
  // answer on its way.
  held_.clear();
  if (input_paused_) transport_->resume();
  input_paused_ = false;
  if (!shut_) transport_->shutdown_write();
  transport_->flush();
  mark_ = now();
  left_at_mark_ = written_ - transport_->buffered();
  close_timer_.arm(transport_->buffered() == 0 ? kLinger : kLingerLook);
}

// The last bytes may take as long as they move; after them the peer has kLinger to close its side.
void Connection::on_close_timer() {
  if (state_ == State::kOpen) {
    watch_stalls();
    return;
  }
  const std::size_t waiting = transport_->buffered();
  const std::uint64_t left = written_ - waiting;
  if (state_ == State::kLeaving || (waiting == 0 && (input_ended_ || left_at_mark_ == written_))) {
    finish(reason_);
    return;
  }
  if (waiting == 0) {
    left_at_mark_ = written_;
    close_timer_.arm(kLinger);
    return;
  }
  if (left >= left_at_mark_ + kStallBytes) {
    left_at_mark_ = left;
    mark_ = now();
  }
  if (now() - mark_ >= last_bytes_limit(options_.timeouts)) {
    transport_->abort();
    // What made us leave says more, unless it was nobody's fault.
    finish(reason_.fault != Fault::kClosed
               ? reason_
               : Error{Fault::kIdle, Side::kLocal, "the peer does not take the last bytes"});
    return;
  }
  close_timer_.arm(kLingerLook);
}

void Connection::finish(const Error& reason) {
  if (done_) return;
  silence();
  codec_->fail(reason);
  // A sink that heard of it may have made our owner abandon us.
  if (!abandoned_) report_done(reason);
}

void Connection::silence() {
  done_ = true;
  idle_timer_.cancel();
  drain_timer_.cancel();
  close_timer_.cancel();
  ping_timer_.cancel();
  unlink();
  transport_->set_sink(nullptr);
}

void Connection::abandon() {
  abandoned_ = true;
  if (!done_) silence();
}

bool Connection::moves_nothing() const {
  return open_for_streams() && held_.empty() && !input_ended_ && !input_paused_ && !shut_ &&
         transport_->buffered() == 0;
}

std::unique_ptr<Transport> Connection::release() {
  WEFT_ASSERT(moves_nothing());
  silence();
  abandoned_ = true;
  return std::move(transport_);
}

void Connection::drain() {
  if (draining_ || done_ || state_ != State::kOpen) return;
  draining_ = true;
  codec_->drain();
  const Duration limit = options_.timeouts.drain;
  drain_timer_.arm(limit > Duration::zero() ? std::min(kDrainNotice, limit) : kDrainNotice);
  turn_.enlist(*this);
}

// ---- timers ----

void Connection::on_timer(Timer& timer) {
  if (done_) return;
  if (&timer == &idle_timer_) {
    on_idle_timer();
  } else if (&timer == &drain_timer_) {
    on_drain_timer();
  } else if (&timer == &close_timer_) {
    on_close_timer();
  } else if (&timer == &ping_timer_) {
    on_ping_timer();
  } else {
    on_own_timer(timer);
  }
}

void Connection::arm_idle() {
  const Duration idle = options_.timeouts.idle;
  const bool ends = idle > Duration::zero();
  if (quiet_due_ && (!ends || idle > kQuiet)) {
    idle_timer_.arm(kQuiet);
  } else if (ends) {
    idle_timer_.arm(tells_quiet_ && !quiet_due_ ? idle - kQuiet : idle);
  }
}

void Connection::on_idle_timer() {
  const Duration idle = options_.timeouts.idle;
  const bool due = idle > Duration::zero() && (!quiet_due_ || idle <= kQuiet);
  if (codec_->streams() == 0 && due) {
    drain();
    codec_->drain_now();
  } else if (codec_->streams() == 0) {
    quiet_due_ = false;
    on_quiet();
    if (done_) return;
    arm_idle();
  }
  settle();
}

void Connection::on_drain_timer() {
  const Duration limit = options_.timeouts.drain;
  const bool due = limit > Duration::zero() && (drained_ || limit <= kDrainNotice);
  if (due) {
    transport_->abort();
    finish(Error{Fault::kDraining, Side::kLocal, "still busy after the drain time"});
    return;
  }
  drained_ = true;
  codec_->drain_now();
  if (limit > Duration::zero()) drain_timer_.arm(limit - kDrainNotice);
  turn_.enlist(*this);
  settle();
}

// Any byte is a sign of life; only a peer that was silent for a whole interval is asked for one.
void Connection::on_ping_timer() {
  if (state_ != State::kOpen) return;
  if (pinged_ && !heard_) {
    transport_->abort();
    finish(Error{Fault::kTimeout, Side::kLocal, "the peer does not answer a PING"});
    return;
  }
  pinged_ = !heard_;
  heard_ = false;
  if (pinged_) codec_->ping();
  ping_timer_.arm(pinged_ ? options_.timeouts.ping_answer : options_.timeouts.ping);
}

void Connection::tend_timers() {
  if (state_ != State::kOpen) return;
  if (options_.timeouts.ping > Duration::zero() && protocol_ == Protocol::kHttp2 &&
      !ping_timer_.armed()) {
    ping_timer_.arm(options_.timeouts.ping);
  }
  const bool busy = codec_->streams() > 0;
  if (busy) {
    idle_timer_.cancel();
  } else if (!idle_timer_.armed() && !draining_) {
    arm_idle();
  }
  const Duration patience = options_.timeouts.stream_idle;
  if (patience <= Duration::zero() || close_timer_.armed() ||
      (!busy && transport_->buffered() == 0))
    return;
  mark_ = now();
  left_at_mark_ = written_ - transport_->buffered();
  close_timer_.arm(patience / 2);
}

// Looks twice per stream_idle, so a stall is found between one and one and a half times that.
void Connection::watch_stalls() {
  const Duration patience = options_.timeouts.stream_idle;
  const std::size_t waiting = transport_->buffered();
  const std::uint64_t left = written_ - waiting;
  if (waiting == 0 || left >= left_at_mark_ + kStallBytes) {
    left_at_mark_ = left;
    mark_ = now();
  }
  if (now() - mark_ >= patience) {
    transport_->abort();
    finish(Error{Fault::kIdle, Side::kLocal, "the peer takes no more bytes"});
    return;
  }
  codec_->expire(now() - patience);
  if (done_) return;
  if (codec_->streams() > 0 || waiting > 0) close_timer_.arm(patience / 2);
  settle();
}

// ---- ServerConnection ----

ServerConnection::ServerConnection(Turn& turn, std::unique_ptr<Transport> transport,
                                   Protocol protocol, const ConnectionOptions& options,
                                   Owner& owner)
    : Connection(turn, std::move(transport), protocol, options),
      owner_(owner),
      head_timer_(turn.timers(), *this) {
  std::unique_ptr<ServerCodec> codec = protocol == Protocol::kHttp1
                                           ? make_http1_server(*this, *this, options.codec)
                                           : make_http2_server(*this, *this, options.codec);
  server_codec_ = codec.get();
  attach(std::move(codec));
  tell_quiet();
}

ServerConnection::~ServerConnection() = default;

void ServerConnection::start(Buffer&& first) { listen(std::move(first)); }

void ServerConnection::on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head,
                                  bool end) {
  ++requests_;
  note_request();
  if (!done()) owner_.on_request(*this, std::move(stream), std::move(head), end);
}

void ServerConnection::on_malformed(const Error& error, std::uint16_t status) {
  if (!done()) owner_.on_malformed(*this, error, status);
}

// The deadline counts from a head's first byte; another head that has begun since has its own.
void ServerConnection::on_progress() {
  if (options_.timeouts.head <= Duration::zero()) return;
  if (!server_codec_->reading_head()) {
    head_timer_.cancel();
  } else if (!head_timer_.armed() || requests_ != requests_before_head_) {
    requests_before_head_ = requests_;
    head_timer_.arm(options_.timeouts.head);
  }
}

void ServerConnection::on_quiet() {
  if (moves_nothing() && server_codec_->at_rest()) owner_.on_connection_quiet(*this);
}

void ServerConnection::on_own_timer(Timer&) {
  if (!server_codec_->reading_head()) return;
  const Error late{Fault::kTimeout, Side::kDownstream, "the request head did not arrive in time"};
  owner_.on_malformed(*this, late, 408);
  if (done()) return;
  server_codec_->answer_timeout();
  leave(late);
  settle();
}

void ServerConnection::report_done(const Error& reason) {
  head_timer_.cancel();
  owner_.on_connection_done(*this, reason);
}

// ---- ClientConnection ----

ClientConnection::ClientConnection(Turn& turn, std::unique_ptr<Transport> transport,
                                   Protocol protocol, const ConnectionOptions& options,
                                   Owner& owner)
    : Connection(turn, std::move(transport), protocol, options), owner_(owner) {
  std::unique_ptr<ClientCodec> codec = protocol == Protocol::kHttp1
                                           ? make_http1_client(*this, options.codec)
                                           : make_http2_client(*this, options.codec);
  client_codec_ = codec.get();
  available_seen_ = codec->available();
  attach(std::move(codec));
  listen(Buffer());
}

ClientConnection::~ClientConnection() = default;

std::size_t ClientConnection::available() const {
  return open_for_streams() ? client_codec_->available() : 0;
}

std::unique_ptr<ClientStream> ClientConnection::open(const RequestHead& head, bool end,
                                                     ResponseSink& sink) {
  WEFT_ASSERT(available() > 0);
  ++opened_;
  note_request();
  std::unique_ptr<ClientStream> stream = client_codec_->open(head, end, sink);
  available_seen_ = client_codec_->available();
  streams_seen_ = client_codec_->streams();
  wake();
  return stream;
}

void ClientConnection::on_progress() {
  const std::size_t available_now = available();
  const std::size_t streams_now = client_codec_->streams();
  if (available_now == available_seen_ && streams_now == streams_seen_) return;
  available_seen_ = available_now;
  streams_seen_ = streams_now;
  owner_.on_capacity(*this);
}

void ClientConnection::report_done(const Error& reason) {
  owner_.on_connection_done(*this, reason);
}

}  // namespace weft::http
