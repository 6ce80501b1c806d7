#pragma once
// Http1BodyReader: takes one message's body out of the connection's bytes, by length, by chunks or
// to the end.
//
// Pure but for its state; strict about every byte of chunk framing. Chunk extensions are read and
// dropped, within a limit per message. Owner: a codec. Source: RFC 9112 sections 6 and 7;
// threats.md 3.1 (H1-08 to H1-11).

#include <cstddef>
#include <cstdint>

#include "sidecar/core/buffer.h"
#include "sidecar/core/result.h"
#include "sidecar/http/http1_framing.h"
#include "sidecar/http/http1_head_reader.h"
#include "sidecar/http/limits.h"

namespace weft::http {

class Http1BodyReader final {
 public:
  explicit Http1BodyReader(const Limits& limits);

  void begin(const Http1Framing& framing);
  // Moves body bytes from `input` to `piece`, `room` at most; true when the body has ended,
  // trailers included. After an error `piece` holds what came before it.
  [[nodiscard]] Result<bool> read(Buffer& input, std::size_t room, Buffer& piece);
  // Trailers that may be passed on; once, after the end.
  [[nodiscard]] Headers take_trailers() { return std::move(trailers_); }
  [[nodiscard]] bool has_trailers() const { return !trailers_.empty(); }
  [[nodiscard]] BodyKind kind() const { return kind_; }

 private:
  enum class Line : std::uint8_t {
    kSize,
    kExtensionName,
    kExtensionValueBegin,
    kExtensionValue,
    kExtensionQuoted,
    kExtensionEscaped,
    kExtensionQuoteEnd,
    kSizeFeed,
    kData,
    kDataReturn,
    kDataFeed,
    kTrailers,
    kDone,
  };
  [[nodiscard]] Result<bool> read_chunked(Buffer& input, std::size_t room, Buffer& piece);
  [[nodiscard]] Status read_line(Buffer& input);
  // The next state, or why `c` may not come here.
  [[nodiscard]] Result<Line> step(char c);
  [[nodiscard]] Result<Line> step_extension(char c);
  [[nodiscard]] Status read_trailers(Buffer& input);

  const Limits& limits_;
  BodyKind kind_ = BodyKind::kNone;
  Line line_ = Line::kSize;
  bool name_begun_ = false;  // of a chunk extension
  std::uint32_t digits_ = 0;
  std::uint64_t left_ = 0;  // of the body, or of the chunk
  std::size_t extension_bytes_ = 0;
  Http1HeadReader trailer_reader_;
  Headers trailers_;
};

// Moves `count` bytes; small pieces are copied, so that no read block is kept for them.
void move_bytes(Buffer& from, std::size_t count, Buffer& to);

}  // namespace weft::http
