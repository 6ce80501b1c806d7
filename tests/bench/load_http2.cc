#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "tests/bench/load.h"

namespace weft::bench {
namespace {

unsigned number_of(std::string_view text) {
  unsigned value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

class Http2Connection;

// A stream at a time.
class StreamSlot final : public LoadSlot {
 public:
  explicit StreamSlot(Http2Connection& connection) : connection_(connection) {}
  void start(Clock::time_point intended) override;

  void begin() {
    status_ = grpc_status_ = 0;
    has_grpc_status_ = false;
    body_bytes_ = 0;
    message_.clear();
  }

 private:
  friend class Http2Connection;
  Http2Connection& connection_;
  unsigned status_ = 0;
  unsigned grpc_status_ = 0;
  bool has_grpc_status_ = false;
  std::uint64_t body_bytes_ = 0;
  std::string message_;  // Of a stream of messages: what has come of the next one.
};

class Http2Connection final : public LoadConnection, public Http2Wire::Events {
 public:
  explicit Http2Connection(Load& load) : load_(load) {
    slots_.reserve(load_.options().streams);
    for (unsigned i = 0; i < load_.options().streams; ++i) slots_.emplace_back(*this);
  }

  void open() override {
    state_ = State::kConnecting;
    is_shaken_ = is_leaving_ = wants_writable_ = false;
    sent_ = 0;
    wire_ = std::make_unique<Http2Wire>(Http2Wire::Side::kClient, *this,
                                        std::vector<Fields>{load_.options().fields}, 100U);
    channel_ = Channel{connect_to(load_.options().target), load_.options().tls};
    if (!channel_.valid()) return fail(&Load::Errors::connect);
    load_.poller().watch(channel_.socket(), EPOLLIN | EPOLLOUT, *this);
  }

  [[nodiscard]] bool ready() const override { return state_ == State::kOpen; }

  [[nodiscard]] std::vector<LoadSlot*> slots() override {
    std::vector<LoadSlot*> found;
    for (StreamSlot& slot : slots_) found.push_back(&slot);
    return found;
  }

  void start(StreamSlot& slot) {
    slot.begin();
    if (state_ == State::kOpen && !is_leaving_) return send_request(slot);
    waiting_.push_back(&slot);
    if (state_ == State::kClosed) open();
  }

  void flush() override {
    will_flush_ = false;
    if (state_ == State::kClosed || state_ == State::kConnecting) return;
    std::string& output = wire_->output();
    while (sent_ < output.size()) {
      const ssize_t sent = channel_.write(std::string_view{output}.substr(sent_));
      if (sent == Channel::kBroken) return fail(&Load::Errors::cut);
      if (sent <= 0) return want_writable(true);
      sent_ += static_cast<std::size_t>(sent);
    }
    output.clear();
    sent_ = 0;
    want_writable(false);
  }

  void on_ready(std::uint32_t events) override {
    if (state_ == State::kConnecting) return on_connected();
    if (!channel_.valid()) return;
    if ((events & EPOLLOUT) != 0) flush();
    if (channel_.valid()) receive();
  }

 private:
  enum class State { kClosed, kConnecting, kGreeting, kOpen };

  void on_connected() {
    const Load::Opening opening = load_.step_opening(channel_, *this, is_shaken_);
    if (opening == Load::Opening::kWaits) return;
    if (opening == Load::Opening::kFailed) return fail(&Load::Errors::connect);
    state_ = State::kGreeting;
    flush_soon();
  }

  void send_request(StreamSlot& slot) {
    const Http2Wire::StreamId id = wire_->open();
    active_.emplace(id, &slot);
    const std::string_view body = load_.options().body;
    wire_->send_block(id, 0, body.empty());
    if (!body.empty()) wire_->send_data(id, body, true);
    flush_soon();
  }

  void flush_soon() {
    if (!std::exchange(will_flush_, true)) load_.flush_later(*this);
  }

  void want_writable(bool wanted) {
    if (std::exchange(wants_writable_, wanted) == wanted) return;
    load_.poller().change(channel_.socket(), wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
  }

  void receive() {
    auto& block = Load::read_block();
    do {
      const ssize_t size = channel_.read(block.data(), block.size());
      if (size == Channel::kAgain) break;
      if (size <= 0) {
        return fail(active_.empty() && waiting_.empty() ? &Load::Errors::idle_closed
                                                        : &Load::Errors::cut);
      }
      if (!wire_->feed({block.data(), static_cast<std::size_t>(size)})) {
        return fail(&Load::Errors::malformed);
      }
    } while (channel_.has_pending());
    if (is_leaving_ && active_.empty()) return reopen();
    // Answers to their settings and pings; requests that answers started.
    if (!wire_->output().empty()) flush_soon();
  }

  // They said GOAWAY and all they owed us has come.
  void reopen() {
    close();
    if (!waiting_.empty()) open();
  }

  void close() {
    channel_.close();
    state_ = State::kClosed;
    active_.clear();
  }

  void fail(std::uint64_t Load::Errors::* kind) {
    std::vector<StreamSlot*> lost = std::exchange(waiting_, {});
    for (const auto& [id, slot] : active_) lost.push_back(slot);
    close();
    if (lost.empty()) load_.on_error(kind);
    for (StreamSlot* slot : lost) {
      slot->has_request_ = false;
      load_.on_error(kind);
    }
    for (StreamSlot* slot : lost) load_.on_idle(*slot);
  }

  StreamSlot* slot_of(Http2Wire::StreamId id) {
    const auto it = active_.find(id);
    return it == active_.end() ? nullptr : it->second;
  }

  void on_peer_settings() override {
    if (state_ != State::kGreeting) return;
    state_ = State::kOpen;
    if (wire_->peer_streams_max() < slots_.size()) {
      errno = 0;
      die("meshload: the peer allows fewer streams on a connection than --streams");
    }
    std::vector<StreamSlot*> waiting = std::exchange(waiting_, {});
    for (StreamSlot* slot : waiting) send_request(*slot);
    if (!std::exchange(was_open_, true)) {
      for (StreamSlot& slot : slots_) {
        if (!slot.has_request_) load_.on_idle(slot);
      }
    }
  }

  void on_field(Http2Wire::StreamId id, std::string_view name, std::string_view value) override {
    StreamSlot* const slot = slot_of(id);
    if (slot == nullptr) return;
    if (name == ":status") slot->status_ = number_of(value);
    if (name != "grpc-status") return;
    slot->has_grpc_status_ = true;
    slot->grpc_status_ = number_of(value);
  }

  void on_fields_end(Http2Wire::StreamId id, bool is_last) override {
    StreamSlot* const slot = slot_of(id);
    if (slot != nullptr && is_last) finish(id, *slot);
  }

  void on_data(Http2Wire::StreamId id, std::string_view bytes, bool is_last) override {
    StreamSlot* const slot = slot_of(id);
    if (slot == nullptr) return;
    slot->body_bytes_ += bytes.size();
    if (load_.options().is_stream) take_messages(*slot, bytes);
    if (is_last) finish(id, *slot);
  }

  // A message is five bytes of frame and then, first of all, when it was due.
  void take_messages(StreamSlot& slot, std::string_view bytes) {
    slot.message_ += bytes;
    constexpr std::size_t kHead = 5;
    while (slot.message_.size() >= kHead) {
      std::size_t size = 0;
      for (std::size_t i = 1; i < kHead; ++i) {
        size = size << 8U | static_cast<unsigned char>(slot.message_[i]);
      }
      if (slot.message_.size() < kHead + size) return;
      std::int64_t due = 0;
      if (size >= sizeof(due)) std::memcpy(&due, slot.message_.data() + kHead, sizeof(due));
      load_.on_answer(Clock::time_point{std::chrono::nanoseconds{due}}, slot.status_, size);
      slot.message_.erase(0, kHead + size);
    }
  }

  void finish(Http2Wire::StreamId id, StreamSlot& slot) {
    active_.erase(id);
    slot.has_request_ = false;
    const bool grpc = load_.options().expects_grpc;
    if (load_.options().is_stream) {
      load_.on_error(&Load::Errors::cut);
    } else if (grpc && !slot.has_grpc_status_) {
      load_.on_error(&Load::Errors::malformed);
    } else {
      // A status of gRPC other than OK counts beside the statuses of HTTP, from 500 up.
      load_.on_answer(
          slot.intended_,
          slot.grpc_status_ == 0 ? slot.status_ : 500 + std::min(slot.grpc_status_, 99U),
          slot.body_bytes_);
    }
    load_.on_idle(slot);
  }

  void on_reset(Http2Wire::StreamId id) override {
    StreamSlot* const slot = slot_of(id);
    if (slot == nullptr) return;
    active_.erase(id);
    slot->has_request_ = false;
    load_.on_error(&Load::Errors::cut);
    load_.on_idle(*slot);
  }

  // The slots keep still in the meantime, and what they start waits.
  void on_goaway() override { is_leaving_ = true; }

  Load& load_;
  Channel channel_;
  std::unique_ptr<Http2Wire> wire_;
  std::vector<StreamSlot> slots_;
  std::vector<StreamSlot*> waiting_;  // Started before the connection was ready.
  std::unordered_map<Http2Wire::StreamId, StreamSlot*> active_;
  State state_ = State::kClosed;
  std::size_t sent_ = 0;
  bool was_open_ =
      false;  // Its slots were given to the load once; from then on each reports for itself.
  bool is_shaken_ = false;
  bool is_leaving_ = false;
  bool wants_writable_ = false;
  bool will_flush_ = false;
};

void StreamSlot::start(Clock::time_point intended) {
  intended_ = intended;
  has_request_ = true;
  connection_.start(*this);
}

}  // namespace

std::unique_ptr<LoadConnection> make_http2_connection(Load& load) {
  return std::make_unique<Http2Connection>(load);
}

}  // namespace weft::bench
