#include "sidecar/net/loop.h"

#include <signal.h>
#include <uv.h>

#include <algorithm>
#include <utility>

namespace weft::net {

struct Loop::Handles {
  uv_loop_t loop;
  uv_timer_t wake;
  uv_prepare_t prepare;
  uv_check_t check;
  uv_async_t posted;
};

namespace {

constexpr std::uint64_t kNanosPerMilli = 1'000'000;

template <typename Handle>
Loop& loop_of(Handle* handle) {
  return *static_cast<Loop*>(handle->data);
}

void must(int uv_result) { WEFT_ASSERT(uv_result == 0); }

}  // namespace

Loop::Loop() : handles_(std::make_unique<Handles>()), turn_(read_monotonic_clock()) {
  // libuv writes without MSG_NOSIGNAL; a peer that has gone is an error code to us, never a signal.
  ::signal(SIGPIPE, SIG_IGN);
  Handles& h = *handles_;
  must(uv_loop_init(&h.loop));
  must(uv_timer_init(&h.loop, &h.wake));
  must(uv_prepare_init(&h.loop, &h.prepare));
  must(uv_check_init(&h.loop, &h.check));
  must(uv_async_init(&h.loop, &h.posted, [](uv_async_t* handle) { loop_of(handle).on_posted(); }));
  h.wake.data = h.prepare.data = h.check.data = h.posted.data = this;
  must(uv_prepare_start(&h.prepare, [](uv_prepare_t* handle) { loop_of(handle).on_prepare(); }));
  must(uv_check_start(&h.check, [](uv_check_t* handle) { loop_of(handle).on_check(); }));
}

Loop::~Loop() {
  std::vector<Posted> unrun;
  {
    const std::lock_guard lock(posted_mutex_);
    unrun.swap(posted_);
  }
  unrun.clear();
  turn_.end();
  Handles& h = *handles_;
  const auto close = [](auto& handle) {
    uv_close(reinterpret_cast<uv_handle_t*>(&handle), nullptr);
  };
  close(h.wake);
  close(h.prepare);
  close(h.check);
  close(h.posted);
  // Whoever is still open here has an owner that believes the loop is alive.
  uv_walk(
      &h.loop, [](uv_handle_t* handle, void*) { WEFT_ASSERT(uv_is_closing(handle) != 0); },
      nullptr);
  uv_run(&h.loop, UV_RUN_DEFAULT);
  must(uv_loop_close(&h.loop));
}

void Loop::run() {
  read_clock();
  uv_run(&handles_->loop, UV_RUN_DEFAULT);
}

void Loop::stop() { uv_stop(&handles_->loop); }

void Loop::post(Posted call) {
  {
    const std::lock_guard lock(posted_mutex_);
    posted_.push_back(std::move(call));
    if (posted_.size() > 1) return;  // whoever posted first has rung the bell
  }
  uv_async_send(&handles_->posted);
}

uv_loop_s* Loop::uv() { return &handles_->loop; }

void Loop::read_clock() {
  clock_read_ = true;
  turn_.set_now(read_monotonic_clock());
}

void Loop::on_posted() {
  begin_event();
  std::vector<Posted> calls;
  {
    const std::lock_guard lock(posted_mutex_);
    calls.swap(posted_);
  }
  for (Posted& call : calls) {
    stats_.posts.add();
    std::exchange(call, nullptr)();
  }
}

void Loop::on_check() {
  begin_event();
  stats_.turns.add();
  run_deferred();
  turn_.advance(turn_.now());
  turn_.end();
}

void Loop::on_prepare() {
  run_deferred();
  const bool settled = turn_.end();
  plan_sleep(!settled || !deferred_.empty());
  // libuv has just looked at the clock for its own timers: when this turn's work was done, at no
  // cost.
  const auto worked_until = static_cast<std::int64_t>(uv_now(&handles_->loop) * kNanosPerMilli);
  const Duration lag(
      std::max<std::int64_t>(worked_until - turn_.now().time_since_epoch().count(), 0));
  stats_.lag.observe(lag);
  stats_.lag_last.set(std::chrono::duration_cast<std::chrono::microseconds>(lag).count());
  clock_read_ = false;
  ++turn_number_;
}

void Loop::run_deferred() {
  // One round: what is deferred meanwhile comes after the next poll, so that events cannot shut out
  // sockets.
  if (deferred_.empty()) return;
  IntrusiveList<Deferred> batch;
  batch.splice(deferred_);
  while (Deferred* deferred = batch.pop_front()) deferred->on_deferred();
}

void Loop::plan_sleep(bool work_left) {
  uv_timer_t* timer = &handles_->wake;
  const auto fired = [](uv_timer_t* handle) { loop_of(handle).wake_at_.reset(); };
  const std::uint64_t now = uv_now(&handles_->loop);
  if (work_left) {
    wake_at_ = now;
    uv_timer_start(timer, fired, 0, 0);
    return;
  }
  const std::optional<TimePoint> wake = turn_.wheel().next_wake();
  if (!wake) {
    if (wake_at_) uv_timer_stop(timer);
    wake_at_.reset();
    return;
  }
  // libuv's milliseconds are the monotonic clock's: rounding up means never waking too early to
  // find nothing due.
  const auto nanos =
      static_cast<std::uint64_t>(std::max<std::int64_t>(wake->time_since_epoch().count(), 0));
  const std::uint64_t at = (nanos + kNanosPerMilli - 1) / kNanosPerMilli;
  if (wake_at_ == at) return;
  wake_at_ = at;
  uv_timer_start(timer, fired, at > now ? at - now : 0, 0);
}

const BlockRef& Loop::next_read_block() {
  const bool enough = read_block_ && read_block_->capacity() - read_block_->used >= kReadRoomMin;
  if (!enough) read_block_ = BlockRef::make(Block::kLarge);
  return read_block_;
}

}  // namespace weft::net
