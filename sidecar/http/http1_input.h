#pragma once
// Http1InputGate: decides when an HTTP/1 codec stops and goes on reading its transport.
//
// The socket is paused while the receiver of a body holds a whole window of it, and resumed when
// half of that is consumed (less of either while the thread's BufferBudget is tight); and while
// bytes wait behind a message that is not finished with. Owner: a codec. The host hears only
// changes.

#include <algorithm>
#include <cstddef>

#include "sidecar/core/buffer_budget.h"
#include "sidecar/http/codec.h"

namespace weft::http {

class Http1InputGate final {
 public:
  Http1InputGate(CodecHost& host, std::size_t window) : host_(host), window_(window) {}

  // Body bytes that may still be delivered.
  [[nodiscard]] std::size_t room() const {
    const std::size_t window = buffer_share(window_);
    return window - std::min(window, unconsumed_);
  }
  void delivered(std::size_t bytes) { unconsumed_ += bytes; }
  // Resumes below half a window, and so at the latest when all is consumed.
  void consumed(std::size_t bytes) {
    unconsumed_ -= std::min(bytes, unconsumed_);
    if (unconsumed_ <= buffer_share(window_) / 2) resume();
  }
  // The message is over: nobody will say what becomes of its bytes.
  void forget() { unconsumed_ = 0; }

  void pause() {
    if (paused_) return;
    paused_ = true;
    host_.pause_input();
  }
  void resume() {
    if (!paused_) return;
    paused_ = false;
    host_.resume_input();
  }

 private:
  CodecHost& host_;
  std::size_t window_;
  std::size_t unconsumed_ = 0;
  bool paused_ = false;
};

}  // namespace weft::http
