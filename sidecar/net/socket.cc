#include "sidecar/net/socket.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/buffer_budget.h"

namespace weft::net {

namespace {

SocketAddress address_of(int fd, int (*ask)(int, sockaddr*, socklen_t*)) {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  if (fd < 0 || ask(fd, reinterpret_cast<sockaddr*>(&native), &length) != 0) return {};
  return SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length);
}

constexpr int kSendFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

struct Attempt {
  ssize_t sent;
  std::size_t offered;
};

Attempt send_many(int fd, const Buffer& bytes) {
  iovec vectors[Socket::kVectorsMax];
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = static_cast<std::size_t>(bytes.gather(vectors, Socket::kVectorsMax));
  std::size_t offered = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) offered += vectors[i].iov_len;
  return {::sendmsg(fd, &message, kSendFlags), offered};
}

// One piece is the usual case, and send() spares the kernel the copying and checking of a vector.
Attempt send_some(int fd, const Buffer& bytes) {
  const Bytes first = bytes.front();
  if (first.size() < bytes.size()) return send_many(fd, bytes);
  return {::send(fd, first.data(), first.size(), kSendFlags), first.size()};
}

int pending_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : 0;
}

bool has_unread(int fd) {
  int bytes = 0;
  return ::ioctl(fd, FIONREAD, &bytes) == 0 && bytes > 0;
}

SocketCore& core_of(void* data) { return *static_cast<SocketCore*>(data); }

}  // namespace

std::unique_ptr<Socket> Socket::adopt(Loop& loop, OwnedFd fd, Identity identity) {
  return std::make_unique<Socket>(SocketCore::open(loop, std::move(fd)), std::move(identity));
}

Socket::Socket(CorePtr core, Identity identity)
    : core_(std::move(core)), loop_(core_->loop), identity_(std::move(identity)) {
  core_->socket = this;
  core_->write.data = core_.get();
}

Socket::~Socket() = default;

// ---- reading ----

void Socket::set_sink(Sink* sink) {
  sink_ = sink;
  if (sink == nullptr || !core_) return;
  held_unoffered_ = !core_->in.empty();
  start_reading();
  if (held_unoffered_ || end_ == End::kSeen || fault_ || writable_untold_) loop_.defer(*this);
}

void Socket::pause() { paused_ = true; }

void Socket::resume() {
  paused_ = false;
  if (!core_) return;
  if (!core_->in.empty()) {
    held_unoffered_ = true;
    loop_.defer(*this);
  }
  if (end_ == End::kSeen || fault_) loop_.defer(*this);
  start_reading();
}

bool Socket::wants_bytes() const {
  return sink_ != nullptr && !paused_ && core_->in.size() < kHeldMax;
}

void Socket::start_reading() {
  if (reading_ || sink_ == nullptr || paused_ || end_ != End::kNo) return;
  if (fault_ && !write_broken_) return;
  reading_ = uv_read_start(core_->stream(), give_room, read_done) == 0;
  PausedSocket::unlink();
}

void Socket::stop_reading() {
  if (!std::exchange(reading_, false)) return;
  uv_read_stop(core_->stream());
}

// No room ends libuv's reading loop with UV_ENOBUFS and no system call; the kernel tells again in
// the next turn.
void Socket::give_room(uv_handle_t* handle, std::size_t, uv_buf_t* room) {
  *room = uv_buf_init(nullptr, 0);
  SocketCore& core = core_of(handle->data);
  if (core.socket == nullptr) return;
  Socket& socket = *core.socket;
  if (socket.read_turn_ != core.loop.turn_number()) {
    socket.read_turn_ = core.loop.turn_number();
    socket.read_in_turn_ = 0;
  }
  const std::size_t most = buffer_share(kReadPerTurnMax);
  if (!socket.wants_bytes() || socket.read_in_turn_ >= most) return;
  const BlockRef& block = core.loop.read_block();
  room->base = reinterpret_cast<char*>(block->data() + block->used);
  room->len = std::min(block->capacity() - block->used, most - socket.read_in_turn_);
}

void Socket::read_done(uv_stream_t* stream, ssize_t count, const uv_buf_t*) {
  SocketCore& core = core_of(stream->data);
  if (core.socket == nullptr) return;
  Socket& socket = *core.socket;
  core.loop.begin_event();
  if (count > 0) {
    socket.take_in(static_cast<std::size_t>(count));
    socket.offer();
    return;
  }
  if (count == 0) return;
  if (count == UV_ENOBUFS) {
    // Pausing costs nothing until the peer sends more: only now is it worth the kernel's attention.
    if (socket.wants_bytes()) return;
    socket.stop_reading();
    core.loop.paused().add(socket);
    return;
  }
  socket.stop_reading();
  // libuv says "end" without reading again when a partial read comes with a hang-up, and a reset is
  // one: the kernel still has the error then.
  const int pending = count == UV_EOF ? pending_error(core.fd) : 0;
  if (pending != 0) {
    socket.break_with(-pending, "read");
  } else if (count == UV_EOF && !socket.write_broken_) {
    socket.end_ = End::kSeen;
    if (socket.identity_.side == Side::kDownstream) core.loop.paused().add(socket);
  } else {
    // After a broken write the kernel says "end" here; believing it would make a cut answer look
    // whole.
    socket.break_with(static_cast<int>(count), "read");
  }
  socket.raise_next();
}

void Socket::take_in(std::size_t count) {
  SocketCore& core = *core_;
  read_in_turn_ += count;
  loop_.stats().reads.add();
  loop_.stats().read_bytes.add(count);
  BlockRef block = loop_.read_block();
  const std::size_t begin = block->used;
  const bool tight = buffers_are_tight();
  if (tight != window_clamped_) clamp_window(tight);
  // While memory is short, a quarter of a block may not keep all of it from the others.
  if ((!core.in.empty() && count < Buffer::kShareMin) ||
      (tight && count <= block->capacity() / 4)) {
    core.in.append(Bytes{block->data() + begin, count});
    return;
  }
  block->used += count;
  core.in.append(std::move(block), begin, count);
  borrows_block_ = true;
}

// What the kernel holds for a reader that it thinks is quick grows to megabytes, and is charged to
// our memory group as well. What it has promised the peer already it does not take back.
void Socket::clamp_window(bool on) {
  window_clamped_ = on;
  const int bytes = on ? kTightWindow : kWideWindow;
  ::setsockopt(core_->fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &bytes, sizeof bytes);
}

void Socket::offer() {
  SocketCore* core = core_.get();
  held_unoffered_ = false;
  sink_->on_bytes(core->in);
  if (core->socket == nullptr)
    return;  // destroyed or aborted meanwhile; `core` lives until its close callback
  disown_read_block();
}

// A few bytes that wait must not keep 64 KiB: fifteen thousand half-sent heads would be a gigabyte.
void Socket::disown_read_block() {
  Buffer& in = core_->in;
  if (in.empty()) borrows_block_ = false;
  if (!borrows_block_ || in.size() > Block::kMedium) return;
  Buffer own;
  (void)own.reserve(in.size());
  in.for_each_slice([&own](Bytes slice) { own.append(slice); });
  in = std::move(own);
  borrows_block_ = false;
}

// A caller that has gone is not answered, whatever it still had to say. What an upstream said
// before counts, and the reset comes behind it when somebody reads on.
void Socket::on_reset_seen() {
  if (identity_.side == Side::kUpstream &&
      (end_ != End::kNo || !core_->in.empty() || has_unread(core_->fd))) {
    return;
  }
  const int error = pending_error(core_->fd);
  break_with(error == 0 ? UV_ECONNRESET : -error, "read");
}

// ---- events that could not be raised where they happened ----

void Socket::on_deferred() { raise_next(); }

bool Socket::fault_is_due() const {
  if (!fault_) return false;
  if (paused_ || !reading_) return true;
  // Broken while writing: look at the socket once more, and again as long as that gives bytes.
  const bool looked = loop_.turn_number() > fault_turn_;
  const bool found = read_turn_ == loop_.turn_number() && read_in_turn_ > 0;
  return looked && !found;
}

// One event, the last statement of each branch; the next, if there is one, is raised in a later
// round.
void Socket::raise_next() {
  if (!core_ || sink_ == nullptr) return;
  if (held_unoffered_ && !paused_) {
    if (fault_ || end_ == End::kSeen || writable_untold_) loop_.defer(*this);
    return offer();
  }
  if (fault_) {
    if (!fault_is_due()) return loop_.defer(*this);
    const Error error = *std::exchange(fault_, std::nullopt);
    stop_reading();
    end_ = End::kTold;
    writable_untold_ = false;
    return std::exchange(sink_, nullptr)->on_fault(error);
  }
  if (end_ == End::kSeen && !paused_) {
    end_ = End::kTold;
    if (writable_untold_) loop_.defer(*this);
    return sink_->on_end();
  }
  if (std::exchange(writable_untold_, false)) return sink_->on_writable();
}

// A write may break without anybody having been called; the fault waits for its turn.
void Socket::break_with(int uv_error, const char* doing) {
  write_broken_ = true;
  PausedSocket::unlink();
  if (core_->in_flight == 0) core_->out.clear();
  if (fault_) return;
  fault_ =
      Error{Fault::kReset, identity_.side, fmt::format("{}: {}", doing, uv_strerror(uv_error))};
  fault_turn_ = loop_.turn_number();
  loop_.defer(*this);
}

// ---- writing ----

void Socket::write(Buffer&& bytes) {
  if (!core_ || write_broken_) {
    bytes.clear();
    return;
  }
  WEFT_ASSERT(!shutdown_wanted_);
  core_->out.append(std::move(bytes));
  if (buffered() >= buffer_share(kHighMark)) above_high_ = true;
}

void Socket::flush() {
  if (!core_ || write_broken_ || core_->in_flight != 0) return;
  send_queued();
  note_drained();
  if (writable_untold_) loop_.defer(*this);
}

void Socket::shutdown_write() {
  shutdown_wanted_ = true;
  if (core_ && !write_broken_ && core_->out.empty()) send_queued();
}

void Socket::note_drained() {
  if (!above_high_ || buffered() >= buffer_share(kHighMark) / (kHighMark / kLowMark)) return;
  above_high_ = false;
  writable_untold_ = true;
}

void Socket::send_queued() {
  SocketCore& core = *core_;
  while (!core.out.empty()) {
    const auto [sent, offered] = send_some(core.fd, core.out);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) return queue_rest();
      return break_with(-errno, "write");
    }
    loop_.stats().writes.add();
    loop_.stats().written_bytes.add(static_cast<std::size_t>(sent));
    core.out.drain(static_cast<std::size_t>(sent));
    if (static_cast<std::size_t>(sent) < offered) return queue_rest();
  }
  if (shutdown_wanted_ && !std::exchange(shutdown_done_, true)) ::shutdown(core.fd, SHUT_WR);
}

// The kernel is full. libuv waits for room with the pieces it has; `out` keeps their blocks alive
// and takes more behind them.
void Socket::queue_rest() {
  SocketCore& core = *core_;
  iovec vectors[kVectorsMax];
  uv_buf_t pieces[kVectorsMax];
  const int count = core.out.gather(vectors, kVectorsMax);
  std::size_t total = 0;
  for (int i = 0; i < count; ++i) {
    pieces[i] = uv_buf_init(static_cast<char*>(vectors[i].iov_base),
                            static_cast<unsigned>(vectors[i].iov_len));
    total += vectors[i].iov_len;
  }
  const int result =
      uv_write(&core.write, core.stream(), pieces, static_cast<unsigned>(count), write_done);
  if (result != 0) return break_with(result, "write");
  core.in_flight = total;
}

void Socket::write_done(uv_write_t* request, int status) {
  SocketCore& core = core_of(request->data);
  const std::size_t written = std::exchange(core.in_flight, 0);
  if (core.socket == nullptr) return;
  Socket& socket = *core.socket;
  core.loop.begin_event();
  if (status < 0 || socket.write_broken_) {
    socket.break_with(status, "write");
  } else {
    core.loop.stats().writes.add();
    core.loop.stats().written_bytes.add(written);
    core.out.drain(written);
    socket.send_queued();
    socket.note_drained();
  }
  socket.raise_next();
}

std::size_t Socket::buffered() const {
  if (!core_) return 0;
  if (core_->in_flight == 0) return core_->out.size();
  return core_->out.size() - core_->in_flight + uv_stream_get_write_queue_size(core_->stream());
}

// ---- the rest ----

void Socket::abort() {
  if (!core_) return;
  (void)local_address();
  (void)peer_address();
  const linger now{.l_onoff = 1, .l_linger = 0};  // close() sends RST and forgets what is queued
  ::setsockopt(core_->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  core_.reset();
  sink_ = nullptr;
  PausedSocket::unlink();
}

const SocketAddress& Socket::peer_address() const {
  if (identity_.peer.is_none()) identity_.peer = address_of(fd(), ::getpeername);
  return identity_.peer;
}

const SocketAddress& Socket::local_address() const {
  if (local_.is_none()) local_ = address_of(fd(), ::getsockname);
  return local_;
}

const TlsInfo& Socket::tls() const {
  static const TlsInfo kPlain;
  return kPlain;
}

}  // namespace weft::net
