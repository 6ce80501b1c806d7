// gRPC-Web: a translating stream between a stream that writes down what it is told and a sink that
// does the same; requests cut everywhere, credit to the last byte.

#include "sidecar/http/grpc_web.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "sidecar/core/random.h"
#include "sidecar/http/grpc.h"
#include "tests/sidecar/http/http1_talk.h"

namespace weft::http {
namespace {

using namespace std::string_literals;

std::string encoded(std::string_view bytes) { return grpc_web_text(Buffer(bytes)).to_string(); }

// The stream of a codec, as far as a translation can tell.
class Inner final : public ServerStream {
 public:
  struct State {
    RequestSink* sink = nullptr;
    std::string log;
    std::string body;
    std::size_t consumed = 0;
    std::size_t buffered = 0;
  };
  explicit Inner(State& state) : state_(state) {}
  void set_sink(RequestSink* sink) override { state_.sink = sink; }
  void send_informational(const ResponseHead& head) override { state_.log += print(head) + "\n"; }
  void send_head(const ResponseHead& head, bool end) override {
    state_.log += print(head) + (end ? " end" : "") + "\n";
  }
  void send_body(Buffer&& bytes, bool end) override {
    state_.buffered += bytes.size();
    state_.body += bytes.to_string();
    if (end) state_.log += "end\n";
  }
  void send_trailers(const Headers& trailers) override { state_.log += print(trailers) + "\n"; }
  void consume(std::size_t bytes) override { state_.consumed += bytes; }
  void reset(ResetReason) override { state_.log += "reset\n"; }
  void close_after() override { state_.log += "close after\n"; }
  [[nodiscard]] std::size_t buffered() const override { return state_.buffered; }

 private:
  State& state_;
};

// One exchange in a box: what arrives at its sink, and what its stream was told.
class Box final : public RequestSink {
 public:
  explicit Box(std::string_view type, std::string_view accept = {}) {
    head.method = Method::kPost;
    head.headers.add_copy("Content-Type", type);
    if (!accept.empty()) head.headers.add_copy("accept", accept);
    head.content_length = 8;
    const std::optional<GrpcWebType> web = grpc_web_request(head);
    if (!web) return;
    stream = std::make_unique<GrpcWebStream>(std::make_unique<Inner>(inner), *web, head);
    stream->set_sink(this);
  }
  void on_body(Buffer&& bytes, bool end) override {
    received += bytes.to_string() + (end ? "|" : "");
    if (consumes) stream->consume(bytes.size());
  }
  void on_trailers(Headers&& trailers) override { received += "|" + print(trailers); }
  void on_sent(std::size_t bytes) override { sent += bytes; }
  void on_stream_fault(const Error& error) override { received += "[" + to_string(error) + "]"; }

  Inner::State inner;
  RequestHead head;
  std::unique_ptr<GrpcWebStream> stream;
  std::string received;
  std::size_t sent = 0;
  bool consumes = true;
};

ResponseHead grpc_head(std::string_view type = "application/grpc+proto") {
  ResponseHead head;
  head.headers.add_copy("content-type", type);
  return head;
}

TEST(GrpcWeb, KnowsItsContentTypes) {
  const auto read = [](std::string_view type) {
    const std::optional<GrpcWebType> web = grpc_web_type(type);
    return !web ? "none"s
                : (web->text ? "text"s : "binary"s) + " '" + std::string(web->suffix) + "'";
  };
  EXPECT_EQ(read("application/grpc-web"), "binary ''");
  EXPECT_EQ(read("application/grpc-web+proto"), "binary '+proto'");
  EXPECT_EQ(read("Application/GRPC-Web-Text+json; charset=x"), "text '+json; charset=x'");
  EXPECT_EQ(read("application/grpc-web-text"), "text ''");
  for (const char* other :
       {"", "application/grpc", "application/grpc+proto", "text/plain", "application/grpc-webx",
        "application/grpc-web-texts", "application/grpc-we"})
    EXPECT_EQ(read(other), "none") << other;
}

TEST(GrpcWeb, IsAskedForByPost) {
  RequestHead head;
  head.headers.add(HeaderId::kContentType, "application/grpc-web");
  EXPECT_FALSE(grpc_web_request(head));
  head.method = Method::kPost;
  EXPECT_TRUE(grpc_web_request(head));
}

TEST(GrpcWeb, ARequestBecomesGrpc) {
  Box binary("application/grpc-web+proto");
  EXPECT_EQ(binary.head.headers.find(HeaderId::kContentType), "application/grpc+proto");
  EXPECT_EQ(binary.head.headers.find(HeaderId::kTe), "trailers");
  EXPECT_EQ(binary.head.content_length, 8U);
  EXPECT_TRUE(binary.head.is_grpc());
  Box text("application/grpc-web-text");
  EXPECT_EQ(text.head.headers.find(HeaderId::kContentType), "application/grpc");
  EXPECT_FALSE(text.head.content_length) << "of the text";
}

TEST(GrpcWeb, TextIsDecodedWhereverItIsCut) {
  const std::string first = "\0\0\0\0\3abc"s;
  const std::string second = "\0\0\0\0\1d"s;
  const auto run = [](const testing::Pieces& pieces) {
    Box box("application/grpc-web-text");
    std::size_t fed = 0;
    for (const std::string_view piece : pieces) {
      box.inner.sink->on_body(Buffer(piece), false);
      fed += piece.size();
    }
    box.inner.sink->on_body(Buffer(), true);
    EXPECT_EQ(box.inner.consumed, fed) << "all credit comes back";
    return box.received;
  };
  EXPECT_EQ(testing::at_every_split(encoded(first) + encoded(second), run), first + second + "|");
  EXPECT_EQ(testing::at_every_split("", run), "|");
}

TEST(GrpcWeb, WhatIsNotBase64Gets400AndGoesNoFurther) {
  for (const std::string_view bad : {"AAAA!AAA", "AAAAA", "AAAAAAA", "AAAA=AAA"}) {
    const auto run = [](const testing::Pieces& pieces) {
      Box box("application/grpc-web-text");
      for (const std::string_view piece : pieces) box.inner.sink->on_body(Buffer(piece), false);
      box.inner.sink->on_body(Buffer(), true);
      // How much of the good beginning had gone on depends on the cuts.
      return box.received.substr(box.received.find('[')) + " " + box.inner.log + box.inner.body;
    };
    const std::string seen = testing::at_every_split(bad, run);
    EXPECT_NE(seen.find("400"), std::string::npos) << seen;
    EXPECT_NE(seen.find("the body is not base64"), std::string::npos) << seen;
  }
  Box late("application/grpc-web-text");
  late.stream->send_head(grpc_head(), false);
  late.inner.sink->on_body(Buffer("!!!!"), false);
  EXPECT_NE(late.inner.log.find("reset"), std::string::npos) << "an answer had begun";
}

TEST(GrpcWeb, TrailersBecomeTheLastFrame) {
  Headers trailers;
  trailers.add(HeaderId::kGrpcStatus, "5");
  trailers.add_copy("X-Why", "gone: away");
  const std::string frame = "\x80\0\0\0\x21grpc-status:5\r\nx-why:gone: away\r\n"s;
  EXPECT_EQ(grpc_web_trailers(trailers).to_string(), frame);

  Box binary("application/grpc-web+proto");
  binary.stream->send_head(grpc_head(), false);
  binary.stream->send_body(Buffer("\0\0\0\0\2ok"s), false);
  binary.stream->send_trailers(trailers);
  EXPECT_EQ(binary.inner.log, print(grpc_head("application/grpc-web+proto")) + "\nend\n");
  EXPECT_EQ(binary.inner.body, "\0\0\0\0\2ok"s + frame);

  Box text("application/grpc-web-text");
  text.stream->send_head(grpc_head(), false);
  text.stream->send_body(Buffer("\0\0\0\0\2ok"s), false);
  text.stream->send_trailers(trailers);
  EXPECT_EQ(text.inner.log, print(grpc_head("application/grpc-web-text+proto")) + "\nend\n");
  EXPECT_EQ(text.inner.body, encoded("\0\0\0\0\2ok"s) + encoded(frame))
      << "each can be read at once";
}

TEST(GrpcWeb, TheCallerSaysWhatItTakes) {
  const auto answer = [](std::string_view type, std::string_view accept) {
    Box box(type, accept);
    box.stream->send_head(grpc_head("application/grpc"), false);
    return box.inner.log.find("application/grpc-web-text") != std::string::npos ? "text" : "binary";
  };
  EXPECT_STREQ(answer("application/grpc-web", "application/grpc-web-text"), "text");
  EXPECT_STREQ(answer("application/grpc-web-text", "application/grpc-web+proto"), "binary");
  EXPECT_STREQ(answer("application/grpc-web-text", "*/*"), "text");
  EXPECT_STREQ(answer("application/grpc-web", "*/*"), "binary");
}

TEST(GrpcWeb, AnAnswerWithoutMessagesKeepsItsStatusInTheHead) {
  Box box("application/grpc-web");
  box.stream->send_head(make_trailers_only(GrpcStatus::kUnavailable, "no"), true);
  EXPECT_NE(box.inner.log.find("content-type: application/grpc-web |"), std::string::npos)
      << box.inner.log;
  EXPECT_NE(box.inner.log.find("grpc-status"), std::string::npos);
  EXPECT_NE(box.inner.log.find(" end"), std::string::npos);
  EXPECT_EQ(box.inner.body, "");
}

TEST(GrpcWeb, AnAnswerThatIsNoGrpcPassesUntouched) {
  Box box("application/grpc-web-text");
  ResponseHead head = response(503, {{"content-type", "text/html"}});
  head.content_length = 2;
  box.stream->send_head(head, false);
  box.stream->send_body(Buffer("no"), false);
  box.stream->send_trailers(Headers());
  EXPECT_EQ(box.inner.log, print(head) + "\n" + print(Headers()) + "\n");
  EXPECT_EQ(box.inner.body, "no");
}

// Whatever the pieces: each side gets back exactly what it gave, never early.
TEST(GrpcWeb, CreditIsExactOnBothSides) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    Box box("application/grpc-web-text");
    box.consumes = false;
    box.stream->send_head(grpc_head(), false);
    std::size_t given = 0;
    std::size_t left = 0;
    std::size_t fed = 0;
    std::size_t decoded = 0;
    std::size_t consumed = 0;
    for (int step = 0; step < 40; ++step) {
      const std::string bytes(random.below(20), 'x');
      switch (random.below(4)) {
        case 0:
          box.stream->send_body(Buffer(bytes), false);
          given += bytes.size();
          break;
        case 1: {
          const std::size_t some = random.below(box.inner.buffered + 1);
          box.inner.buffered -= some;
          left += some;
          box.inner.sink->on_sent(some);
          break;
        }
        case 2: {
          const std::string text = encoded(bytes);
          const std::size_t before = box.received.size();
          box.inner.sink->on_body(Buffer(text), false);
          fed += text.size();
          decoded += box.received.size() - before;
          break;
        }
        default: {
          const std::size_t some = random.below(decoded - consumed + 1);
          consumed += some;
          box.stream->consume(some);
        }
      }
      EXPECT_LE(box.sent, given);
      EXPECT_LE(box.inner.consumed, fed);
    }
    box.stream->consume(decoded - consumed);
    EXPECT_EQ(box.inner.consumed, fed);
    box.inner.sink->on_sent(std::exchange(box.inner.buffered, 0));
    EXPECT_EQ(box.sent, given);
  }
}

TEST(GrpcWeb, TextOfManySlicesIsOneText) {
  std::string all;
  Buffer bytes;
  Random random(9);
  for (int i = 0; i < 12; ++i) {
    std::string piece(4096 + random.below(5000), static_cast<char>('a' + i));
    all += piece;
    bytes.append(Buffer(piece));
  }
  std::string expected(base64_size(all.size()), '?');
  encode_base64(as_bytes(all), expected);
  EXPECT_EQ(grpc_web_text(bytes).to_string(), expected);
}

}  // namespace
}  // namespace weft::http
