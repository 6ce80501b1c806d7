#pragma once
// MessageReader: finds where one HTTP/1.1 message ends in a stream of bytes, for the two ends of a
// benchmark.
//
// Owner: a connection. Thread: one. It reads status, method, body framing and "connection: close"
// and nothing else: it trusts its peers to be our own programs or a proxy between them. Errors:
// Progress::kMalformed, after which only reset() may follow. Limits: a head of 64 KiB. Source: RFC
// 9112 sections 6 and 7.

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::bench {

class MessageReader final {
 public:
  enum class Kind { kRequest, kAnswer };
  enum class Progress { kMore, kDone, kMalformed };

  explicit MessageReader(Kind kind) : kind_(kind) {}

  // Takes bytes off the front of `bytes` up to the end of the message and no further.
  [[nodiscard]] Progress feed(std::string_view& bytes);
  // The peer closed: true when that is how this message ends.
  [[nodiscard]] bool ends_at_close() const { return state_ == State::kUntilClose; }
  [[nodiscard]] bool started() const { return state_ != State::kHead || !head_.empty(); }
  void reset();

  [[nodiscard]] unsigned status() const { return status_; }
  [[nodiscard]] bool is_head_request() const { return is_head_request_; }
  [[nodiscard]] bool wants_close() const { return wants_close_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }

 private:
  enum class State {
    kHead,
    kLength,
    kChunkSize,
    kChunkData,
    kChunkEnd,
    kTrailers,
    kUntilClose,
    kDone
  };
  static constexpr std::size_t kHeadMax = 64 * 1024;

  [[nodiscard]] Progress feed_head(std::string_view& bytes);
  [[nodiscard]] Progress feed_chunks(std::string_view& bytes);
  [[nodiscard]] bool read_head(std::string_view head);
  [[nodiscard]] bool read_first_line(std::string_view line);
  [[nodiscard]] bool read_field(std::string_view name, std::string_view value);
  void begin_body();
  void skip(std::string_view& bytes);

  Kind kind_;
  State state_ = State::kHead;
  std::string head_;  // Only when a head arrives in pieces.
  std::string line_;  // The chunk size or trailer line being collected.
  std::uint64_t left_ = 0;
  std::uint64_t body_bytes_ = 0;
  unsigned status_ = 0;
  bool is_head_request_ = false;
  bool wants_close_ = false;
  bool has_length_ = false;
  bool is_chunked_ = false;
};

}  // namespace weft::bench
