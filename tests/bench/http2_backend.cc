#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <queue>
#include <random>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/bench/backend.h"
#include "tests/bench/channel.h"
#include "tests/bench/http2_wire.h"
#include "tests/bench/poller.h"

namespace weft::bench {
namespace {

constexpr std::uint32_t kStreamsMax = 1000;
constexpr std::size_t kHeadBlock = 0;
constexpr std::size_t kTrailersBlock = 1;

std::vector<Fields> make_blocks(const Http2BackendOptions& options) {
  Fields head{{":status", "200"},
              {"server", "meshback"},
              {"date", "Fri, 20 Nov 2026 12:00:00 GMT"},
              {"content-type", options.is_grpc ? "application/grpc" : "application/json"}};
  if (options.is_grpc) return {head, {{"grpc-status", "0"}, {"grpc-message", ""}}};
  head.push_back({"content-length", std::to_string(options.body_bytes)});
  head.push_back({"cache-control", "private, max-age=30"});
  head.push_back({"etag", "\"9f2c41d07be3\""});
  head.push_back({"x-backend-version", "2026.11.3"});
  return {head};
}

// The frame of one gRPC message: not compressed, and its size.
std::string grpc_message(std::size_t size) {
  std::string message(5, '\0');
  for (unsigned i = 0; i < 4; ++i) message[4 - i] = static_cast<char>(size >> (8 * i) & 0xFFU);
  return message.append(size, 'w');
}

class Http2Peer;

class Http2Backend final : public Poller::Handler {
 public:
  Http2Backend(const Fd& listener, const Http2BackendOptions& options)
      : listener_(listener),
        options_(options),
        body_(options.is_grpc ? grpc_message(options.body_bytes)
                              : std::string(options.body_bytes, 'w')) {
    poller_.watch(listener_, EPOLLIN, *this);
  }

  std::uint64_t run();
  void on_ready(std::uint32_t events) override;

 private:
  friend class Http2Peer;
  struct Due {
    Clock::time_point at;
    std::uint64_t peer = 0;
    Http2Wire::StreamId stream = 0;
    bool operator>(const Due& other) const { return at > other.at; }
  };

  void send_due();

  const Fd& listener_;
  const Http2BackendOptions& options_;
  std::string body_;
  Poller poller_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Http2Peer>> peers_;
  std::vector<std::uint64_t> finished_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::mt19937_64 random_{1};
  std::uint64_t next_id_ = 0;
  std::uint64_t answered_ = 0;
};

// One connection.
class Http2Peer final : public Poller::Handler, private Http2Wire::Events {
 public:
  Http2Peer(Http2Backend& backend, Fd socket, std::uint64_t id)
      : backend_(backend),
        channel_(std::move(socket), backend.options_.tls),
        wire_(Http2Wire::Side::kServer, *this, make_blocks(backend.options_), kStreamsMax),
        id_(id) {
    backend_.poller_.watch(channel_.socket(), EPOLLIN, *this);
  }

  void on_ready(std::uint32_t /*events*/) override {
    if (!channel_.valid()) return;
    if (!is_shaken_ && !shake()) return;
    receive();
    flush();
  }

  // False when the stream or the connection is gone.
  bool send_message(Http2Wire::StreamId stream, Clock::time_point due) {
    if (!channel_.valid() || !streams_.contains(stream)) return false;
    std::string& message = backend_.body_;
    const std::int64_t stamp =
        std::chrono::duration_cast<std::chrono::nanoseconds>(due.time_since_epoch()).count();
    if (message.size() >= 5 + sizeof(stamp)) std::memcpy(message.data() + 5, &stamp, sizeof(stamp));
    wire_.send_data(stream, message, false);
    ++backend_.answered_;
    return true;
  }

  void flush() {
    if (!channel_.valid() || !is_shaken_) return;
    std::string& output = wire_.output();
    while (sent_ < output.size()) {
      const ssize_t sent = channel_.write(std::string_view{output}.substr(sent_));
      if (sent == Channel::kBroken) return finish();
      if (sent <= 0) break;
      sent_ += static_cast<std::size_t>(sent);
    }
    if (sent_ == output.size()) {
      output.clear();
      sent_ = 0;
    }
    want(output.empty() ? EPOLLIN : output.size() < kOutputMax ? EPOLLIN | EPOLLOUT : EPOLLOUT);
  }

 private:
  bool shake() {
    switch (channel_.handshake()) {
      case Channel::Step::kDone:
        is_shaken_ = true;
        want(EPOLLIN);
        return true;
      case Channel::Step::kReadable:
        want(EPOLLIN);
        return false;
      case Channel::Step::kWritable:
        want(EPOLLIN | EPOLLOUT);
        return false;
      case Channel::Step::kFailed:
        finish();
        return false;
    }
    return false;
  }

  void receive() {
    static std::array<char, 64 * 1024> block;
    do {
      const ssize_t size = channel_.read(block.data(), block.size());
      if (size == Channel::kAgain) return;
      if (size <= 0 || !wire_.feed({block.data(), static_cast<std::size_t>(size)})) {
        return finish();
      }
    } while (channel_.has_pending());
  }

  void on_peer_settings() override {}
  void on_goaway() override {}
  void on_field(Http2Wire::StreamId /*id*/, std::string_view /*name*/,
                std::string_view /*value*/) override {}
  void on_fields_end(Http2Wire::StreamId id, bool is_last) override {
    if (is_last) answer(id);
  }
  void on_data(Http2Wire::StreamId id, std::string_view /*bytes*/, bool is_last) override {
    if (is_last) answer(id);
  }
  void on_reset(Http2Wire::StreamId id) override { streams_.erase(id); }

  void answer(Http2Wire::StreamId id) {
    const Http2BackendOptions& options = backend_.options_;
    if (options.message_interval.count() > 0) return begin_stream(id);
    ++backend_.answered_;
    wire_.send_block(id, kHeadBlock, false);
    wire_.send_data(id, backend_.body_, !options.is_grpc);
    if (options.is_grpc) wire_.send_block(id, kTrailersBlock, true);
  }

  // Its messages are due at fixed instants from a random one on, so that streams do not march in
  // step.
  void begin_stream(Http2Wire::StreamId id) {
    wire_.send_block(id, kHeadBlock, false);
    streams_.emplace(id, true);
    const double share = std::uniform_real_distribution<double>{0.0, 1.0}(backend_.random_);
    const auto phase = std::chrono::duration_cast<Clock::duration>(
        share * std::chrono::duration<double>(backend_.options_.message_interval));
    backend_.due_.push({.at = Clock::now() + phase, .peer = id_, .stream = id});
  }

  void want(std::uint32_t events) {
    if (std::exchange(wanted_, events) != events) {
      backend_.poller_.change(channel_.socket(), events, *this);
    }
  }

  void finish() {
    channel_.close();
    backend_.finished_.push_back(id_);
  }

  Http2Backend& backend_;
  Channel channel_;
  Http2Wire wire_;
  std::uint64_t id_;
  std::unordered_map<Http2Wire::StreamId, bool> streams_;  // Those that carry messages.
  std::size_t sent_ = 0;
  std::uint32_t wanted_ = EPOLLIN;
  bool is_shaken_ = false;
};

void Http2Backend::on_ready(std::uint32_t /*events*/) {
  Fd socket = accept_from(listener_);
  if (!socket.valid()) return;
  const std::uint64_t id = next_id_++;
  peers_.emplace(id, std::make_unique<Http2Peer>(*this, std::move(socket), id));
}

void Http2Backend::send_due() {
  const auto now = Clock::now();
  while (!due_.empty() && due_.top().at <= now) {
    Due next = due_.top();
    due_.pop();
    const auto it = peers_.find(next.peer);
    if (it == peers_.end() || !it->second->send_message(next.stream, next.at)) continue;
    it->second->flush();
    next.at += options_.message_interval;
    due_.push(next);
  }
}

std::uint64_t Http2Backend::run() {
  const auto end = Clock::now() + options_.lifetime;
  while (!stop_requested() && Clock::now() < end) {
    poller_.poll(due_.empty() ? end : std::min(end, due_.top().at));
    send_due();
    for (const std::uint64_t id : finished_) peers_.erase(id);
    finished_.clear();
  }
  return answered_;
}

}  // namespace

std::uint64_t serve_http2(const Fd& listener, const Http2BackendOptions& options) {
  Http2Backend backend{listener, options};
  return backend.run();
}

}  // namespace weft::bench
