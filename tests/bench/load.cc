#include "tests/bench/load.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tests/bench/message.h"

namespace weft::bench {
namespace {

constexpr std::size_t kReadBlock = 256 * 1024;

// One for the process: a read is consumed before the next one starts.
std::array<char, kReadBlock>& read_block() {
  static std::array<char, kReadBlock> block;
  return block;
}

}  // namespace

class LoadConnection final : public Poller::Handler {
 public:
  explicit LoadConnection(Load& load) : load_(load) {}

  void open() {
    state_ = State::kConnecting;
    socket_ = connect_to(load_.options_.target);
    if (!socket_.valid()) return fail(&Load::Errors::connect);
    load_.poller_.watch(socket_, EPOLLIN | EPOLLOUT, *this);
  }

  void start(Load::Instant intended) {
    intended_ = intended;
    sent_ = 0;
    reader_.reset();
    fixed_left_ = load_.options_.fixed_answer;
    has_request_ = true;
    if (state_ == State::kClosed) return open();
    state_ = State::kBusy;
    send_rest();
  }

  [[nodiscard]] bool ready() const { return state_ == State::kIdle || state_ == State::kBusy; }
  [[nodiscard]] bool has_request() const { return has_request_; }
  [[nodiscard]] Load::Instant intended() const { return intended_; }

  void on_ready(std::uint32_t events) override {
    // One step per event: each may close the socket and open another, and what is still due shows
    // again next time.
    if (state_ == State::kConnecting) return on_connected();
    if ((events & EPOLLOUT) != 0 && wants_writable_) {
      wants_writable_ = false;
      load_.poller_.change(socket_, EPOLLIN, *this);
      return send_rest();
    }
    if (socket_.valid()) receive();
  }

 private:
  enum class State { kClosed, kConnecting, kIdle, kBusy };

  void on_connected() {
    if (socket_error(socket_) != 0) return fail(&Load::Errors::connect);
    load_.poller_.change(socket_, EPOLLIN, *this);
    if (has_request_) {
      state_ = State::kBusy;
      send_rest();
    } else {
      state_ = State::kIdle;
      load_.on_idle(*this);
    }
  }

  void send_rest() {
    const std::string& request = load_.options_.request;
    const ssize_t sent =
        ::send(socket_.number(), request.data() + sent_, request.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return fail(&Load::Errors::cut);
    sent_ += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (sent_ == request.size()) return;
    wants_writable_ = true;
    load_.poller_.change(socket_, EPOLLIN | EPOLLOUT, *this);
  }

  void receive() {
    auto& block = read_block();
    const ssize_t size = ::recv(socket_.number(), block.data(), block.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return on_end();
    std::string_view bytes{block.data(), static_cast<std::size_t>(size)};
    if (!has_request_) return fail(&Load::Errors::malformed);
    const auto progress = load_.options_.fixed_answer > 0 ? take_fixed(bytes) : reader_.feed(bytes);
    if (progress == MessageReader::Progress::kMore) return;
    if (progress == MessageReader::Progress::kMalformed || !bytes.empty()) {
      return fail(&Load::Errors::malformed);
    }
    finish();
  }

  MessageReader::Progress take_fixed(std::string_view& bytes) {
    const std::size_t taken = std::min(fixed_left_, bytes.size());
    bytes.remove_prefix(taken);
    fixed_left_ -= taken;
    return fixed_left_ == 0 ? MessageReader::Progress::kDone : MessageReader::Progress::kMore;
  }

  void on_end() {
    if (!has_request_) return fail(&Load::Errors::idle_closed);
    if (load_.options_.fixed_answer == 0 && reader_.ends_at_close()) return finish();
    fail(&Load::Errors::cut);
  }

  void finish() {
    has_request_ = false;
    const bool close =
        load_.options_.close_each || reader_.wants_close() || reader_.ends_at_close();
    state_ = close ? State::kClosed : State::kIdle;
    if (close) socket_.reset();
    load_.on_answer(intended_, reader_.status(), reader_.body_bytes());
    load_.on_idle(*this);
  }

  // The request is lost and counted; the connection is used again by a later one, which opens it
  // anew.
  void fail(std::uint64_t Load::Errors::* kind) {
    const bool was_idle = !std::exchange(has_request_, false);
    wants_writable_ = false;
    socket_.reset();
    state_ = State::kClosed;
    load_.on_error(kind);
    if (!was_idle) load_.on_idle(*this);
  }

  Load& load_;
  Fd socket_;
  State state_ = State::kClosed;
  Load::Instant intended_{};
  MessageReader reader_{MessageReader::Kind::kAnswer};
  std::size_t sent_ = 0;
  std::size_t fixed_left_ = 0;
  bool has_request_ = false;
  bool wants_writable_ = false;
};

Load::Load(const Options& options) : options_(options), random_(options.seed) {
  for (unsigned i = 0; i < options_.connections; ++i) {
    connections_.push_back(std::make_unique<LoadConnection>(*this));
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

void Load::connect_all() {
  stopping_ = true;  // Nothing starts before every connection stands.
  if (options_.close_each) {
    for (auto& connection : connections_) idle_.push_back(connection.get());
  } else {
    for (auto& connection : connections_) connection->open();
    const Instant deadline = Clock::now() + kConnectMax;
    const auto standing = [](const auto& connection) { return connection->ready(); };
    while (!std::ranges::all_of(connections_, standing) && Clock::now() < deadline &&
           !stop_requested()) {
      if (report_.errors.total() > 0) break;
      poller_.poll(deadline);
    }
    errno = 0;
    if (!std::ranges::all_of(connections_, standing))
      die("meshload: could not open every connection");
  }
  stopping_ = false;
}

void Load::turn(Instant until) {
  start_due(Clock::now());
  const bool paced = options_.rate > 0 && may_start();
  poller_.poll(paced ? std::min(until, next_due_) : until);
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
  LoadConnection& connection = *idle_.front();
  const Instant intended = waiting_.front();
  idle_.pop_front();
  waiting_.pop_front();
  ++started_;
  connection.start(intended);
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
  for (ProcessUse& use : report_.processes) {
    const ProcessUse now = read_process(use.pid);
    use.cpu_ns = now.cpu_ns - std::min(use.cpu_ns, now.cpu_ns);
    use.switches_voluntary =
        now.switches_voluntary - std::min(use.switches_voluntary, now.switches_voluntary);
    use.switches_forced = now.switches_forced - std::min(use.switches_forced, now.switches_forced);
  }
  const std::vector<CoreUse> now = read_cores();
  for (std::size_t i = 0; i < std::min(now.size(), report_.cores.size()); ++i) {
    report_.cores[i].busy = now[i].busy - report_.cores[i].busy;
    report_.cores[i].idle = now[i].idle - report_.cores[i].idle;
    report_.cores[i].steal = now[i].steal - report_.cores[i].steal;
  }
}

// What was due in the window still counts when it ends a little later. What never ends is a sample
// too, as old as it is now: a stall must not look like a fast run.
void Load::drain() {
  stopping_ = true;
  const auto busy = [](const auto& connection) { return connection->has_request(); };
  const auto any_busy = [&] { return std::ranges::any_of(connections_, busy); };
  Instant deadline = Clock::now() + kDrainMax;
  while (!report_.aborted && !waiting_.empty() && Clock::now() < deadline) {
    while (!idle_.empty() && !waiting_.empty()) start_waiting();
    poller_.poll(deadline);
  }
  deadline = Clock::now() + kDrainMax;
  while (!report_.aborted && any_busy() && Clock::now() < deadline) poller_.poll(deadline);

  const Instant now = Clock::now();
  const auto record_age = [&](Instant intended) {
    if (intended >= window_begin_ && intended < window_end_) report_.latency.record(now - intended);
  };
  report_.unsent += waiting_.size();
  for (const Instant intended : waiting_) record_age(intended);
  for (const auto& connection : connections_) {
    if (!connection->has_request()) continue;
    ++report_.errors.unanswered;
    record_age(connection->intended());
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

void Load::on_idle(LoadConnection& connection) {
  idle_.push_back(&connection);
  // In closed loop, and when requests wait, the answer itself starts the next one.
  if (options_.rate <= 0 || !waiting_.empty()) {
    if (!stopping_) start_due(Clock::now());
  }
}

void Load::on_error(std::uint64_t Errors::* kind) {
  ++(report_.errors.*kind);
  if (report_.errors.total() < kErrorsMax) return;
  report_.aborted = true;
  stopping_ = true;
}

}  // namespace weft::bench
