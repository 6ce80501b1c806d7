#include "tests/mesh/http2_caller.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

namespace weft::mesh_test {

namespace {

constexpr std::size_t kAlphabet = 26;
constexpr int kLookMs = 5;  // how long a silent socket keeps run_until() from asking again
constexpr std::size_t kProducedMax = 256 * 1024;

const std::string& alphabets() {
  static const std::string text = [] {
    std::string made(kLettersMax + kAlphabet, 'a');
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>('a' + i % kAlphabet);
    return made;
  }();
  return text;
}

}  // namespace

std::string_view letters(std::size_t number, std::size_t from, std::size_t size) {
  return std::string_view(alphabets()).substr((from + number) % kAlphabet, size);
}

// ---- Request ----

void Http2Caller::Request::read() {
  reading_ = true;
  if (stream_ != nullptr) stream_->consume(std::exchange(unread_, 0));
}

void Http2Caller::Request::send(std::size_t size, bool end) {
  Buffer bytes;
  while (size > 0) {
    const std::size_t piece = std::min(size, kLettersMax);
    bytes.append(letters(number, said_, piece));
    said_ += piece;
    size -= piece;
  }
  stream_->send_body(std::move(bytes), end);
}

void Http2Caller::Request::on_response_head(http::ResponseHead&& head, bool end) {
  status = head.status;
  ended = end;
}

void Http2Caller::Request::on_body(Buffer&& bytes, bool end) {
  bytes.for_each_slice([&](Bytes slice) {
    for (std::string_view text = as_text(slice); !text.empty();) {
      const std::string_view piece = text.substr(0, kLettersMax);
      right = right && piece == letters(number, received, piece.size());
      received += piece.size();
      text.remove_prefix(piece.size());
    }
  });
  unread_ += bytes.size();
  ended = end;
  if (reading_) read();
}

void Http2Caller::Request::on_stream_fault(const Error& error) { fault = to_string(error); }

// ---- Http2Caller ----

Http2Caller::Http2Caller(Wire wire, const http::Http2Limits& limits) : wire_(std::move(wire)) {
  http::CodecOptions options;
  options.http2 = limits;
  codec_ = http::make_http2_client(*this, options);
}

Http2Caller::Request& Http2Caller::open(std::size_t number, http::RequestHead& head, bool end) {
  if (head.authority.empty()) head.authority = "shop";
  auto request = std::make_unique<Request>();
  request->number = number;
  request->stream_ = codec_->open(head, end, *request);
  requests_.push_back(std::move(request));
  return *requests_.back();
}

Http2Caller::Request& Http2Caller::get(std::size_t number, std::string_view target) {
  http::RequestHead head;
  head.target = target;
  return open(number, head, true);
}

Http2Caller::Request& Http2Caller::post(std::size_t number, std::string_view target,
                                        std::size_t size) {
  http::RequestHead head;
  head.method = http::Method::kPost;
  head.method_name = "POST";
  head.target = target;
  head.content_length = size;
  Request& request = open(number, head, false);
  // The same few blocks over and over: a hundred large bodies cost the test no memory.
  const std::size_t round = kLettersMax / kAlphabet * kAlphabet;
  Buffer once(letters(number, 0, round));
  Buffer body;
  for (std::size_t left = size; left > 0;) {
    const std::size_t piece = std::min(left, round);
    body.append(once.share(0, piece));
    left -= piece;
  }
  request.stream_->send_body(std::move(body), true);
  return request;
}

Http2Caller::Request& Http2Caller::connect(std::size_t number, std::string_view authority,
                                           std::string_view protocol) {
  http::RequestHead head;
  head.authority = authority;
  head.protocol = protocol;
  if (protocol.empty()) {
    head.method = http::Method::kConnect;
    head.method_name = "CONNECT";
  } else {
    head.target = "/";
  }
  return open(number, head, false);
}

bool Http2Caller::run_until(const std::function<bool()>& so) {
  TimePoint until = now() + kPatience;
  for (;;) {
    if (!write_all()) return false;
    if (so()) return true;
    switch (read_some()) {
      case Read::kEnd:
        return false;
      case Read::kNothing:
        if (now() > until) return false;
        break;
      case Read::kBytes:
        until = now() + kPatience;
    }
  }
}

bool Http2Caller::write_all() {
  while (codec_->wants_output()) {
    Buffer bytes;
    codec_->produce(bytes, kProducedMax);
    if (bytes.empty()) break;
    bool sent = true;
    bytes.for_each_slice([&](Bytes slice) { sent = sent && wire_.send(as_text(slice)); });
    if (!sent) return false;
  }
  return true;
}

Http2Caller::Read Http2Caller::read_some() {
  pollfd waits{.fd = wire_.fd(), .events = POLLIN, .revents = 0};
  if (::poll(&waits, 1, kLookMs) != 1) return Read::kNothing;
  Buffer bytes;
  const std::span<std::uint8_t> room = bytes.reserve(Block::kLarge);
  const ssize_t got = ::recv(wire_.fd(), room.data(), room.size(), 0);
  if (got <= 0) return Read::kEnd;
  bytes.commit(static_cast<std::size_t>(got));
  return codec_->feed(bytes).has_value() ? Read::kBytes : Read::kEnd;
}

}  // namespace weft::mesh_test
