#pragma once
// One HTTP/1 codec in a box for the fuzz targets: bytes in, in pieces, and a text of everything
// that it said and wrote.
//
// Body pieces are joined and what was written is kept apart, so that the text depends on the bytes
// and not on how they were cut.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "sidecar/http/codec.h"
#include "sidecar/http/http1_parser.h"
#include "sidecar/http/http1_writer.h"

namespace weft::fuzz {

inline void require(bool holds) {
  if (!holds) std::abort();
}

inline std::string print(const http::Headers& headers) {
  std::string text;
  for (const http::Field& field : headers) {
    text.append("|").append(field.name).append(":").append(field.value);
  }
  return text;
}

inline std::string print(const http::RequestHead& head) {
  std::string text(head.method_name);
  for (const std::string_view part : {head.authority, head.target, head.protocol}) {
    text.append(" ").append(part);
  }
  text += head.content_length ? " " + std::to_string(*head.content_length) : " -";
  return text + (head.expects_continue ? " expects" : "") + print(head.headers);
}

inline std::string print(const http::ResponseHead& head) {
  std::string text = std::to_string(head.status);
  text += head.content_length ? " " + std::to_string(*head.content_length) : " -";
  return text + print(head.headers);
}

class Box : public http::CodecHost {
 public:
  void wake() override {}
  void pause_input() override { paused_ = true; }
  void resume_input() override { paused_ = false; }
  [[nodiscard]] TimePoint now() const override { return {}; }

  // Feeds `bytes` in pieces of `step`, then the end; returns the transcript.
  std::string run(http::Codec& codec, std::string_view bytes, std::size_t step) {
    Buffer input;
    bool broken = false;
    for (std::size_t at = 0; at < bytes.size() && !broken; at += step) {
      input.append(bytes.substr(at, step));
      broken = !turn(codec, input);
    }
    if (!broken) (void)codec.feed_end();
    (void)turn(codec, input);
    say(codec.finished() ? "finished" : "alive");
    return text_ + "wrote\n" + wire_;
  }

 protected:
  void say(const std::string& line) { text_ += std::exchange(body_, {}) + "\n" + line + "\n"; }
  void say_body(const Buffer& bytes, bool end) {
    body_ += bytes.to_string();
    if (end) say("end");
  }

 private:
  bool turn(http::Codec& codec, Buffer& input) {
    while (true) {
      Buffer out;
      if (!paused_ && !input.empty()) {
        const std::size_t before = input.size();
        const bool fine = codec.feed(input).has_value();
        // It takes something, or says that it wants no more.
        require(!fine || input.size() < before || paused_);
        if (!fine) {
          codec.produce(out, SIZE_MAX);
          wire_ += out.to_string();
          return false;
        }
      }
      codec.produce(out, SIZE_MAX);
      wire_ += out.to_string();
      if (out.empty() && (paused_ || input.empty())) return true;
    }
  }

  std::string text_;
  std::string body_;
  std::string wire_;
  bool paused_ = false;
};

}  // namespace weft::fuzz
