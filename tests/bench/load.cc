#include "tests/bench/load.h"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace weft::bench {

Load::Load(const Options& options) : options_(options), random_(options.seed) {
  const auto make = options_.is_http2 ? make_http2_connection : make_http1_connection;
  for (unsigned i = 0; i < options_.connections; ++i) {
    connections_.push_back(make(*this));
    for (LoadSlot* slot : connections_.back()->slots()) slots_.push_back(slot);
  }
}

Load::~Load() = default;

const Load::Report& Load::run() {
  connect_all();
  plan_start_ = Clock::now();
  plan_next();
  const Instant begin = plan_start_ + options_.warmup;
  const Instant end = begin + options_.duration;
  window_begin_ = begin;
  window_end_ = end;
  start_due(plan_start_);
  while (!stopping_ && Clock::now() < begin) turn(begin);
  begin_window();
  while (!stopping_ && Clock::now() < end) turn(end);
  end_window();
  drain();
  return report_;
}

const Load::Report& Load::run_held(void (*on_held)(unsigned connections)) {
  connect_all();
  window_begin_ = Clock::now();
  measuring_ = true;
  one_round();
  on_held(options_.connections);
  const Instant end = Clock::now() + options_.hold;
  while (!stop_requested() && Clock::now() < end) wait(end);
  const auto standing = [](const auto& connection) { return connection->ready(); };
  report_.held = static_cast<std::uint64_t>(std::ranges::count_if(connections_, standing));
  one_round();
  measuring_ = false;
  report_.seconds = std::chrono::duration<double>(Clock::now() - window_begin_).count();
  return report_;
}

// Closed loop takes the slots in turn, so as many requests as slots is one on each. A few at a
// time, or a proxy would keep as many connections to the backend as it has clients.
void Load::one_round() {
  const Instant deadline = Clock::now() + kRoundMax;
  for (std::size_t begun = 0; begun < slots_.size(); begun += kRoundStep) {
    const std::size_t step = std::min(kRoundStep, slots_.size() - begun);
    const std::uint64_t before = report_.requests_all + report_.errors.total();
    options_.requests_max = started_ + step;
    stopping_ = false;
    start_due(Clock::now());
    while (report_.requests_all + report_.errors.total() < before + step &&
           Clock::now() < deadline && !stop_requested()) {
      wait(deadline);
    }
    stopping_ = true;
  }
}

void Load::connect_all() {
  stopping_ = true;  // Nothing starts before every connection stands.
  for (LoadSlot* slot : slots_) {
    if (options_.close_each) idle_.push_back(slot);
  }
  if (!options_.close_each) {
    // In batches: all at once would overflow the listener's backlog, and the kernel retries after a
    // second.
    const auto standing = [](const auto& connection) { return connection->ready(); };
    for (std::size_t begin = 0; begin < connections_.size(); begin += kConnectBatch) {
      const auto first = connections_.begin() + static_cast<std::ptrdiff_t>(begin);
      const auto last = connections_.begin() + static_cast<std::ptrdiff_t>(std::min(
                                                   begin + kConnectBatch, connections_.size()));
      std::for_each(first, last, [](const auto& connection) { connection->open(); });
      const Instant deadline = Clock::now() + kConnectMax;
      while (!std::all_of(first, last, standing) && Clock::now() < deadline && !stop_requested()) {
        if (report_.errors.total() > 0) break;
        wait(deadline);
      }
      errno = 0;
      if (!std::all_of(first, last, standing)) die("meshload: could not open every connection");
    }
  }
  stopping_ = false;
}

void Load::wait(Instant until) {
  for (LoadConnection* connection : std::exchange(to_flush_, {})) connection->flush();
  poller_.poll(until);
  for (LoadConnection* connection : std::exchange(to_flush_, {})) connection->flush();
}

void Load::turn(Instant until) {
  start_due(Clock::now());
  const bool paced = options_.rate > 0 && may_start();
  wait(paced ? std::min(until, next_due_) : until);
  const bool spent = options_.requests_max > 0 &&
                     report_.requests_all + report_.errors.total() >= options_.requests_max;
  if (stop_requested() || spent) stopping_ = true;
}

bool Load::may_start() const {
  return !stopping_ &&
         (options_.requests_max == 0 || started_ + waiting_.size() < options_.requests_max);
}

void Load::start_due(Instant now) {
  if (options_.rate > 0) {
    while (may_start() && next_due_ <= now) {
      if (waiting_.size() < kWaitingMax) {
        waiting_.push_back(next_due_);
      } else {
        ++report_.unsent;
      }
      plan_next();
    }
  }
  while (!idle_.empty() && !stopping_) {
    if (options_.rate > 0 ? waiting_.empty() : !may_start()) return;
    if (options_.rate <= 0) waiting_.push_back(now);
    start_waiting();
  }
  report_.waited_max = std::max<std::uint64_t>(report_.waited_max, waiting_.size());
}

void Load::start_waiting() {
  LoadSlot& slot = *idle_.front();
  const Instant intended = waiting_.front();
  idle_.pop_front();
  waiting_.pop_front();
  ++started_;
  slot.start(intended);
}

void Load::plan_next() {
  if (options_.rate <= 0) return;
  const double jitter = std::uniform_real_distribution<double>{0.0, 1.0}(random_);
  const double seconds = (static_cast<double>(planned_++) + jitter) / options_.rate;
  next_due_ = plan_start_ +
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

void Load::begin_window() {
  for (const pid_t pid : options_.watched) report_.processes.push_back(read_process(pid));
  report_.cores = read_cores();
  window_begin_ = Clock::now();
  measuring_ = true;
}

void Load::end_window() {
  measuring_ = false;
  window_end_ = Clock::now();
  report_.seconds = std::chrono::duration<double>(window_end_ - window_begin_).count();
  subtract(report_.processes);
  subtract(report_.cores);
}

// What was due in the window still counts when it ends a little later. What never ends is a sample
// too, as old as it is now: a stall must not look like a fast run.
void Load::drain() {
  stopping_ = true;
  if (options_.is_stream) return;  // Its streams have no end to wait for.
  const auto busy = [](const LoadSlot* slot) { return slot->has_request(); };
  const auto any_busy = [&] { return std::ranges::any_of(slots_, busy); };
  Instant deadline = Clock::now() + kDrainMax;
  while (!report_.aborted && !waiting_.empty() && Clock::now() < deadline) {
    while (!idle_.empty() && !waiting_.empty()) start_waiting();
    wait(deadline);
  }
  deadline = Clock::now() + kDrainMax;
  while (!report_.aborted && any_busy() && Clock::now() < deadline) wait(deadline);

  const Instant now = Clock::now();
  const auto record_age = [&](Instant intended) {
    if (intended >= window_begin_ && intended < window_end_) report_.latency.record(now - intended);
  };
  report_.unsent += waiting_.size();
  for (const Instant intended : waiting_) record_age(intended);
  for (const LoadSlot* slot : slots_) {
    if (!slot->has_request()) continue;
    ++report_.errors.unanswered;
    record_age(slot->intended());
  }
}

void Load::on_answer(Instant intended, unsigned status, std::uint64_t body_bytes) {
  const Instant now = Clock::now();
  ++report_.requests_all;
  if (status < report_.statuses.size()) ++report_.statuses[status];
  if (measuring_) {
    ++report_.requests;
    report_.body_bytes += body_bytes;
  }
  const bool open_window = measuring_ || (report_.seconds > 0 && intended < window_end_);
  if (open_window && intended >= window_begin_) report_.latency.record(now - intended);
}

void Load::on_idle(LoadSlot& slot) {
  idle_.push_back(&slot);
  // In closed loop, and when requests wait, the answer itself starts the next one.
  if (options_.rate <= 0 || !waiting_.empty()) {
    if (!stopping_) start_due(Clock::now());
  }
}

void Load::on_handshake(bool resumed) {
  if (!measuring_) return;
  ++report_.handshakes;
  if (resumed) ++report_.resumed;
}

Load::Opening Load::step_opening(Channel& channel, Poller::Handler& handler, bool& is_shaken) {
  if (!is_shaken && socket_error(channel.socket()) != 0) return Opening::kFailed;
  is_shaken = true;
  switch (channel.handshake()) {
    case Channel::Step::kDone:
      break;
    case Channel::Step::kFailed:
      return Opening::kFailed;
    case Channel::Step::kReadable:
      poller_.change(channel.socket(), EPOLLIN, handler);
      return Opening::kWaits;
    case Channel::Step::kWritable:
      return Opening::kWaits;
  }
  if (options_.tls != nullptr) on_handshake(channel.was_resumed());
  poller_.change(channel.socket(), EPOLLIN, handler);
  return Opening::kDone;
}

std::array<char, 256 * 1024>& Load::read_block() {
  static std::array<char, 256 * 1024> block;
  return block;
}

void Load::on_error(std::uint64_t Errors::* kind) {
  ++(report_.errors.*kind);
  if (report_.errors.total() < kErrorsMax) return;
  report_.aborted = true;
  stopping_ = true;
}

}  // namespace weft::bench
