#pragma once
// Http1Sender: the outgoing half of one HTTP/1 message: what is queued, how its body is framed, and
// what has left.
//
// Body bytes are framed when they leave, so that a chunk is never announced before its bytes are in
// hand and small pieces share a chunk. Owner: a codec; begin() starts the next message. Invariant:
// never more body than the length announced.

#include <cstddef>
#include <cstdint>

#include "sidecar/core/buffer.h"
#include "sidecar/http/http1_framing.h"
#include "sidecar/http/message.h"

namespace weft::http {

class Http1Sender final {
 public:
  // Forgets the last message; its wire bytes stay queued.
  void reset();
  // Where heads are written; they leave first.
  [[nodiscard]] Buffer& heads() { return heads_; }
  // The head that frames the body has been written.
  void begin(const Http1Framing& framing);
  // Body bytes wait, framed or not, until let go: a tunnel before the other side has agreed.
  void hold(bool held) { held_ = held; }

  void queue(Buffer&& bytes, bool end);
  void queue_trailers(const Headers& trailers);
  // Appends about `room` bytes to `out`; returns how many body bytes are done with.
  [[nodiscard]] std::size_t produce(Buffer& out, std::size_t room);
  // No more of this message leaves; heads written do.
  void abandon();

  [[nodiscard]] std::size_t buffered() const { return body_.size() + dropped_; }
  [[nodiscard]] bool begun() const { return begun_; }
  [[nodiscard]] bool end_queued() const { return end_queued_; }
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] bool wants_output() const;
  [[nodiscard]] BodyKind kind() const { return kind_; }
  // The end came before the announced length: the peer cannot be told but by closing.
  [[nodiscard]] bool fell_short() const {
    return done_ && kind_ == BodyKind::kLength && left_ != 0;
  }

 private:
  Buffer heads_;
  Buffer body_;
  Buffer tail_;  // the last chunk, when it carries trailers
  BodyKind kind_ = BodyKind::kNone;
  std::uint64_t left_ = 0;   // kLength: not queued yet
  std::size_t dropped_ = 0;  // body of a message that has none
  bool begun_ = false;
  bool held_ = false;
  bool end_queued_ = false;
  bool done_ = false;
};

}  // namespace weft::http
