#pragma once
// Http2Pair: an HTTP/2 client codec and a server codec joined through bytes, each with sinks that
// write down what they hear.
//
// The test says what either side does and calls run(); bytes then pass both ways in pieces of
// `piece` until nothing moves. raw() feeds the server hand-written bytes instead. Thread: the
// test's.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/turn.h"
#include "sidecar/http/codec.h"

namespace weft::http::testing {

struct Host final : CodecHost {
  TimePoint time{std::chrono::hours(1)};
  int wakes = 0;
  void wake() override { ++wakes; }
  void pause_input() override {}
  void resume_input() override {}
  [[nodiscard]] TimePoint now() const override { return time; }
};

// Hears one stream from the server's or the client's side. Consumes bodies at once unless told to
// hold them.
struct Hearer final : RequestSink, ResponseSink {
  std::string text;
  std::string body;
  std::size_t sent = 0;
  std::size_t held = 0;
  bool hold = false;
  bool ended = false;
  std::unique_ptr<ServerStream> server;
  std::unique_ptr<ClientStream> client;
  RequestHead request;
  ResponseHead response;
  // Drops its stream inside the n-th event, counted from 1.
  int drop_in_event = 0;
  int events = 0;

  [[nodiscard]] Stream* stream() const {
    if (server != nullptr) return server.get();
    return client.get();
  }
  void note(std::string_view what) {
    text += what;
    if (++events == drop_in_event) {
      server.reset();
      client.reset();
    }
  }
  void on_body(Buffer&& bytes, bool end) override {
    const std::size_t size = bytes.size();
    body += bytes.to_string();
    held += size;
    ended |= end;
    note(end ? "[body " + std::to_string(size) + " end]" : "[body " + std::to_string(size) + "]");
    if (!hold) consume();
  }
  void consume() {
    if (stream() != nullptr) stream()->consume(held);
    held = 0;
  }
  void on_trailers(Headers&& trailers) override {
    ended = true;
    std::string line = "[trailers";
    for (const Field& field : trailers)
      line += " " + std::string(field.name) + "=" + std::string(field.value);
    note(line + "]");
  }
  void on_sent(std::size_t bytes) override {
    sent += bytes;
    if (++events == drop_in_event) {
      server.reset();
      client.reset();
    }
  }
  void on_stream_fault(const Error& error) override {
    note("[fault " + std::string(name_of(error.fault)) + "]");
  }
  void on_informational(ResponseHead&& head) override {
    note("[" + std::to_string(head.status) + "]");
  }
  void on_response_head(ResponseHead&& head, bool end) override {
    ended |= end;
    response = std::move(head);
    note("[" + std::to_string(response.status) + (end ? " end]" : "]"));
  }
};

inline std::string describe(const RequestHead& head) {
  std::string text(head.method_name);
  text += " " + std::string(head.scheme) + "://" + std::string(head.authority) +
          std::string(head.target);
  if (head.content_length) text += " length=" + std::to_string(*head.content_length);
  if (!head.protocol.empty()) text += " protocol=" + std::string(head.protocol);
  for (const Field& field : head.headers)
    text += "\n" + std::string(field.name) + ": " + std::string(field.value);
  return text;
}

struct Requests final : ServerCodec::Handler {
  std::vector<std::unique_ptr<Hearer>> all;
  std::string malformed;
  bool drop = false;  // streams are dropped at once
  bool hold = false;
  bool answer = false;  // "200 end" at once
  int drop_in_event = 0;

  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override {
    auto hearer = std::make_unique<Hearer>();
    hearer->request = std::move(head);
    hearer->ended = end;
    hearer->hold = hold;
    hearer->drop_in_event = drop_in_event;
    if (drop) return all.push_back(std::move(hearer));
    stream->set_sink(hearer.get());
    hearer->server = std::move(stream);
    if (answer) hearer->server->send_head(ResponseHead(), true);
    all.push_back(std::move(hearer));
  }
  void on_malformed(const Error& error, std::uint16_t status) override {
    malformed += "[" + std::to_string(status) + " " + std::string(name_of(error.fault)) + "]";
  }
  [[nodiscard]] Hearer& at(std::size_t i) { return *all.at(i); }
};

// How many bytes go over at once.
inline constexpr std::size_t kPieces[] = {1, 2, 3, 7, 9, 10, 64, 1000, SIZE_MAX};

class Http2Pair final {
 public:
  explicit Http2Pair(const CodecOptions& options = {}, std::size_t piece_in = SIZE_MAX)
      : piece(piece_in) {
    server = make_http2_server(server_host, requests, options);
    client = make_http2_client(client_host, options);
  }

  std::size_t piece;
  Host server_host;
  Host client_host;
  Requests requests;
  std::unique_ptr<ServerCodec> server;
  std::unique_ptr<ClientCodec> client;
  Status server_status;
  Status client_status;
  std::string to_server;  // everything that ever went that way
  std::string to_client;

  // One pass in both directions; false when nothing moved.
  bool step() {
    const bool there = carry(*client, *server, server_status, to_server);
    const bool back = carry(*server, *client, client_status, to_client);
    return there || back;
  }
  void run() {
    while (step()) {
    }
  }

  std::unique_ptr<Hearer> open(RequestHead& head, bool end = true) const {
    auto hearer = std::make_unique<Hearer>();
    hearer->client = client->open(head, end, *hearer);
    return hearer;
  }

 private:
  bool carry(Codec& from, Codec& to, Status& status, std::string& log) const {
    Buffer bytes;
    from.produce(bytes, 64 * 1024);
    if (bytes.empty()) return false;
    log += bytes.to_string();
    while (!bytes.empty() && status) {
      Buffer part = bytes.split(std::min(piece, bytes.size()));
      status = to.feed(part);
    }
    return true;
  }
};

inline RequestHead get(std::string_view target = "/") {
  RequestHead head;
  head.authority = "cart:8080";
  head.target = target;
  return head;
}

// ---- frames by hand ----

inline std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                         std::string_view payload) {
  std::string text;
  for (const int shift : {16, 8, 0}) text += static_cast<char>(payload.size() >> shift);
  text += static_cast<char>(type);
  text += static_cast<char>(flags);
  for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(stream >> shift);
  return text + std::string(payload);
}
inline std::string u32(std::uint32_t value) {
  std::string text;
  for (const int shift : {24, 16, 8, 0}) text += static_cast<char>(value >> shift);
  return text;
}
inline constexpr std::string_view kMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline std::string preface() { return std::string(kMagic) + frame(4, 0, 0, ""); }

// HPACK without Huffman and without the tables: literal, never mind the size.
inline std::string literal(std::string_view name, std::string_view value) {
  const auto length = [](std::size_t size) {
    std::string text;
    if (size < 127) return text + static_cast<char>(size);
    text += static_cast<char>(127);
    size -= 127;
    for (; size >= 128; size /= 128) text += static_cast<char>(size % 128 + 128);
    return text + static_cast<char>(size);
  };
  std::string text(1, '\0');
  text += length(name.size());
  text += name;
  text += length(value.size());
  return text + std::string(value);
}
// :method GET, :scheme http, :path / from the static table.
inline std::string get_block(std::string_view authority = "cart") {
  return "\x82\x86\x84" + literal(":authority", authority);
}
inline std::string headers(std::uint32_t stream, std::string_view block, bool end = true,
                           bool whole = true) {
  return frame(1, static_cast<std::uint8_t>((end ? 1 : 0) | (whole ? 4 : 0)), stream, block);
}

// The frames in `bytes` as "SETTINGS HEADERS(1) DATA(1,5) RST_STREAM(1,8) GOAWAY(0,11)", codes at
// the end.
inline std::string frames_of(std::string_view bytes) {
  constexpr const char* kNames[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                    "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                    "WINDOW_UPDATE", "CONTINUATION"};
  const auto number = [&](std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size; ++i)
      value = value * 256 + static_cast<std::uint8_t>(bytes[at + i]);
    return value;
  };
  std::string text;
  if (bytes.starts_with(kMagic)) bytes.remove_prefix(kMagic.size());
  while (bytes.size() >= 9) {
    const std::uint32_t size = number(0, 3);
    const auto type = static_cast<std::uint8_t>(bytes[3]);
    const auto flags = static_cast<std::uint8_t>(bytes[4]);
    const std::string stream = std::to_string(number(5, 4));
    if (!text.empty()) text += ' ';
    text += type < 10 ? kNames[type] : "UNKNOWN";
    if (type == 4 || type == 6) {
      if ((flags & 1) != 0) text += "(ack)";
    } else if (type == 0) {
      text += "(" + stream + "," + std::to_string(size) + ((flags & 1) != 0 ? ",end)" : ")");
    } else if (type == 1) {
      text += "(" + stream + ((flags & 1) != 0 ? ",end)" : ")");
    } else if (type == 3 || type == 8) {
      text += "(" + stream + "," + std::to_string(number(9, 4)) + ")";
    } else if (type == 7) {
      text += "(" + std::to_string(number(9, 4)) + "," + std::to_string(number(13, 4)) + ")";
    } else {
      text += "(" + stream + ")";
    }
    bytes.remove_prefix(std::min<std::size_t>(bytes.size(), 9 + size));
  }
  return text;
}

// A server codec that is fed by hand.
class RawServer final {
 public:
  explicit RawServer(const CodecOptions& options = {}) {
    codec = make_http2_server(host, requests, options);
  }
  Host host;
  Requests requests;
  std::unique_ptr<ServerCodec> codec;
  Status status;
  std::string out;

  RawServer& feed(std::string_view bytes) {
    Buffer buffer(bytes);
    if (status) status = codec->feed(buffer);
    return *this;
  }
  // What the server has to say now, as frames.
  std::string reply() {
    Buffer buffer;
    while (codec->wants_output()) {
      const std::size_t before = buffer.size();
      codec->produce(buffer, 1 << 20);
      if (buffer.size() == before) break;
    }
    out += buffer.to_string();
    return frames_of(buffer.to_string());
  }
};

}  // namespace weft::http::testing
