#include "sidecar/http/http1_sender.h"

#include <algorithm>

#include "sidecar/http/http1_body.h"
#include "sidecar/http/http1_writer.h"

namespace weft::http {

void Http1Sender::reset() {
  body_.clear();
  tail_.clear();
  kind_ = BodyKind::kNone;
  left_ = 0;
  dropped_ = 0;
  begun_ = held_ = end_queued_ = done_ = false;
}

void Http1Sender::begin(const Http1Framing& framing) {
  kind_ = framing.body;
  left_ = framing.length;
  begun_ = true;
}

void Http1Sender::queue(Buffer&& bytes, bool end) {
  if (end_queued_) return;
  // HEAD, 304 and the like: the body is the sender's to count, not the wire's.
  std::size_t taken = kind_ == BodyKind::kNone ? 0 : bytes.size();
  if (kind_ == BodyKind::kLength) {
    if (taken > left_) taken = static_cast<std::size_t>(left_);
    left_ -= taken;
  }
  dropped_ += bytes.size() - taken;
  if (taken == bytes.size()) {
    body_.append(std::move(bytes));
  } else if (taken != 0) {
    body_.append(bytes.split(taken));
  }
  end_queued_ = end;
}

void Http1Sender::queue_trailers(const Headers& trailers) {
  if (end_queued_) return;
  end_queued_ = true;
  // Only chunks have a place for them (RFC 9112 section 7.1.2).
  if (kind_ == BodyKind::kChunked && !trailers.empty()) write_last_chunk(trailers, tail_);
}

std::size_t Http1Sender::produce(Buffer& out, std::size_t room) {
  const std::size_t before = out.size();
  if (!heads_.empty()) out.append(std::move(heads_));
  if (!begun_ || done_ || held_) return 0;
  const auto room_left = [&] { return room - std::min(room, out.size() - before); };
  std::size_t sent = std::exchange(dropped_, 0);
  const std::size_t n = std::min(body_.size(), room_left());
  if (n != 0) {
    sent += n;
    if (kind_ == BodyKind::kChunked) {
      write_chunk_size(n, out);
      move_bytes(body_, n, out);
      out.append(std::string_view("\r\n"));
    } else {
      move_bytes(body_, n, out);
    }
  }
  if (end_queued_ && body_.empty()) {
    if (!tail_.empty()) {
      out.append(std::move(tail_));
    } else if (kind_ == BodyKind::kChunked) {
      out.append(std::string_view("0\r\n\r\n"));
    }
    done_ = true;
  }
  return sent;
}

void Http1Sender::abandon() {
  body_.clear();
  tail_.clear();
  dropped_ = 0;
  end_queued_ = true;
  done_ = true;
}

bool Http1Sender::wants_output() const {
  if (!heads_.empty()) return true;
  return begun_ && !done_ && !held_ && (!body_.empty() || dropped_ != 0 || end_queued_);
}

}  // namespace weft::http
