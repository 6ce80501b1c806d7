#include "sidecar/dns_connection.h"

#include <array>
#include <utility>

#include "sidecar/core/assert.h"

namespace weft::sidecar {

DnsConnection::DnsConnection(Turn& turn, std::unique_ptr<Transport> transport, Owner& owner,
                             Options options)
    : turn_(turn),
      transport_(std::move(transport)),
      owner_(owner),
      options_(options),
      idle_(turn.timers(), *this) {
  idle_.arm(options_.idle);
  transport_->set_sink(this);
}

DnsConnection::~DnsConnection() { transport_->set_sink(nullptr); }

void DnsConnection::on_bytes(Buffer& bytes) {
  constexpr std::size_t kLengthSize = 2;
  while (!over_ && pending_ < kPendingMax && bytes.size() >= kLengthSize) {
    const Bytes length = bytes.pull_up(kLengthSize);
    const std::size_t size = static_cast<std::size_t>(length[0]) << 8 | length[1];
    if (size < kMessageMin || size > kMessageMax) return end();
    if (bytes.size() < kLengthSize + size) break;
    ++pending_;
    idle_.arm(options_.idle);
    // Answers come by reply(), also from inside; the end of all comes with the end of the turn.
    owner_.on_dns_message(*this, bytes.pull_up(kLengthSize + size).subspan(kLengthSize));
    bytes.drain(kLengthSize + size);
  }
  if (over_) bytes.clear();
  if (pending_ >= kPendingMax && !paused_) {
    paused_ = true;
    transport_->pause();
  }
}

void DnsConnection::reply(Bytes message) {
  if (over_) return;
  WEFT_ASSERT(pending_ > 0);
  --pending_;
  const std::array<std::uint8_t, 2> length{static_cast<std::uint8_t>(message.size() >> 8),
                                           static_cast<std::uint8_t>(message.size() & 0xffU)};
  Buffer out;
  out.append(Bytes(length));
  out.append(message);
  transport_->write(std::move(out));
  turn_.enlist(*this);
  idle_.arm(options_.idle);
  if (transport_->buffered() > Transport::kHighMark) return end();
  if (peer_ended_ && pending_ == 0) return end();
  if (paused_ && pending_ <= kPendingMax / 2) {
    paused_ = false;
    transport_->resume();
  }
}

void DnsConnection::on_end() {
  peer_ended_ = true;
  if (pending_ == 0) end();
}

void DnsConnection::on_timer(Timer&) {
  if (pending_ == 0) return end();
  idle_.arm(options_.idle);  // what is under way has a time of its own
}

void DnsConnection::end() {
  over_ = true;
  turn_.enlist(*this);
}

void DnsConnection::flush() {
  transport_->flush();
  if (!over_) return;
  idle_.cancel();
  transport_->set_sink(nullptr);
  owner_.on_dns_connection_done(*this);
}

}  // namespace weft::sidecar
