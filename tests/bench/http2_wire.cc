#include "tests/bench/http2_wire.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tests/bench/socket.h"

namespace weft::bench {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kHeaderTable = 4096;

std::uint32_t read_32(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  }
  return value;
}

std::uint32_t read_16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[at])) << 8U |
         static_cast<unsigned char>(bytes[at + 1]);
}

void put(std::string& output, std::uint64_t value, unsigned size) {
  for (unsigned i = size; i-- > 0;) output += static_cast<char>(value >> (8 * i) & 0xFFU);
}

std::string_view view_of(nghttp2_vec vector) {
  return {reinterpret_cast<const char*>(vector.base), vector.len};
}

}  // namespace

Http2Wire::Http2Wire(Side side, Events& events, std::vector<Fields> blocks,
                     std::uint32_t streams_max)
    : side_(side), events_(events), preface_read_(side == Side::kClient) {
  for (Fields& fields : blocks) blocks_.push_back({.fields = std::move(fields)});
  nghttp2_hd_deflater* deflater = nullptr;
  nghttp2_hd_inflater* inflater = nullptr;
  if (nghttp2_hd_deflate_new(&deflater, kHeaderTable) != 0) die("out of memory");
  deflater_.reset(deflater);
  if (nghttp2_hd_inflate_new(&inflater) != 0) die("out of memory");
  inflater_.reset(inflater);

  if (side_ == Side::kClient) output_ += kPreface;
  const std::array<std::pair<std::uint32_t, std::uint32_t>, 3> settings{{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, streams_max},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kStreamWindow)},
  }};
  frame_head(settings.size() * 6, NGHTTP2_SETTINGS, 0, 0);
  for (const auto& [name, value] : settings) {
    put(output_, name, 2);
    put(output_, value, 4);
  }
  window_update(0, kConnectionWindow - 65535);
}

void Http2Wire::frame_head(std::size_t size, std::uint8_t type, std::uint8_t flags,
                           StreamId stream) {
  put(output_, size, 3);
  put(output_, type, 1);
  put(output_, flags, 1);
  put(output_, stream, 4);
}

void Http2Wire::window_update(StreamId stream, std::int64_t grown) {
  frame_head(4, NGHTTP2_WINDOW_UPDATE, 0, stream);
  put(output_, static_cast<std::uint64_t>(grown), 4);
}

bool Http2Wire::feed(std::string_view bytes) {
  if (!input_.empty()) {
    input_ += bytes;
    bytes = input_;
  }
  if (!preface_read_ && bytes.size() >= kPreface.size()) {
    if (!bytes.starts_with(kPreface)) return false;
    bytes.remove_prefix(kPreface.size());
    preface_read_ = true;
  }
  while (preface_read_ && bytes.size() >= kFrameHead) {
    const std::size_t size = read_32(bytes, 0) >> 8U;
    if (size > kFrameMax) return false;
    if (bytes.size() < kFrameHead + size) break;
    const Frame frame{.type = static_cast<std::uint8_t>(bytes[3]),
                      .flags = static_cast<std::uint8_t>(bytes[4]),
                      .stream = read_32(bytes, 5) & 0x7FFFFFFFU,
                      .payload = bytes.substr(kFrameHead, size)};
    bytes.remove_prefix(kFrameHead + size);
    if (!on_frame(frame)) return false;
  }
  // `bytes` may lie in input_, so what is left is copied out first.
  std::string rest{bytes};
  input_.swap(rest);
  return true;
}

bool Http2Wire::on_frame(const Frame& frame) {
  std::string_view bytes;
  if (header_stream_ != 0 && frame.type != NGHTTP2_CONTINUATION) return false;
  switch (frame.type) {
    case NGHTTP2_DATA:
      return strip(frame, bytes) && on_data_frame(frame, bytes);
    case NGHTTP2_HEADERS: {
      if (!strip(frame, bytes)) return false;
      header_stream_ = frame.stream;
      header_is_last_ = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
      if (side_ == Side::kServer) {
        streams_.try_emplace(frame.stream, Stream{.window = peer_stream_window_});
      }
      return on_header_bytes(bytes, (frame.flags & NGHTTP2_FLAG_END_HEADERS) != 0);
    }
    case NGHTTP2_CONTINUATION:
      if (header_stream_ == 0 || frame.stream != header_stream_) return false;
      return on_header_bytes(frame.payload, (frame.flags & NGHTTP2_FLAG_END_HEADERS) != 0);
    case NGHTTP2_SETTINGS:
      return on_settings(frame);
    case NGHTTP2_WINDOW_UPDATE:
      return on_window_update(frame);
    case NGHTTP2_PING:
      if (frame.payload.size() != 8) return false;
      if ((frame.flags & NGHTTP2_FLAG_ACK) != 0) return true;
      frame_head(8, NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0);
      output_ += frame.payload;
      return true;
    case NGHTTP2_RST_STREAM:
      if (streams_.erase(frame.stream) > 0) events_.on_reset(frame.stream);
      return true;
    case NGHTTP2_GOAWAY:
      events_.on_goaway();
      return true;
    default:
      return frame.type != NGHTTP2_PUSH_PROMISE;
  }
}

bool Http2Wire::strip(const Frame& frame, std::string_view& bytes) {
  bytes = frame.payload;
  std::size_t padding = 0;
  if ((frame.flags & NGHTTP2_FLAG_PADDED) != 0) {
    if (bytes.empty()) return false;
    padding = static_cast<unsigned char>(bytes[0]);
    bytes.remove_prefix(1);
  }
  if (frame.type == NGHTTP2_HEADERS && (frame.flags & NGHTTP2_FLAG_PRIORITY) != 0) {
    if (bytes.size() < 5) return false;
    bytes.remove_prefix(5);
  }
  if (padding > bytes.size()) return false;
  bytes.remove_suffix(padding);
  return true;
}

bool Http2Wire::on_settings(const Frame& frame) {
  if ((frame.flags & NGHTTP2_FLAG_ACK) != 0) return true;
  if (frame.payload.size() % 6 != 0) return false;
  for (std::size_t at = 0; at < frame.payload.size(); at += 6) {
    const std::uint32_t value = read_32(frame.payload, at + 2);
    switch (read_16(frame.payload, at)) {
      case NGHTTP2_SETTINGS_HEADER_TABLE_SIZE:
        nghttp2_hd_deflate_change_table_size(deflater_.get(),
                                             std::min<std::size_t>(value, kHeaderTable));
        forget_encodings();
        break;
      case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
        peer_streams_max_ = value;
        break;
      case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
        for (auto& [id, stream] : streams_) {
          stream.window += std::int64_t{value} - peer_stream_window_;
        }
        peer_stream_window_ = value;
        break;
      default:
        break;
    }
  }
  frame_head(0, NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0);
  for (const StreamId id : std::exchange(blocked_, {})) resume(id);
  events_.on_peer_settings();
  return true;
}

bool Http2Wire::on_header_bytes(std::string_view block, bool is_whole) {
  if (!is_whole || !header_bytes_.empty()) header_bytes_ += block;
  if (!is_whole) return true;
  if (!header_bytes_.empty()) block = header_bytes_;
  const auto* in = reinterpret_cast<const std::uint8_t*>(block.data());
  std::size_t left = block.size();
  const StreamId stream = header_stream_;
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t taken = nghttp2_hd_inflate_hd2(inflater_.get(), &field, &flags, in, left, 1);
    if (taken < 0) return false;
    in += taken;
    left -= static_cast<std::size_t>(taken);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      events_.on_field(stream, view_of({field.name, field.namelen}),
                       view_of({field.value, field.valuelen}));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if (left == 0 && (flags & NGHTTP2_HD_INFLATE_EMIT) == 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_.get());
  header_bytes_.clear();
  header_stream_ = 0;
  const bool is_last = header_is_last_;
  if (is_last) they_ended(stream);
  events_.on_fields_end(stream, is_last);
  return true;
}

bool Http2Wire::on_data_frame(const Frame& frame, std::string_view bytes) {
  const auto size = static_cast<std::int64_t>(frame.payload.size());
  received_ += size;
  if (received_ > kConnectionWindow / 2) window_update(0, std::exchange(received_, 0));
  const bool is_last = (frame.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const auto it = streams_.find(frame.stream);
  if (it == streams_.end()) return true;  // We reset it and they did not know yet.
  it->second.received += size;
  if (!is_last && it->second.received > kStreamWindow / 2) {
    window_update(frame.stream, std::exchange(it->second.received, 0));
  }
  if (is_last) they_ended(frame.stream);
  events_.on_data(frame.stream, bytes, is_last);
  return true;
}

bool Http2Wire::on_window_update(const Frame& frame) {
  if (frame.payload.size() != 4) return false;
  const std::int64_t grown = read_32(frame.payload, 0) & 0x7FFFFFFFU;
  if (frame.stream == 0) {
    window_ += grown;
    for (const StreamId id : std::exchange(blocked_, {})) resume(id);
    return true;
  }
  const auto it = streams_.find(frame.stream);
  if (it == streams_.end()) return true;
  it->second.window += grown;
  resume(frame.stream);
  return true;
}

Http2Wire::StreamId Http2Wire::open() {
  const StreamId id = next_stream_;
  next_stream_ += 2;
  streams_.try_emplace(id, Stream{.window = peer_stream_window_});
  return id;
}

void Http2Wire::send_block(StreamId id, std::size_t block, bool is_last) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  if (!it->second.waiting.empty()) {
    it->second.waiting.push_back({.block = block, .is_block = true, .is_last = is_last});
    return;
  }
  write_block(it->second, id, block, is_last);
}

void Http2Wire::send_data(StreamId id, std::string_view bytes, bool is_last) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  Stream& stream = it->second;
  if (stream.waiting.empty() && write_data(stream, id, bytes, is_last)) return;
  if (stream.waiting.empty()) blocked_.push_back(id);
  stream.waiting.push_back({.bytes = std::string{bytes}, .is_last = is_last});
}

void Http2Wire::reset(StreamId id) {
  if (streams_.erase(id) == 0) return;
  frame_head(4, NGHTTP2_RST_STREAM, 0, id);
  put(output_, NGHTTP2_CANCEL, 4);
}

bool Http2Wire::write_data(Stream& stream, StreamId id, std::string_view& bytes, bool is_last) {
  while (!bytes.empty()) {
    const auto room =
        static_cast<std::size_t>(std::max<std::int64_t>(std::min(window_, stream.window), 0));
    const std::size_t size = std::min({bytes.size(), room, kFrameMax});
    if (size == 0) return false;
    const bool ends = is_last && size == bytes.size();
    frame_head(size, NGHTTP2_DATA,
               static_cast<std::uint8_t>(ends ? NGHTTP2_FLAG_END_STREAM : NGHTTP2_FLAG_NONE), id);
    output_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    window_ -= static_cast<std::int64_t>(size);
    stream.window -= static_cast<std::int64_t>(size);
  }
  if (is_last) {
    stream.we_ended = true;
    close_if_done(id);
  }
  return true;
}

void Http2Wire::write_block(Stream& stream, StreamId id, std::size_t block, bool is_last) {
  const std::string_view bytes = encoded(blocks_[block]);
  const auto flags =
      static_cast<std::uint8_t>(NGHTTP2_FLAG_END_HEADERS | (is_last ? NGHTTP2_FLAG_END_STREAM : 0));
  frame_head(bytes.size(), NGHTTP2_HEADERS, flags, id);
  output_ += bytes;
  if (!is_last) return;
  stream.we_ended = true;
  close_if_done(id);
}

void Http2Wire::resume(StreamId id) {
  while (true) {
    const auto it = streams_.find(id);
    if (it == streams_.end() || it->second.waiting.empty()) return;
    Stream& stream = it->second;
    Waiting next = std::move(stream.waiting.front());
    stream.waiting.pop_front();
    if (next.is_block) {
      write_block(stream, id, next.block, next.is_last);
      continue;
    }
    std::string_view bytes = next.bytes;
    if (write_data(stream, id, bytes, next.is_last)) continue;
    stream.waiting.push_front({.bytes = std::string{bytes}, .is_last = next.is_last});
    blocked_.push_back(id);
    return;
  }
}

void Http2Wire::they_ended(StreamId id) {
  const auto it = streams_.find(id);
  if (it == streams_.end()) return;
  it->second.they_ended = true;
  close_if_done(id);
}

void Http2Wire::close_if_done(StreamId id) {
  const auto it = streams_.find(id);
  if (it->second.we_ended && it->second.they_ended) streams_.erase(it);
}

// A field sent before is in the table, so sending it again adds nothing; once every block was sent,
// the table moves no more and a block encoded after that is right for ever.
std::string_view Http2Wire::encoded(Block& block) {
  if (block.is_steady) return block.bytes;
  const bool repeats = std::exchange(block.was_sent, true);
  if (!repeats) ++blocks_sent_;
  std::vector<nghttp2_nv> fields;
  for (Field& field : block.fields) {
    fields.push_back({.name = reinterpret_cast<std::uint8_t*>(field.name.data()),
                      .value = reinterpret_cast<std::uint8_t*>(field.value.data()),
                      .namelen = field.name.size(),
                      .valuelen = field.value.size(),
                      .flags = NGHTTP2_NV_FLAG_NONE});
  }
  block.bytes.resize(nghttp2_hd_deflate_bound(deflater_.get(), fields.data(), fields.size()));
  const ssize_t size =
      nghttp2_hd_deflate_hd(deflater_.get(), reinterpret_cast<std::uint8_t*>(block.bytes.data()),
                            block.bytes.size(), fields.data(), fields.size());
  if (size < 0 || static_cast<std::size_t>(size) > kFrameMax) die("a header block past 16 KiB");
  block.bytes.resize(static_cast<std::size_t>(size));
  block.is_steady = repeats && blocks_sent_ == blocks_.size();
  return block.bytes;
}

void Http2Wire::forget_encodings() {
  blocks_sent_ = 0;
  for (Block& block : blocks_) block.was_sent = block.is_steady = false;
}

}  // namespace weft::bench
