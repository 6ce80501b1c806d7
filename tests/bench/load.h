#pragma once
// Load: sends requests over N connections, closed loop or at planned instants, and times each from
// its intended start.
//
// Owner: meshload's main. Thread: one. What speaks the protocol is a LoadConnection (load_http1.cc,
// load_http2.cc). Open loop (rate > 0): request i is due at (i + u) / rate with u uniform in [0,
// 1); when every connection is busy it waits here and the wait counts, so a stall is charged to all
// who would have met it. Closed loop: the next request starts when the last answer ended. Errors:
// counted by kind; past kErrorsMax the run ends early and says so. Limits: Options::duration and
// requests_max bound every run.

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/bench/accounting.h"
#include "tests/bench/channel.h"
#include "tests/bench/histogram.h"
#include "tests/bench/http2_wire.h"
#include "tests/bench/load_slot.h"
#include "tests/bench/poller.h"
#include "tests/bench/socket.h"

namespace weft::bench {

class Load final {
 public:
  struct Options {
    Endpoint target;
    unsigned connections = 64;
    double rate = 0;  // Requests per second; 0 = closed loop.
    std::chrono::nanoseconds warmup{};
    std::chrono::nanoseconds duration{};
    std::uint64_t requests_max = 0;  // 0 = bounded by time alone.
    std::string request;             // HTTP/1.1 or raw bytes.
    std::size_t fixed_answer = 0;    // > 0: an answer is this many bytes, whatever they are.
    bool close_each = false;         // A connection per request.
    bool is_http2 = false;           // Then `fields` and `body` are the request.
    Fields fields;
    std::string body;
    bool expects_grpc = false;  // An answer ends with grpc-status.
    bool is_stream = false;     // gRPC messages without end; each carries when it was due.
    unsigned streams = 1;       // In flight on one HTTP/2 connection.
    const TlsContext* tls = nullptr;
    std::chrono::nanoseconds hold{};  // > 0: see run_held().
    std::uint64_t seed = 1;
    std::vector<pid_t> watched;
  };

  struct Errors {
    std::uint64_t connect = 0;
    std::uint64_t cut = 0;         // The peer closed or reset before the answer was whole.
    std::uint64_t malformed = 0;   // The answer is not HTTP/1.1, or bytes follow it.
    std::uint64_t unanswered = 0;  // Sent, and no answer within kDrainMax after the end.
    std::uint64_t idle_closed =
        0;  // Closed between requests: none was lost, so it is not part of total().
    [[nodiscard]] std::uint64_t total() const { return connect + cut + malformed + unanswered; }
  };

  struct Report {
    std::uint64_t requests = 0;  // Answers that ended inside the measured window.
    std::uint64_t requests_all = 0;
    std::uint64_t body_bytes = 0;
    std::uint64_t unsent = 0;      // Due, but no connection came free until the end.
    std::uint64_t waited_max = 0;  // Most due requests that found every connection busy.
    std::array<std::uint64_t, 600> statuses{};
    Errors errors;
    std::uint64_t handshakes = 0;
    std::uint64_t resumed = 0;  // Of the handshakes.
    std::uint64_t held = 0;     // Connections still open after the hold.
    bool aborted = false;
    double seconds = 0;
    Histogram latency;
    std::vector<ProcessUse> processes;
    std::vector<CoreUse> cores;
  };

  explicit Load(const Options& options);
  ~Load();
  [[nodiscard]] const Report& run();
  // Opens every connection, sends one request on each, tells `on_held` and keeps still for
  // Options::hold, then one more on each: what an idle connection costs, and that it outlives its
  // idleness.
  [[nodiscard]] const Report& run_held(void (*on_held)(unsigned connections));

  // For connections.
  using Instant = Clock::time_point;
  [[nodiscard]] const Options& options() const { return options_; }
  [[nodiscard]] Poller& poller() { return poller_; }
  void on_answer(Instant intended, unsigned status, std::uint64_t body_bytes);
  void on_idle(LoadSlot& slot);
  void on_error(std::uint64_t Errors::* kind);
  void on_handshake(bool resumed);
  // One step of a connection on its way, TCP and then TLS; kWaits: another event will come.
  enum class Opening { kWaits, kDone, kFailed };
  [[nodiscard]] Opening step_opening(Channel& channel, Poller::Handler& handler, bool& is_shaken);
  // Where whoever reads puts it: consumed before the next read starts, so one for all.
  [[nodiscard]] static std::array<char, 256 * 1024>& read_block();
  // The connection has something to send, and flush() will be called before the next wait.
  void flush_later(LoadConnection& connection) { to_flush_.push_back(&connection); }

 private:
  static constexpr std::uint64_t kErrorsMax = 1000;
  static constexpr std::size_t kWaitingMax = 1'000'000;
  // For so many connections; more get more time.
  static constexpr std::chrono::seconds kConnectMax{5};
  static constexpr std::size_t kConnectBatch = 256;
  static constexpr std::size_t kRoundStep = 32;
  static constexpr std::chrono::seconds kRoundMax{60};
  static constexpr std::chrono::seconds kDrainMax{2};

  void connect_all();
  void turn(Instant until);
  void start_due(Instant now);
  void start_waiting();
  void plan_next();
  void begin_window();
  void end_window();
  void drain();
  void wait(Instant until);
  void one_round();
  [[nodiscard]] bool may_start() const;

  Options options_;
  Poller poller_;
  std::vector<std::unique_ptr<LoadConnection>> connections_;
  std::vector<LoadSlot*> slots_;
  std::deque<LoadSlot*> idle_;
  std::vector<LoadConnection*> to_flush_;
  std::deque<Instant> waiting_;
  std::mt19937_64 random_;
  Instant plan_start_{};
  Instant next_due_{};
  std::uint64_t planned_ = 0;
  std::uint64_t started_ = 0;
  Instant window_begin_{};
  Instant window_end_{};
  bool measuring_ = false;
  bool stopping_ = false;
  Report report_;
};

}  // namespace weft::bench
