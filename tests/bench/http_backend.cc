#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "tests/bench/backend.h"
#include "tests/bench/message.h"
#include "tests/bench/poller.h"

namespace weft::bench {
namespace {

class HttpConnection;

// The answers there can be, by whether the request was HEAD and whether the connection ends after
// it.
struct Answers {
  std::array<std::array<std::string, 2>, 2> bytes;
};

Answers make_answers(const HttpBackendOptions& options) {
  const std::string body(options.body_bytes, 'w');
  const std::string length = options.chunked ? "transfer-encoding: chunked"
                                             : "content-length: " + std::to_string(body.size());
  std::string framed = body;
  if (options.chunked) {
    std::array<char, 32> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", body.size());
    framed = (body.empty() ? "" : size.data() + body + "\r\n") + "0\r\n\r\n";
  }
  Answers answers;
  for (const bool close : {false, true}) {
    const std::string head =
        "HTTP/1.1 200 OK\r\n"
        "server: meshback\r\n"
        "date: Fri, 20 Nov 2026 12:00:00 GMT\r\n"
        "content-type: application/json\r\n" +
        length +
        "\r\n"
        "cache-control: private, max-age=30\r\n"
        "etag: \"9f2c41d07be3\"\r\n"
        "vary: accept-encoding\r\n"
        "x-backend-version: 2026.11.3\r\n" +
        (close ? "connection: close\r\n\r\n" : "\r\n");
    answers.bytes[0][close ? 1 : 0] = head + framed;
    answers.bytes[1][close ? 1 : 0] = head;
  }
  return answers;
}

class HttpBackend final : public Poller::Handler {
 public:
  HttpBackend(const Fd& listener, const HttpBackendOptions& options)
      : listener_(listener), options_(options), answers_(make_answers(options)) {
    poller_.watch(listener_, EPOLLIN, *this);
  }

  std::uint64_t run();
  void on_ready(std::uint32_t events) override;

 private:
  friend class HttpConnection;
  struct Late {
    Clock::time_point due;
    std::uint64_t connection = 0;
    bool head = false;
    bool close = false;
  };

  void answer_late();

  const Fd& listener_;
  HttpBackendOptions options_;
  Answers answers_;
  Poller poller_;
  std::unordered_map<std::uint64_t, std::unique_ptr<HttpConnection>> connections_;
  std::vector<std::uint64_t> finished_;
  std::deque<Late> late_;
  std::uint64_t next_id_ = 0;
  std::uint64_t answered_ = 0;
};

class HttpConnection final : public Poller::Handler {
 public:
  HttpConnection(HttpBackend& backend, Fd socket, std::uint64_t id)
      : backend_(backend), socket_(std::move(socket)), id_(id) {
    backend_.poller_.watch(socket_, EPOLLIN, *this);
  }

  void on_ready(std::uint32_t events) override {
    if (!socket_.valid()) return;
    if ((events & EPOLLOUT) != 0) return flush();
    receive();
  }

  void answer(bool head, bool close) {
    if (!socket_.valid() || closing_) return;
    output_ += backend_.answers_.bytes[head ? 1 : 0][close ? 1 : 0];
    closing_ = close;
    ++backend_.answered_;
  }

  void flush() {
    if (!socket_.valid()) return;
    const ssize_t sent =
        ::send(socket_.number(), output_.data() + sent_, output_.size() - sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return finish();
    sent_ += static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    if (sent_ == output_.size()) {
      output_.clear();
      sent_ = 0;
      if (closing_) return finish();
    }
    want(output_.empty() ? EPOLLIN : output_.size() < kOutputMax ? EPOLLIN | EPOLLOUT : EPOLLOUT);
  }

 private:
  void receive() {
    static std::array<char, 64 * 1024> block;
    const ssize_t size = ::recv(socket_.number(), block.data(), block.size(), 0);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return finish();
    std::string_view bytes{block.data(), static_cast<std::size_t>(size)};
    while (!bytes.empty()) {
      const auto progress = reader_.feed(bytes);
      if (progress == MessageReader::Progress::kMalformed) return finish();
      if (progress == MessageReader::Progress::kMore) break;
      take_request();
    }
    if (!output_.empty()) flush();
  }

  void take_request() {
    const bool head = reader_.is_head_request();
    const bool close = reader_.wants_close();
    reader_.reset();
    if (backend_.options_.delay.count() == 0) return answer(head, close);
    backend_.late_.push_back({.due = Clock::now() + backend_.options_.delay,
                              .connection = id_,
                              .head = head,
                              .close = close});
  }

  void want(std::uint32_t events) {
    if (std::exchange(wanted_, events) != events) backend_.poller_.change(socket_, events, *this);
  }

  void finish() {
    socket_.reset();
    backend_.finished_.push_back(id_);
  }

  HttpBackend& backend_;
  Fd socket_;
  std::uint64_t id_;
  MessageReader reader_{MessageReader::Kind::kRequest};
  std::string output_;
  std::size_t sent_ = 0;
  std::uint32_t wanted_ = EPOLLIN;
  bool closing_ = false;
};

void HttpBackend::on_ready(std::uint32_t /*events*/) {
  Fd socket = accept_from(listener_);
  if (!socket.valid()) return;
  const std::uint64_t id = next_id_++;
  connections_.emplace(id, std::make_unique<HttpConnection>(*this, std::move(socket), id));
}

void HttpBackend::answer_late() {
  const auto now = Clock::now();
  while (!late_.empty() && late_.front().due <= now) {
    const Late late = late_.front();
    late_.pop_front();
    const auto it = connections_.find(late.connection);
    if (it == connections_.end()) continue;
    it->second->answer(late.head, late.close);
    it->second->flush();
  }
}

std::uint64_t HttpBackend::run() {
  const auto end = Clock::now() + options_.lifetime;
  while (!stop_requested() && Clock::now() < end) {
    poller_.poll(late_.empty() ? end : std::min(end, late_.front().due));
    answer_late();
    for (const std::uint64_t id : finished_) connections_.erase(id);
    finished_.clear();
  }
  return answered_;
}

}  // namespace

std::uint64_t serve_http(const Fd& listener, const HttpBackendOptions& options) {
  HttpBackend backend{listener, options};
  return backend.run();
}

}  // namespace weft::bench
