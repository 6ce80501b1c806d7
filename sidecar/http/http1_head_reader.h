#pragma once
// Http1HeadReader: finds the end of one head (or of a trailer section) in whatever pieces its bytes
// come.
//
// A head that lies whole in the input's front is looked at where it lies; otherwise its bytes are
// gathered in a block of this reader's own, so that a slow peer holds as much memory as it has sent
// and never a read block. Every line must end in CRLF. Owner: a parser. Limits: start line and
// whole, from Limits; the same answer whatever the pieces.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/core/block.h"
#include "sidecar/core/buffer.h"
#include "sidecar/core/result.h"

namespace weft::http {

class Http1HeadReader final {
 public:
  enum class Kind : std::uint8_t { kRequest, kResponse, kTrailers };
  enum class Found : std::uint8_t {
    kMore,       // took all there was
    kStartLine,  // start_line() is complete; read on. Not with kTrailers.
    kEnd,        // text() is complete, empty line included; finish() when done with it
  };

  Http1HeadReader(Kind kind, std::size_t start_line_max, std::size_t bytes_max)
      : kind_(kind), start_line_max_(start_line_max), bytes_max_(bytes_max) {}

  [[nodiscard]] Result<Found> read(Buffer& input);
  // Valid until the next call or change of `input`.
  [[nodiscard]] std::string_view start_line() const { return {text_, line_end_}; }
  [[nodiscard]] std::string_view text() const { return {text_, end_}; }
  // Where the field lines begin in text().
  [[nodiscard]] std::size_t fields_begin() const {
    return kind_ == Kind::kTrailers ? 0 : line_end_ + 2;
  }
  // Takes the head out of `input` and makes ready for the next.
  void finish(Buffer& input);

  // Some bytes of a head have come.
  [[nodiscard]] bool partial() const { return gathered_ != 0; }

 private:
  Result<Found> scan(const char* text, std::size_t size);
  Status check_first_byte(char first) const;
  void gather(Bytes bytes);

  Kind kind_;
  bool empty_line_seen_ = false;
  std::size_t start_line_max_;
  std::size_t bytes_max_;
  const char* text_ = nullptr;
  std::size_t scanned_ = 0;   // no line feed before this offset is new
  std::size_t line_end_ = 0;  // of the start line, without its CRLF; 0: not found yet
  std::size_t end_ = 0;
  BlockRef store_;
  std::size_t gathered_ = 0;  // bytes in store_
};

}  // namespace weft::http
