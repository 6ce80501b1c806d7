#include "tests/demo/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <future>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "sidecar/http/client.h"
#include "tests/demo/app.h"
#include "tests/demo/plain_dialer.h"

namespace weft::demo {

namespace {

constexpr std::chrono::milliseconds kTick{1};
constexpr std::chrono::milliseconds kLookEvery{5};

}  // namespace

// Lives on the loop's thread.
class Load::Driver final : public TimerSink {
 public:
  Driver(net::Loop& loop, Options options)
      : loop_(loop),
        options_(std::move(options)),
        dialer_(loop, options_.address),
        tick_(loop.timers(), *this) {}

  void begin(const Window& window) {
    WEFT_ASSERT(!open_);
    open_ = true;
    window_ = window;
    started_ = loop_.now();
    progress_ = {};
    sent_.clear();
    tick_.arm(Duration::zero());
  }
  [[nodiscard]] Progress progress() const {
    Progress out = progress_;
    out.waiting = waiting_.size();
    return out;
  }
  void stop_sending() {
    tick_.cancel();
    open_ = false;
    for (const std::size_t at : waiting_) sent_[at].failure = "never sent: no connection was free";
    waiting_.clear();
  }
  [[nodiscard]] bool quiet() const { return progress_.in_flight == 0; }
  [[nodiscard]] std::vector<Sent> take() { return std::move(sent_); }

  void on_timer(Timer&) override {
    const std::uint64_t due =
        std::min(window_.count,
                 static_cast<std::uint64_t>(
                     std::chrono::duration<double>(loop_.now() - started_).count() * window_.rate) +
                     1);
    while (sent_.size() < due) issue();
    if (sent_.size() < window_.count) tick_.arm(kTick);
  }

 private:
  // One kept connection and the request on it.
  class Lane final : public http::CallHolder {
   public:
    explicit Lane(Driver& driver)
        : driver_(driver),
          client_(driver.loop_.turn(), driver.dialer_,
                  {.timeout = driver.options_.timeout, .idle = Duration::zero()}) {}

    void send(std::size_t at) {
      at_ = at;
      Sent& sent = driver_.sent_[at];
      sent.begun = driver_.loop_.now();
      call_ = client_.send({.method = "POST",
                            .authority = driver_.options_.host,
                            .target = driver_.options_.target,
                            .fields = {{std::string(kNumberHeader), std::to_string(sent.number)}}},
                           *this);
    }
    void on_response(http::Call&, http::ClientResponse&& response) override {
      Sent& sent = driver_.sent_[at_];
      sent.status = response.head.status;
      sent.cart = cart_in(response.head.headers.find(kWayHeader).value_or(""));
      if (!sent.answered()) {
        sent.failure = fmt::format("status {}: {}", sent.status, trim(escape(response.body, 160)));
      }
      finish(sent);
    }
    void on_failure(http::Call&, const Error& error) override {
      Sent& sent = driver_.sent_[at_];
      sent.failure = to_string(error);
      finish(sent);
    }

   private:
    void finish(Sent& sent) {
      sent.ended = driver_.loop_.now();
      call_.reset();
      driver_.on_done(*this, sent);
    }

    Driver& driver_;
    http::Client client_;
    std::unique_ptr<http::Call> call_;
    std::size_t at_ = 0;
  };

  void issue() {
    const auto since_start =
        std::chrono::duration<double>(static_cast<double>(sent_.size()) / window_.rate);
    sent_.push_back({.number = next_number_++,
                     .due = started_ + std::chrono::duration_cast<Duration>(since_start)});
    waiting_.push_back(sent_.size() - 1);
    ++progress_.sent;
    send_waiting();
  }
  void send_waiting() {
    while (!waiting_.empty()) {
      Lane* lane = free_lane();
      if (lane == nullptr) return;
      const std::size_t at = waiting_.front();
      waiting_.pop_front();
      ++progress_.in_flight;
      lane->send(at);
    }
  }
  [[nodiscard]] Lane* free_lane() {
    if (!free_.empty()) {
      Lane* lane = free_.back();
      free_.pop_back();
      return lane;
    }
    if (lanes_.size() >= options_.connections_max) return nullptr;
    lanes_.push_back(std::make_unique<Lane>(*this));
    return lanes_.back().get();
  }
  void on_done(Lane& lane, const Sent& sent) {
    --progress_.in_flight;
    ++(sent.answered() ? progress_.answered : progress_.failed);
    free_.push_back(&lane);
    send_waiting();
  }

  net::Loop& loop_;
  const Options options_;
  PlainDialer dialer_;
  Timer tick_;
  bool open_ = false;
  Window window_;
  TimePoint started_{};
  Progress progress_;
  std::uint64_t next_number_ = 1;
  std::vector<Sent> sent_;           // of the window
  std::deque<std::size_t> waiting_;  // places in sent_
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> free_;
};

Load::Load(Options options) : driver_(std::make_unique<Driver>(loop_, std::move(options))) {
  thread_ = std::thread([this] { loop_.run(); });
}

Load::~Load() {
  loop_.post([this] {
    driver_.reset();
    loop_.stop();
  });
  thread_.join();
}

template <typename Call>
auto Load::on_loop(Call call) {
  std::promise<decltype(call(*driver_))> result;
  loop_.post([&] {
    if constexpr (std::is_void_v<decltype(call(*driver_))>) {
      call(*driver_);
      result.set_value();
    } else {
      result.set_value(call(*driver_));
    }
  });
  return result.get_future().get();
}

void Load::begin(const Window& window) {
  on_loop([&](Driver& driver) { driver.begin(window); });
}

Load::Progress Load::progress() {
  return on_loop([](Driver& driver) { return driver.progress(); });
}

std::vector<Sent> Load::end() {
  on_loop([](Driver& driver) { driver.stop_sending(); });
  // Every request has a deadline, so this ends.
  while (!on_loop([](Driver& driver) { return driver.quiet(); })) {
    std::this_thread::sleep_for(kLookEvery);
  }
  return on_loop([](Driver& driver) { return driver.take(); });
}

std::vector<Duration> latencies_of(const std::vector<Sent>& sent) {
  std::vector<Duration> out;
  out.reserve(sent.size());
  for (const Sent& one : sent) {
    if (one.answered()) out.push_back(one.ended - one.due);
  }
  return out;
}

std::string cart_in(std::string_view way) {
  for (const std::string_view step : split(way, '>')) {
    if (step.starts_with("cart-")) return std::string(step);
  }
  return {};
}

}  // namespace weft::demo
