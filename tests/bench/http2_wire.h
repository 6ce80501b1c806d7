#pragma once
// Http2Wire: the frames of one HTTP/2 connection, either end of it, for the two ends of a
// benchmark.
//
// Owner: a connection of meshload or meshback. Thread: one. Bytes in through feed(), bytes out
// collect in output() until their owner sends them. It knows frames, flow control both ways and
// header compression (nghttp2's, which is the only part shared with what is measured), trusts its
// peers to be our own programs or a proxy between them, and keeps no order among streams but the
// one it was asked in. A header block is registered once; when compression answers with the same
// bytes each time, they are kept, so that a request costs the client a copy. Errors: feed() says
// false, after which the connection is over. Limits: frames of 16 KiB, the peer's windows. Source:
// RFC 9113 sections 3.4, 4 to 6; RFC 7541.

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weft::bench {

struct Field {
  std::string name;
  std::string value;
};
using Fields = std::vector<Field>;

class Http2Wire final {
 public:
  enum class Side { kClient, kServer };
  using StreamId = std::uint32_t;

  class Events {
   public:
    virtual void on_peer_settings() = 0;
    virtual void on_field(StreamId stream, std::string_view name, std::string_view value) = 0;
    virtual void on_fields_end(StreamId stream, bool is_last) = 0;
    virtual void on_data(StreamId stream, std::string_view bytes, bool is_last) = 0;
    virtual void on_reset(StreamId stream) = 0;
    virtual void on_goaway() = 0;

   protected:
    ~Events() = default;
  };

  // Blocks are referred to by their place in the list; the peer will be sent its streams' worth of
  // `streams_max`.
  Http2Wire(Side side, Events& events, std::vector<Fields> blocks, std::uint32_t streams_max);

  [[nodiscard]] bool feed(std::string_view bytes);
  [[nodiscard]] std::string& output() { return output_; }

  // Client: the number of a new stream.
  [[nodiscard]] StreamId open();
  void send_block(StreamId stream, std::size_t block, bool is_last);
  void send_data(StreamId stream, std::string_view bytes, bool is_last);
  void reset(StreamId stream);
  [[nodiscard]] std::uint32_t peer_streams_max() const { return peer_streams_max_; }

 private:
  static constexpr std::size_t kFrameHead = 9;
  static constexpr std::size_t kFrameMax = 16384;
  static constexpr std::int64_t kStreamWindow = 256 * 1024;
  static constexpr std::int64_t kConnectionWindow = 1024 * 1024;

  struct Waiting {
    std::string bytes;  // Of a data frame; unused for a block.
    std::size_t block = 0;
    bool is_block = false;
    bool is_last = false;
  };
  struct Stream {
    std::int64_t window = 0;    // What we may still send.
    std::int64_t received = 0;  // Since the last update of their window.
    std::deque<Waiting> waiting;
    bool we_ended = false;
    bool they_ended = false;
  };
  struct Block {
    Fields fields;
    std::string bytes;
    bool was_sent = false;
    bool is_steady = false;
  };
  struct Frame {
    std::uint8_t type = 0;
    std::uint8_t flags = 0;
    StreamId stream = 0;
    std::string_view payload;
  };

  void frame_head(std::size_t size, std::uint8_t type, std::uint8_t flags, StreamId stream);
  void window_update(StreamId stream, std::int64_t grown);
  [[nodiscard]] bool on_frame(const Frame& frame);
  [[nodiscard]] bool on_settings(const Frame& frame);
  [[nodiscard]] bool on_header_bytes(std::string_view block, bool is_whole);
  [[nodiscard]] bool on_data_frame(const Frame& frame, std::string_view bytes);
  [[nodiscard]] bool on_window_update(const Frame& frame);
  // Without padding and priority; false when they do not fit.
  [[nodiscard]] static bool strip(const Frame& frame, std::string_view& bytes);
  [[nodiscard]] std::string_view encoded(Block& block);
  void forget_encodings();
  // True when all of it went out.
  [[nodiscard]] bool write_data(Stream& stream, StreamId id, std::string_view& bytes, bool is_last);
  void write_block(Stream& stream, StreamId id, std::size_t block, bool is_last);
  void resume(StreamId id);
  void they_ended(StreamId id);
  void close_if_done(StreamId id);

  struct HdDeleter {
    void operator()(nghttp2_hd_deflater* deflater) const { nghttp2_hd_deflate_del(deflater); }
    void operator()(nghttp2_hd_inflater* inflater) const { nghttp2_hd_inflate_del(inflater); }
  };

  Side side_;
  Events& events_;
  std::vector<Block> blocks_;
  std::size_t blocks_sent_ = 0;  // Different ones, so far.
  std::unique_ptr<nghttp2_hd_deflater, HdDeleter> deflater_;
  std::unique_ptr<nghttp2_hd_inflater, HdDeleter> inflater_;
  std::unordered_map<StreamId, Stream> streams_;
  std::vector<StreamId> blocked_;
  std::string input_;
  std::string output_;
  std::string header_bytes_;    // Of a block that came in several frames.
  StreamId header_stream_ = 0;  // The stream of the block being read.
  bool header_is_last_ = false;
  bool preface_read_ = false;
  StreamId next_stream_ = 1;
  std::int64_t window_ = 65535;
  std::int64_t received_ = 0;
  std::int64_t peer_stream_window_ = 65535;
  std::uint32_t peer_streams_max_ = 100;
};

}  // namespace weft::bench
