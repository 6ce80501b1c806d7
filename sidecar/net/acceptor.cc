#include "sidecar/net/acceptor.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <uv.h>

#include <cerrno>
#include <utility>

#include "sidecar/core/assert.h"
#include "sidecar/core/log.h"
#include "sidecar/net/descriptors.h"

namespace weft::net {

// Outlives its Acceptor until libuv's close callback; `acceptor` is null from then on. The
// descriptor is closed after the poll handle: libuv takes its number out of the poll set when it
// closes, and by then the number could be somebody else's.
struct Acceptor::Core final : TimerSink, Deferred {
  enum class Outcome : std::uint8_t { kNext, kNothing, kLater };

  Core(Loop& its_loop, OwnedFd its_fd, Acceptor& its_acceptor, Owner& its_owner,
       Options its_options)
      : loop(its_loop),
        fd(std::move(its_fd)),
        acceptor(&its_acceptor),
        owner(its_owner),
        options(its_options),
        address(local_address_of(fd.get())),
        retry(loop.timers(), *this) {
    refill_reserve();
  }
  ~Core() = default;

  void close_poll();
  void watch();
  void unwatch();
  void take_waiting(std::uint32_t count_max);
  Outcome take_one();
  Outcome judge(int error);
  Outcome run_short();
  [[nodiscard]] bool may_accept() const;
  void refill_reserve();
  void on_timer(Timer&) override;
  void on_deferred() override;

  Loop& loop;
  OwnedFd fd;
  Acceptor* acceptor;
  Owner& owner;
  Options options;
  SocketAddress address;
  Timer retry;
  Stats stats;
  std::vector<OwnedFd> reserve;
  uv_poll_t poll{};
  bool poll_closing = false;
  bool poll_closed = false;
  bool watching = false;
  bool paused = false;
  bool draining = false;
};

Acceptor::Acceptor(Loop& loop, OwnedFd listener, Owner& owner, Options options)
    : core_(new Core(loop, std::move(listener), *this, owner, options)) {
  WEFT_ASSERT(uv_poll_init(loop.uv(), &core_->poll, core_->fd.get()) == 0);
  core_->poll.data = core_.get();
  core_->watch();
}

Acceptor::~Acceptor() = default;

void Acceptor::CloseCore::operator()(Core* core) const {
  core->acceptor = nullptr;
  core->retry.cancel();
  core->reserve.clear();
  core->unlink();
  core->close_poll();
  if (core->poll_closed) delete core;
}

void Acceptor::Core::close_poll() {
  if (std::exchange(poll_closing, true)) return;
  uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
    Core* core = static_cast<Core*>(handle->data);
    core->poll_closed = true;
    if (core->acceptor == nullptr) delete core;
  });
  fd.reset();
}

void Acceptor::pause() {
  core_->paused = true;
  core_->unwatch();
}

void Acceptor::resume() {
  core_->paused = false;
  if (!core_->retry.armed()) core_->watch();
}

void Acceptor::drain() {
  if (core_->poll_closing) return;
  core_->draining = true;
  core_->unwatch();
  core_->loop.defer(*core_);
}

const SocketAddress& Acceptor::address() const { return core_->address; }
const Acceptor::Stats& Acceptor::stats() const { return core_->stats; }

void Acceptor::Core::watch() {
  if (watching || paused || draining || poll_closing) return;
  watching = true;
  const auto ready = [](uv_poll_t* handle, int, int) {
    Core* core = static_cast<Core*>(handle->data);
    core->loop.begin_event();
    core->take_waiting(core->options.per_turn_max);
  };
  WEFT_ASSERT(uv_poll_start(&poll, UV_READABLE, ready) == 0);
}

void Acceptor::Core::unwatch() {
  if (std::exchange(watching, false)) uv_poll_stop(&poll);
}

void Acceptor::Core::take_waiting(std::uint32_t count_max) {
  for (std::uint32_t i = 0; i < count_max; ++i) {
    const Outcome outcome = take_one();
    // The owner may have paused or destroyed us; this memory lives until its close callback.
    if (acceptor == nullptr || outcome == Outcome::kNothing) return;
    if (paused && !draining) return;
    if (outcome == Outcome::kLater) {
      unwatch();
      retry.arm(kRetry);
      return;
    }
  }
}

Acceptor::Core::Outcome Acceptor::Core::take_one() {
  sockaddr_storage native{};
  socklen_t length = sizeof native;
  OwnedFd taken(::accept4(fd.get(), reinterpret_cast<sockaddr*>(&native), &length,
                          SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!taken.valid()) return judge(errno);
  stats.accepted.add();
  Socket::Identity identity{
      .side = Side::kDownstream,
      .peer = SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&native), length)};
  const bool is_last = options.reserve_descriptors == 0 && is_among_last(taken.get());
  owner.on_accept(Socket::adopt(loop, std::move(taken), std::move(identity)));
  if (!is_last || acceptor == nullptr || draining) return Outcome::kNext;
  return run_short();
}

Acceptor::Core::Outcome Acceptor::Core::run_short() {
  stats.out_of_descriptors.add();
  WEFT_LOG_LIMITED(kWarn,
                   "listener {}: nearly all of the {} descriptors that RLIMIT_NOFILE allows are in "
                   "use; accepting again when some are free",
                   address.to_string(), descriptor_limit());
  owner.on_shortage();
  return Outcome::kLater;
}

// The kernel gives the lowest number that is free. A thread sanitizer knows this call; a number
// that comes from fcntl() is still that of whoever had it before to it, and its report takes longer
// than a second's looks may.
bool Acceptor::Core::may_accept() const {
  if (options.reserve_descriptors > 0) return true;
  const OwnedFd probe(::eventfd(0, EFD_CLOEXEC));
  return probe.valid() && !is_among_last(probe.get());
}

Acceptor::Core::Outcome Acceptor::Core::judge(int error) {
  switch (error) {
    case EAGAIN:
      return Outcome::kNothing;
    case EINTR:
      return Outcome::kNext;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
      stats.out_of_descriptors.add();
      if (!reserve.empty()) {
        reserve.pop_back();
        if (!retry.armed()) retry.arm(kRetry);  // to fill it up again
        return Outcome::kNext;
      }
      WEFT_LOG_LIMITED(kWarn, "listener {}: {}; accepting again in {} ms", address.to_string(),
                       uv_strerror(-error), kRetry.count());
      owner.on_shortage();
      return Outcome::kLater;
    case EBADF:
    case EINVAL:
    case ENOTSOCK:
      WEFT_LOG_LIMITED(kError, "listener {}: {}", address.to_string(), uv_strerror(-error));
      return Outcome::kLater;
    default:
      // accept(2): on Linux these are errors of the waiting connection or of a firewall, and the
      // next may be well.
      stats.refused_by_kernel.add();
      return Outcome::kNext;
  }
}

void Acceptor::Core::refill_reserve() {
  while (reserve.size() < options.reserve_descriptors) {
    OwnedFd spare(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!spare.valid()) return;
    reserve.push_back(std::move(spare));
  }
}

void Acceptor::Core::on_timer(Timer&) {
  refill_reserve();
  if (reserve.size() < options.reserve_descriptors) retry.arm(kRetry);
  if (watching || paused) return;
  if (may_accept()) return watch();
  (void)run_short();
  retry.arm(kRetry);
}

void Acceptor::Core::on_deferred() {
  // A queue is no longer than this; whoever comes later is refused as if the port were closed.
  constexpr std::uint32_t kBacklogMax = 65'535;
  take_waiting(kBacklogMax);
  if (acceptor == nullptr) return;
  retry.cancel();
  close_poll();
  owner.on_drained(*acceptor);
}

}  // namespace weft::net
