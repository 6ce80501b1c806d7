#include "tests/support/memory_transport.h"

#include <algorithm>
#include <array>

#include "sidecar/core/assert.h"
#include "sidecar/core/buffer_budget.h"

namespace weft::testing {

// What both ends share. It outlives the pipe while an end is alive.
struct MemoryPipe::Wire {
  struct Direction {  // towards one end
    Buffer under_way;
    std::string transcript;
    bool ended = false;  // FIN behind the bytes
    bool end_delivered = false;
    std::optional<Error> fault;
  };
  Options options;
  Turn& turn;
  std::array<Half*, 2> ends{};  // null when destroyed
  std::array<Direction, 2> towards;
  std::array<bool, 2> aborted{};

  Wire(Turn& t, const Options& o) : options(o), turn(t) {}
};

class MemoryPipe::Half final : public Transport {
 public:
  Half(std::shared_ptr<Wire> wire, std::size_t me)
      : wire_(std::move(wire)),
        me_(me),
        local_(IpAddress::v4(0x7f000001), static_cast<std::uint16_t>(1 + me)),
        peer_(IpAddress::v4(0x7f000001), static_cast<std::uint16_t>(2 - me)),
        info_(me == 1 ? wire_->options.right_tls : TlsInfo{}) {}
  ~Half() override {
    wire_->ends[me_] = nullptr;
    // As with a socket: what was handed to the kernel arrives, then the end.
    outgoing().ended = true;
  }

  void set_sink(Sink* sink) override { sink_ = sink; }
  void write(Buffer&& bytes) override {
    if (broken_ || shut_down_) return bytes.clear();
    queued_.append(std::move(bytes));
    bytes.clear();
    if (queued_.size() > buffer_share(kHighMark)) above_high_mark_ = true;
  }
  void flush() override {
    if (broken_) return;
    Wire::Direction& out = outgoing();
    const std::size_t limit = wire_->options.wire;
    const std::size_t room = limit > out.under_way.size() ? limit - out.under_way.size() : 0;
    Buffer taken = queued_.split(std::min(room, queued_.size()));
    out.transcript += taken.to_string();
    out.under_way.append(std::move(taken));
    if (shut_down_ && queued_.empty()) out.ended = true;
  }
  void shutdown_write() override {
    shut_down_ = true;
    if (queued_.empty()) outgoing().ended = true;
  }
  void abort() override {
    broken_ = true;
    queued_.clear();
    wire_->aborted[me_] = true;
    if (!outgoing().fault)
      outgoing().fault = Error{Fault::kReset, Side::kLocal, "reset by the other end"};
  }
  void pause() override { paused_ = true; }
  void resume() override {
    if (paused_) offer_again_ = !received_.empty();
    paused_ = false;
  }
  [[nodiscard]] std::size_t buffered() const override { return queued_.size(); }
  [[nodiscard]] const SocketAddress& peer_address() const override { return peer_; }
  [[nodiscard]] const SocketAddress& local_address() const override { return local_; }
  [[nodiscard]] const TlsInfo& tls() const override { return info_; }

  [[nodiscard]] bool paused() const { return paused_; }

  // One event; false when there is none. This Half may be gone afterwards.
  bool deliver() {
    Wire::Direction& in = wire_->towards[me_];
    if (sink_ == nullptr || broken_) return false;
    if (in.fault) {
      broken_ = true;
      queued_.clear();
      sink_->on_fault(*in.fault);
      return true;
    }
    flush();  // room that appeared on the wire
    if (above_high_mark_ && queued_.size() < buffer_share(kHighMark) / (kHighMark / kLowMark)) {
      above_high_mark_ = false;
      sink_->on_writable();
      return true;
    }
    if (paused_) return false;
    if (offer_again_ || !in.under_way.empty()) {
      offer_again_ = false;
      const std::size_t size = std::min(in.under_way.size(), wire_->options.piece);
      const std::string piece = in.under_way.split(size).to_string();
      received_.append(Buffer(piece));
      sink_->on_bytes(received_);
      return true;
    }
    if (in.ended && !in.end_delivered) {
      in.end_delivered = true;
      sink_->on_end();
      return true;
    }
    return false;
  }

 private:
  Wire::Direction& outgoing() { return wire_->towards[1 - me_]; }

  std::shared_ptr<Wire> wire_;
  std::size_t me_;
  SocketAddress local_;
  SocketAddress peer_;
  TlsInfo info_;
  Sink* sink_ = nullptr;
  Buffer queued_;
  Buffer received_;
  bool paused_ = false;
  bool offer_again_ = false;
  bool shut_down_ = false;
  bool broken_ = false;
  bool above_high_mark_ = false;
};

MemoryPipe::MemoryPipe(Turn& turn, const Options& options)
    : wire_(std::make_shared<Wire>(turn, options)) {}
MemoryPipe::~MemoryPipe() = default;

std::unique_ptr<Transport> MemoryPipe::take_left() {
  auto half = std::make_unique<Half>(wire_, 0);
  wire_->ends[0] = half.get();
  return half;
}

std::unique_ptr<Transport> MemoryPipe::take_right() {
  auto half = std::make_unique<Half>(wire_, 1);
  wire_->ends[1] = half.get();
  return half;
}

bool MemoryPipe::step() {
  const std::shared_ptr<Wire> wire = wire_;  // an event may destroy the pipe's owner
  bool moved = false;
  for (std::size_t i = 0; i < 2; ++i) {
    if (wire->ends[i] != nullptr) moved = wire->ends[i]->deliver() || moved;
  }
  // Flushing at the end of the turn counts as movement when it put something on the wire.
  const auto bytes = [&] {
    return wire->towards[0].transcript.size() + wire->towards[1].transcript.size();
  };
  const auto ends = [&] { return int{wire->towards[0].ended} + int{wire->towards[1].ended}; };
  const std::size_t bytes_before = bytes();
  const int ends_before = ends();
  const bool settled = wire->turn.end();
  return moved || !settled || bytes() != bytes_before || ends() != ends_before;
}

void MemoryPipe::run(std::size_t steps_max) {
  // A turn's end may resume an end of the pipe without putting anything on it, so one quiet step is
  // not yet rest.
  int quiet = 0;
  for (std::size_t i = 0; i < steps_max; ++i) {
    quiet = step() ? 0 : quiet + 1;
    if (quiet == 2) return;
  }
  WEFT_ASSERT(!"the pipe never came to rest");
}

void MemoryPipe::break_end(End end, Error error) {
  wire_->towards[static_cast<std::size_t>(end)].fault = std::move(error);
}
void MemoryPipe::end_input(End end) { wire_->towards[static_cast<std::size_t>(end)].ended = true; }
const std::string& MemoryPipe::sent_to(End end) const {
  return wire_->towards[static_cast<std::size_t>(end)].transcript;
}
bool MemoryPipe::is_alive(End end) const {
  return wire_->ends[static_cast<std::size_t>(end)] != nullptr;
}
bool MemoryPipe::is_aborted(End end) const { return wire_->aborted[static_cast<std::size_t>(end)]; }
bool MemoryPipe::is_paused(End end) const {
  const Half* half = wire_->ends[static_cast<std::size_t>(end)];
  return half != nullptr && half->paused();
}
void MemoryPipe::set_piece(std::size_t piece) { wire_->options.piece = piece; }
void MemoryPipe::set_wire(std::size_t bytes) { wire_->options.wire = bytes; }

void Ear::on_bytes(Buffer& bytes) {
  ++events;
  text += bytes.to_string();
  bytes.clear();
}
void Ear::on_writable() {
  ++events;
  ++writable;
}
void Ear::on_end() {
  ++events;
  WEFT_ASSERT(!ended && !fault);
  ended = true;
}
void Ear::on_fault(const Error& error) {
  ++events;
  WEFT_ASSERT(!fault);
  fault = error;
}

}  // namespace weft::testing
