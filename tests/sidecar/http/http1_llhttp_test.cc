// Our parser beside llhttp, which Node.js reads requests with (Debian package node-llhttp; skipped
// without).
//
// Thousands of requests are bent a little, by a seeded hand. Wherever both parsers accept, they
// must see the same requests with the same bodies: a difference is how requests are smuggled. And
// whatever we pass on, llhttp must accept as exactly one request.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sidecar/core/random.h"
#include "sidecar/core/strings.h"
#include "tests/sidecar/http/http1_talk.h"
#include "tests/support/http1_bends.h"

#ifdef WEFT_LLHTTP
#include <llhttp/llhttp.h>
#endif

namespace weft::http {
namespace {

#ifdef WEFT_LLHTTP

struct Seen {
  std::string method;
  std::string body;
  bool operator==(const Seen&) const = default;
};

struct Verdict {
  std::vector<Seen> requests;  // complete ones
  bool refused = false;
  bool tunnel = false;  // a request after which bytes are no HTTP any more
};

Verdict ask_llhttp(std::string_view text) {
  Verdict verdict;
  struct State {
    Verdict* verdict;
    Seen current;
  } state{&verdict, {}};
  llhttp_settings_t settings;
  llhttp_settings_init(&settings);
  settings.on_message_begin = [](llhttp_t* parser) {
    static_cast<State*>(parser->data)->current = {};
    return 0;
  };
  settings.on_body = [](llhttp_t* parser, const char* at, std::size_t size) {
    static_cast<State*>(parser->data)->current.body.append(at, size);
    return 0;
  };
  settings.on_message_complete = [](llhttp_t* parser) {
    auto* self = static_cast<State*>(parser->data);
    self->current.method =
        llhttp_method_name(static_cast<llhttp_method_t>(llhttp_get_method(parser)));
    self->verdict->requests.push_back(self->current);
    return 0;
  };
  llhttp_t parser;
  llhttp_init(&parser, HTTP_REQUEST, &settings);
  parser.data = &state;
  const llhttp_errno_t error = llhttp_execute(&parser, text.data(), text.size());
  verdict.tunnel = error == HPE_PAUSED_UPGRADE;
  verdict.refused = error != HPE_OK && !verdict.tunnel;
  return verdict;
}

// Our server, answering at once, and our client writing each whole request for an upstream.
class Ours final : public Talk, public ServerCodec::Handler, public RequestSink {
 public:
  Ours() : server_(make_http1_server(*this, *this, {})) {}
  void on_request(std::unique_ptr<ServerStream> stream, RequestHead&& head, bool end) override {
    stream->set_sink(this);
    stream_ = std::move(stream);
    head_ = std::move(head);
    body_.clear();
    verdict.tunnel |= !head_.protocol.empty() || head_.method == Method::kConnect;
    if (end) complete();
  }
  void on_malformed(const Error&, std::uint16_t) override { verdict.refused = true; }
  void on_body(Buffer&& bytes, bool end) override {
    body_ += bytes.to_string();
    stream_->consume(bytes.size());
    if (end) complete();
  }
  void on_trailers(Headers&&) override { complete(); }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { verdict.refused = true; }

  // Between two requests: nothing is half read that might still be refused.
  [[nodiscard]] bool between() const {
    return !server_->finished() && !server_->reading_head() && server_->streams() == 0;
  }

  Verdict verdict;
  std::vector<std::string> upstream;  // what would be sent on, request by request

 private:
  Codec& codec() override { return *server_; }
  Stream* stream() override { return stream_.get(); }
  void complete() {
    verdict.requests.push_back({std::string(head_.method_name), body_});
    if (head_.method != Method::kOther) {
      ClientTalk client;
      std::string wire = client.ask(head_, body_.empty() && head_.content_length.value_or(0) == 0);
      if (!body_.empty()) {
        client.request_stream->send_body(Buffer(body_), true);
        client.turn();
      }
      upstream.push_back(wire + client.take_wire());
    }
    stream_->send_head(response(204), true);
  }

  std::unique_ptr<ServerCodec> server_;
  std::unique_ptr<ServerStream> stream_;
  RequestHead head_;
  std::string body_;
};

const std::vector<std::string> kSeeds{
    "GET /a?b=c HTTP/1.1\r\nHost: cart\r\nAccept: */*\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: "
    "cart\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\nGET /b HTTP/1.1\r\nHost: cart\r\n\r\n",
    "PUT /a HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\nTrailer: "
    "x\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nx: y\r\n\r\n",
    "DELETE /a HTTP/1.0\r\nHost: cart\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhiHEAD "
    "/ HTTP/1.0\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabcGET /b "
    "HTTP/1.1\r\nHost: cart\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 4\r\nTransfer-Encoding: "
    "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
    "GET http://cart/x HTTP/1.1\r\nHost: other\r\nConnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
};

std::string bend(Random& random) {
  std::string text = kSeeds[random.below(kSeeds.size())];
  for (std::uint64_t bends = 1 + random.below(2); bends > 0; --bends) {
    const std::size_t at = random.below(text.size() + 1);
    const std::size_t gone =
        random.below(3) == 0 ? std::min<std::size_t>(random.below(6), text.size() - at) : 0;
    const std::uint64_t what = random.below(8);
    if (what == 0) {
      text.erase(at, 1 + random.below(4));
    } else if (what == 1) {
      text.insert(at, text.substr(random.below(text.size() + 1), random.below(24)));
    } else {
      text.replace(at, gone,
                   weft::testing::kHttp1Bends[random.below(weft::testing::kHttp1Bends.size())]);
    }
  }
  return text;
}

TEST(Http1BesideLlhttp, SeesTheSameRequestsAndPassesOnWhatItAccepts) {
  std::size_t accepted = 0;
  std::size_t both = 0;
  for (std::uint64_t seed = 1; seed <= 20'000; ++seed) {
    Random random(seed);
    const std::string text = bend(random);
    Ours ours;
    ours.feed(text);
    const Verdict theirs = ask_llhttp(text);
    accepted += ours.verdict.refused ? 0 : 1;
    if (!ours.verdict.tunnel && !theirs.tunnel) {
      const std::size_t common = std::min(ours.verdict.requests.size(), theirs.requests.size());
      for (std::size_t i = 0; i < common; ++i) {
        ASSERT_EQ(ours.verdict.requests[i].body, theirs.requests[i].body)
            << seed << ": " << escape(text, 4096);
        ASSERT_EQ(ours.verdict.requests[i].method, theirs.requests[i].method)
            << seed << ": " << escape(text, 4096);
      }
      if (!ours.verdict.refused && !theirs.refused && ours.between()) {
        ++both;
        ASSERT_EQ(ours.verdict.requests.size(), theirs.requests.size())
            << seed << ": " << escape(text, 4096);
      }
    }
    for (std::size_t i = 0; i < ours.upstream.size(); ++i) {
      const Verdict again = ask_llhttp(ours.upstream[i]);
      ASSERT_TRUE(!again.refused && again.requests.size() == 1)
          << seed << ": " << escape(text, 4096)
          << "\npassed on: " << escape(ours.upstream[i], 4096);
    }
  }
  // The hand neither breaks everything nor nothing.
  EXPECT_GT(accepted, 1500U);
  EXPECT_LT(accepted, 16'000U);
  EXPECT_GT(both, 600U);
}

#else
TEST(Http1BesideLlhttp, SeesTheSameRequestsAndPassesOnWhatItAccepts) {
  GTEST_SKIP() << "llhttp is not installed (Debian package node-llhttp)";
}
#endif

}  // namespace
}  // namespace weft::http
