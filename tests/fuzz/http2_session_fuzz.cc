// An HTTP/2 codec, server or client by the first byte, fed in pieces while its user answers, drops,
// resets and drains as the input says.
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "sidecar/core/assert.h"
#include "sidecar/http/codec.h"

namespace {

using namespace weft;
using namespace weft::http;

struct Host final : CodecHost {
  TimePoint time{std::chrono::hours(1)};
  void wake() override {}
  void pause_input() override {}
  void resume_input() override {}
  [[nodiscard]] TimePoint now() const override { return time; }
};

// A user who holds to the contract and checks that the codec does.
struct User final : RequestSink, ResponseSink {
  std::unique_ptr<ServerStream> server;
  std::unique_ptr<ClientStream> client;
  std::size_t unconsumed = 0;
  bool request_ended = false;
  bool head_sent = false;
  bool end_sent = false;
  bool head_heard = false;
  bool ended = false;
  bool faulted = false;
  bool drop_at_next = false;

  [[nodiscard]] Stream* stream() {
    if (server != nullptr) return server.get();
    return client.get();
  }
  void drop() {
    server.reset();
    client.reset();
  }
  void heard() {
    WEFT_ASSERT(!faulted && stream() != nullptr);
    if (drop_at_next) drop();
  }
  void on_body(Buffer&& bytes, bool end) override {
    WEFT_ASSERT(!ended);
    unconsumed += bytes.size();
    ended = end;
    heard();
  }
  void on_trailers(Headers&&) override {
    WEFT_ASSERT(!ended);
    ended = true;
    heard();
  }
  void on_sent(std::size_t bytes) override {
    WEFT_ASSERT(bytes > 0);
    heard();
  }
  void on_stream_fault(const Error&) override {
    heard();
    faulted = true;
  }
  void on_informational(ResponseHead&& head) override {
    WEFT_ASSERT(!head_heard && head.is_informational());
    heard();
  }
  void on_response_head(ResponseHead&& head, bool end) override {
    WEFT_ASSERT(!head_heard && (!head.is_informational() || head.status == 101));
    head_heard = true;
    ended = end;
    heard();
  }

  void act(std::uint8_t what) {
    if (stream() == nullptr || end_sent) {
      if (what % 2 == 0) drop();
      return;
    }
    const std::size_t size = std::size_t{what} * 97;
    switch (what % 8) {
      case 0:
      case 1:
        if (server != nullptr && !head_sent) {
          end_sent = what % 16 == 0;
          server->send_head(ResponseHead(), end_sent);
          head_sent = true;
        }
        break;
      case 2:
      case 3:
        if (!head_sent) break;
        end_sent = what % 16 == 2;
        stream()->send_body(Buffer(std::string(size, 'x')), end_sent);
        break;
      case 4: {
        if (!head_sent) break;
        Headers trailers;
        trailers.add("grpc-status", "0");
        stream()->send_trailers(trailers);
        end_sent = true;
        break;
      }
      case 5:
        stream()->consume(unconsumed);
        unconsumed = 0;
        break;
      case 6:
        if (what > 128) {
          drop();
        } else {
          stream()->reset(ResetReason::kCancel);
          end_sent = true;
        }
        break;
      case 7:
        if (server != nullptr && what > 200) server->close_after();
        drop_at_next = what < 64;
        break;
    }
  }
};

struct Users final : ServerCodec::Handler {
  std::vector<std::unique_ptr<User>> all;
  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override {
    WEFT_ASSERT(head.method == Method::kConnect || head.target.starts_with('/') ||
                head.target == "*");
    auto user = std::make_unique<User>();
    stream->set_sink(user.get());
    user->server = std::move(stream);
    user->ended = end;
    all.push_back(std::move(user));
  }
  void on_malformed(const Error&, std::uint16_t) override {}
};

struct Input {
  const std::uint8_t* data;
  std::size_t size;
  std::uint8_t next() {
    if (size == 0) return 0;
    --size;
    return *data++;
  }
};

void open(ClientCodec& codec, Users& users, std::uint8_t how) {
  if (codec.available() == 0 || users.all.size() > 200) return;
  auto user = std::make_unique<User>();
  RequestHead head;
  head.authority = "cart";
  head.target = "/";
  if (how % 8 == 7) head.protocol = "websocket";
  if (how % 8 == 6) head.method = Method::kHead;
  if (how % 8 == 6) head.method_name = "HEAD";
  user->end_sent = how % 2 == 0;
  user->head_sent = true;
  user->client = codec.open(head, user->end_sent, *user);
  users.all.push_back(std::move(user));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input{data, size};
  const std::uint8_t mode = input.next();
  const bool serves = mode % 2 == 0;
  Host host;
  Users users;
  CodecOptions options;
  if (mode % 4 >= 2) options.http2.stream_window = 1000;
  std::unique_ptr<ServerCodec> server = serves ? make_http2_server(host, users, options) : nullptr;
  std::unique_ptr<ClientCodec> client = serves ? nullptr : make_http2_client(host, options);
  Codec& codec = serves ? static_cast<Codec&>(*server) : *client;
  if (serves && mode >= 128) {
    Buffer preface(std::string_view("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33));
    WEFT_ASSERT(codec.feed(preface).has_value());
  }
  // Each step: a byte that says what the user does, a byte that says how much to feed, and that
  // much.
  bool alive = true;
  while (input.size > 0 && alive) {
    const std::uint8_t what = input.next();
    const std::size_t amount = std::min<std::size_t>(input.size, std::size_t{input.next()} * 4);
    host.time += std::chrono::milliseconds(what);
    if (client != nullptr && what % 4 == 0) open(*client, users, what / 4);
    if (!users.all.empty()) users.all[what % users.all.size()]->act(what);
    if (what == 255) codec.drain();
    if (what == 254) codec.expire(host.time);
    if (what == 253 && server != nullptr) server->answer_timeout();
    const std::size_t left = std::min(amount, input.size);
    Buffer bytes(std::string_view(reinterpret_cast<const char*>(input.data), left));
    input.data += left;
    input.size -= left;
    alive = codec.feed(bytes).has_value();
    WEFT_ASSERT(!alive || bytes.empty());
    if (what % 3 != 0) {
      Buffer out;
      codec.produce(out, 16 * 1024);
    }
  }
  if (mode % 8 < 4 && alive) static_cast<void>(codec.feed_end());
  Buffer out;
  for (int i = 0; i < 100 && codec.wants_output(); ++i) codec.produce(out, 64 * 1024);
  if (mode % 16 < 8) codec.fail({Fault::kReset, Side::kLocal, "the end"});
  // Handles may outlive their codec, and the other way round.
  if (mode % 32 < 16) users.all.clear();
  server.reset();
  client.reset();
  return 0;
}
