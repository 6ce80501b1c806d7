// The table of threats.md 3.2: what HTTP/2 clients send that must not become an HTTP/1 request, or
// not another one; and what becomes of HTTP/1 requests on their way to an HTTP/2 origin.
//
// The first half runs frames through the HTTP/2 server codec, the seam and the HTTP/1 client codec,
// cut at every byte: the frames that the client reads, and what the origin receives.

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "sidecar/core/strings.h"
#include "tests/sidecar/http/http2_pair.h"
#include "tests/sidecar/http/relay.h"

namespace weft::http {
namespace {

using namespace std::string_literals;
using testing::frame;
using testing::frames_of;
using testing::get_block;
using testing::headers;
using testing::literal;
using testing::preface;
using testing::RelayOptions;
using testing::u32;

struct Row {
  std::string id;
  std::string name;
  std::string frames;  // behind the preface
  std::string client;
  std::string origin;
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.id << " " << row.name; }

const std::string kReset = "RST_STREAM(1,1)";  // PROTOCOL_ERROR
const std::string kRefused = "HEADERS(1,end)";
const std::string kServed = "HEADERS(1) DATA(1,2,end)";
const std::string kSeen = "GET / HTTP/1.1 | host: cart";
constexpr std::string_view kPost = "\x83\x86\x84";  // POST http /

std::string post_block(std::string_view fields = "") {
  return std::string(kPost) + literal(":authority", "cart") + std::string(fields);
}

std::vector<Row> table() {
  std::vector<Row> rows;
  const std::string authority = literal(":authority", "cart");
  const std::string get = "\x82\x86\x84";
  const auto refuse = [&rows](const std::string& id, const std::string& name,
                              const std::string& block) {
    rows.push_back({id, name, headers(1, block), "", ""});
  };
  const std::vector<std::pair<std::string, std::string>> bytes = {
      {"CR", "\r"}, {"LF", "\n"}, {"NUL", "\0"s}};
  for (const auto& [name, byte] : bytes) {
    refuse("DG_01", name + " in a name", get_block() + literal("a" + byte + "b", "1"));
    refuse("DG_01", name + " in a value", get_block() + literal("a", "1" + byte + "2"));
    refuse("DG_01", name + " in :method",
           "\x86\x84" + authority + literal(":method", "GET" + byte + "X"));
    refuse("DG_01", name + " in :path",
           "\x82\x86" + authority + literal(":path", "/a" + byte + "b"));
    refuse("DG_01", name + " in :authority", get + literal(":authority", "a" + byte + "b"));
    refuse("DG_01", name + " in :scheme",
           "\x82\x84" + authority + literal(":scheme", "http" + byte));
    refuse("DG_01", name + " ends a value", get_block() + literal("a", "1" + byte));
  }
  for (const std::string& value : {" 1"s, "1 "s, "\t1"s, "1\t"s, "1\r\nhost: evil"s})
    refuse("DG_01", "value '" + escape(value) + "'", get_block() + literal("a", value));
  // An h2 request that would be two h1 requests.
  refuse("DG_01", "a request in :path",
         "\x82\x86" + authority + literal(":path", "/ HTTP/1.1\r\nHost: a\r\n\r\nGET /evil"));
  refuse("DG_01", "a request in :method",
         "\x86\x84" + authority + literal(":method", "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET"));

  for (const auto& [field, value] :
       std::vector<std::pair<std::string, std::string>>{{"transfer-encoding", "chunked"},
                                                        {"connection", "close"},
                                                        {"connection", "keep-alive, x"},
                                                        {"keep-alive", "timeout=5"},
                                                        {"proxy-connection", "close"},
                                                        {"upgrade", "websocket"},
                                                        {"te", "gzip"},
                                                        {"te", "trailers, gzip"},
                                                        {"X-Upper", "1"},
                                                        {"", "1"},
                                                        {"a:b", "1"},
                                                        {"a b", "1"},
                                                        {" a", "1"},
                                                        {"a\x7f", "1"},
                                                        {"a\xff", "1"}}) {
    refuse("DG_03", escape(field + ": " + value), get_block() + literal(field, value));
  }
  rows.push_back({"DG_03", "te: trailers", headers(1, get_block() + literal("te", "trailers")),
                  kServed, kSeen + " | te: trailers | connection: te"});

  refuse("DG_04", "no :method", "\x86\x84" + authority);
  refuse("DG_04", "no :scheme", "\x82\x84" + authority);
  refuse("DG_04", "no :path", "\x82\x86" + authority);
  refuse("DG_04", "no :authority and no host", get);
  refuse("DG_04", ":method twice", "\x82\x82\x86\x84" + authority);
  refuse("DG_04", ":path twice", "\x82\x86\x84\x84" + authority);
  refuse("DG_04", ":scheme twice", "\x82\x86\x86\x84" + authority);
  refuse("DG_04", ":authority twice", get + authority + authority);
  refuse("DG_04", "an unknown one", get_block() + literal(":verb", "x"));
  refuse("DG_04", ":status", get_block() + literal(":status", "200"));
  refuse("DG_04", "behind a field", get + literal("a", "1") + authority);
  for (const std::string& path : {""s, "admin"s, "Service/Method"s, "*"s, "http://x/"s, "/a b"s,
                                  "/a#b"s, "/a\x80"s, "/a\tb"s, "?x"s, "\\a"s}) {
    refuse("DG_04", ":path '" + escape(path) + "'",
           "\x82\x86" + authority + literal(":path", path));
  }
  for (const std::string& scheme : {""s, "http://x/?"s, "ftp"s, "http x"s, "httpx"s})
    refuse("DG_04", ":scheme '" + scheme + "'",
           "\x82\x84" + authority + literal(":scheme", scheme));
  for (const std::string& method : {""s, "GET /x"s, "G(T"s, "GET\t"s, " GET"s})
    refuse("DG_04", ":method '" + method + "'",
           "\x86\x84" + authority + literal(":method", method));
  rows.push_back(
      {"DG_04", "a pseudo-field in trailers",
       headers(1, post_block(), false) + frame(0, 0, 1, "hi") + headers(1, literal(":path", "/x")),
       kReset, ""});
  rows.push_back({"DG_04", ":status in trailers",
                  headers(1, post_block(), false) + headers(1, literal(":status", "200")), kReset,
                  ""});

  for (const std::string& host : {"u@cart"s, "u:p@cart"s, "cart/x"s, "a,b"s, "a b"s, "cart:x"s,
                                  "cart:99999"s, "http://cart"s, "["s}) {
    refuse("DG_05", ":authority '" + host + "'", get + literal(":authority", host));
    refuse("DG_05", "host '" + host + "' alone", get + literal("host", host));
  }
  refuse("DG_05", "two hosts", get_block() + literal("host", "cart") + literal("host", "cart"));
  rows.push_back({"DG_05", "another host",
                  headers(1, get_block("Real:81") + literal("host", "other")), kServed,
                  "GET / HTTP/1.1 | host: real:81"});
  rows.push_back({"DG_05", "host alone", headers(1, get + literal("host", "Only.")), kServed,
                  "GET / HTTP/1.1 | host: only"});

  const auto length = [](std::string_view text) {
    return headers(1, post_block(literal("content-length", text)), false);
  };
  rows.push_back({"DG_02", "in order", length("5") + frame(0, 1, 1, "hello"), kServed,
                  "POST / HTTP/1.1 | host: cart | content-length: 5 {hello}"});
  rows.push_back({"DG_02", "too short", length("5") + frame(0, 1, 1, "hell"), kReset, ""});
  rows.push_back({"DG_02", "too short before trailers",
                  length("5") + frame(0, 0, 1, "hell") + headers(1, literal("x", "1")), kReset,
                  ""});
  rows.push_back({"DG_02", "a body announced and none",
                  headers(1, post_block(literal("content-length", "5"))), kReset, ""});
  for (const std::string& text : {"+5"s, "5,5"s, "0x5"s, ""s, "-1"s, "99999999999999999999"s})
    refuse("DG_02", "'" + text + "'", post_block(literal("content-length", text)));
  refuse("DG_02", "two",
         post_block(literal("content-length", "5") + literal("content-length", "5")));

  // Trailers arrive behind chunks, without what belongs into a head.
  rows.push_back(
      {"DG_03", "trailers",
       headers(1, post_block(), false) + frame(0, 0, 1, "hi") +
           headers(1, literal("x-sum", "7") + literal("authorization", "x") +
                          literal("x-forwarded-for", "y")),
       kServed,
       "POST / HTTP/1.1 | host: cart | transfer-encoding: chunked | (trailer) x-sum: 7 {hi}"});
  rows.push_back({"DG_07", "reset mid-body",
                  headers(1, post_block(), false) + frame(0, 0, 1, "hi") + frame(3, 0, 1, u32(8)),
                  "", ""});
  rows.push_back({"DG_07", "reset mid-body of known length",
                  length("5") + frame(0, 0, 1, "he") + frame(3, 0, 1, u32(8)), "", ""});

  std::string crumbs;
  std::string joined;
  for (int i = 0; i < 50; ++i) {
    crumbs += literal("cookie", "c" + std::to_string(i) + "=1");
    joined += (i == 0 ? "" : "; ") + ("c" + std::to_string(i)) + "=1";
  }
  rows.push_back({"DG_08", "50 crumbs", headers(1, get_block() + crumbs), kServed,
                  kSeen + " | cookie: " + joined});
  return rows;
}

class Translation : public ::testing::TestWithParam<Row> {};

TEST_P(Translation, GetsTheAnswerOfTheTable) {
  const Row& row = GetParam();
  RelayOptions options;
  options.http2 = true;
  const std::string said = testing::relayed(preface() + row.frames, options);
  if (row.client.empty() && row.id != "DG_07") {
    // A stream error, or 400, which is the twelfth entry of HPACK's static table.
    testing::Relay relay(options);
    const std::string all = preface() + row.frames;
    relay.feed({all});
    EXPECT_TRUE(said == kReset + "\n" ||
                (said == kRefused + "\n" && relay.answers().find('\x8c') != std::string::npos))
        << row.name << ": " << said;
    return;
  }
  EXPECT_EQ(said, row.client + "\n" + row.origin) << row.name;
}

INSTANTIATE_TEST_SUITE_P(Table, Translation, ::testing::ValuesIn(table()), [](const auto& param) {
  return param.param.id + "_row" + std::to_string(param.index);
});

std::unique_ptr<testing::Relay> http2_relay(const std::string& frames) {
  RelayOptions options;
  options.http2 = true;
  auto relay = std::make_unique<testing::Relay>(options);
  const std::string all = preface() + frames;
  relay->feed({all});
  return relay;
}

// What was announced may have gone on before more came than that; not a byte of the rest does, and
// the origin's connection is closed.
TEST(TranslationInTurn, DG_02_BytesBeyondTheLengthGoNowhere) {
  RelayOptions options;
  options.http2 = true;
  options.answers = {""};
  const std::string five = headers(1, post_block(literal("content-length", "5")), false);
  const std::string none = headers(1, post_block(literal("content-length", "0")), false);
  for (const std::string& frames :
       {five + frame(0, 1, 1, "hello!"), five + frame(0, 0, 1, "hello") + frame(0, 1, 1, "!"),
        none + frame(0, 1, 1, "!"), none + frame(0, 0, 1, "!!!!")}) {
    const std::string all = preface() + frames;
    for (std::size_t cut = 0; cut < all.size(); ++cut) {
      testing::Relay relay(options);
      relay.feed({std::string_view(all).substr(0, cut), std::string_view(all).substr(cut)});
      ASSERT_EQ(relay.client(), kReset) << cut;
      ASSERT_EQ(relay.first_origin_wire().find('!'), std::string::npos) << cut;
      ASSERT_TRUE(relay.origins().empty() || relay.origins().ends_with("} (closed)"))
          << cut << ": " << relay.origins();
    }
  }
}

TEST(TranslationInTurn, DG_06_ChunksAreWrittenForBytesInHandOnly) {
  const std::string data = frame(0, 1, 1, std::string(16384, 'x')).substr(0, 9 + 1024);
  const std::string written =
      "POST / HTTP/1.1\r\nhost: cart\r\ntransfer-encoding: chunked\r\n\r\n400\r\n" +
      std::string(1024, 'x') + "\r\n";
  const auto relay = http2_relay(headers(1, post_block(), false) + data);
  EXPECT_EQ(relay->first_origin_wire(), written);
  EXPECT_EQ(relay->origins(), "...") << "the origin waits";
  relay->feed_end();
  EXPECT_EQ(relay->first_origin_wire(), written);
  EXPECT_EQ(relay->origins(), "") << "and is let go";
}

TEST(TranslationInTurn, DG_07_AGoawayOfTheClientLetsItsRequestsFinish) {
  const std::string body = headers(1, post_block(), false) + frame(0, 0, 1, "hi");
  const std::string goaway = frame(7, 0, 0, u32(0) + u32(0));
  const auto relay = http2_relay(body + goaway);
  const std::string end = frame(0, 1, 1, "!");
  relay->feed({end});
  EXPECT_EQ(relay->origins(), "POST / HTTP/1.1 | host: cart | transfer-encoding: chunked {hi!}");
  const auto gone = http2_relay(body + goaway);
  gone->feed_end();
  EXPECT_EQ(gone->origins(), "") << "half a request, on a connection that was closed";
}

TEST(TranslationInTurn, DG_08_FiveHundredCrumbsAreTooManyFields) {
  std::string crumbs;
  for (int i = 0; i < 500; ++i) crumbs += literal("cookie", "a=b");
  const auto relay = http2_relay(headers(1, get_block() + crumbs));
  EXPECT_TRUE(relay->client().starts_with(kRefused) || relay->client().starts_with("RST_STREAM(1,"))
      << relay->client();
  EXPECT_EQ(relay->origins(), "");
}

TEST(TranslationInTurn, DG_05_AHundredStreamsAreAHundredRequests) {
  std::string all;
  for (std::uint32_t id = 1; id < 200; id += 2) all += headers(id, get_block());
  const auto relay = http2_relay(all);
  std::size_t seen = 0;
  const std::string origins = relay->origins();
  for (std::size_t at = 0; (at = origins.find(kSeen, at)) != std::string::npos; ++at) ++seen;
  EXPECT_EQ(seen, 100U);
}

// ---- HTTP/1 to HTTP/2 ----

// One request as the server codec of HTTP/1 delivers it.
class Caller final : public CodecHost, public ServerCodec::Handler, public RequestSink {
 public:
  explicit Caller(std::string_view text) : codec_(make_http1_server(*this, *this, {})) {
    Buffer bytes(text);
    (void)codec_->feed(bytes);
  }
  ~Caller() { stream.reset(); }
  void wake() override {}
  void pause_input() override {}
  void resume_input() override {}
  [[nodiscard]] TimePoint now() const override { return {}; }
  void on_request(std::unique_ptr<ServerStream> made, RequestHead&& of, bool ends) override {
    stream = std::move(made);
    stream->set_sink(this);
    head = std::move(of);
    end = ends;
  }
  void on_malformed(const Error&, std::uint16_t) override {}
  void on_body(Buffer&& bytes, bool) override { body += bytes.to_string(); }
  void on_trailers(Headers&& of) override { trailers = std::move(of); }
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override {}
  std::string answer() {
    Buffer out;
    codec_->produce(out, 1 << 20);
    return out.to_string();
  }

  std::unique_ptr<ServerStream> stream;
  RequestHead head;
  std::string body;
  Headers trailers;
  bool end = false;

 private:
  std::unique_ptr<ServerCodec> codec_;
};

// What an HTTP/2 origin receives of an HTTP/1 request.
std::string at_http2_origin(std::string_view text) {
  Caller caller(text);
  testing::Http2Pair pair;
  pair.run();
  const auto hearer = pair.open(caller.head, caller.end);
  if (!caller.end && caller.trailers.empty()) {
    hearer->client->send_body(Buffer(caller.body), true);
  } else if (!caller.end) {
    hearer->client->send_body(Buffer(caller.body), false);
    hearer->client->send_trailers(caller.trailers);
  }
  pair.run();
  if (pair.requests.all.size() != 1) return "no request " + hearer->text;
  testing::Hearer& origin = pair.requests.at(0);
  return testing::describe(origin.request) + (origin.body.empty() ? "" : " {" + origin.body + "}") +
         (origin.text.find("[trailers") == std::string::npos
              ? ""
              : origin.text.substr(origin.text.find("[trailers")));
}

TEST(TranslationToHttp2, DG_09_NamesAreLowerCaseAndWhatBelongsToTheHopIsGone) {
  EXPECT_EQ(at_http2_origin("GET /a?b HTTP/1.1\r\nHost: Cart:81\r\nUser-Agent: X\r\nX-MiXed: Y\r\n"
                            "Connection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
                            "Proxy-Connection: x\r\nTE: gzip, trailers\r\nUpgrade: h2c\r\n"
                            "HTTP2-Settings: AAMA\r\n\r\n"),
            "GET http://cart:81/a?b\nuser-agent: X\nx-mixed: Y\nte: trailers");
  EXPECT_EQ(at_http2_origin("GET http://real/x HTTP/1.1\r\nHost: other\r\nTE: deflate\r\n\r\n"),
            "GET http://real/x");
}

TEST(TranslationToHttp2, DG_09_BodiesKeepTheirLengthAndTrailersAreKept) {
  EXPECT_EQ(at_http2_origin("POST / HTTP/1.1\r\nHost: cart\r\nContent-Length: 005\r\n\r\nhello"),
            "POST http://cart/ length=5 {hello}");
  EXPECT_EQ(at_http2_origin(
                "POST / HTTP/1.1\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n"
                "Trailer: x-sum\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Sum: 7\r\nHost: evil\r\n\r\n"),
            "POST http://cart/\ntrailer: x-sum {hello}[trailers x-sum=7]");
}

TEST(TranslationToHttp2, DG_09_AWebSocketGoesOnlyWhereItIsSpoken) {
  // The pair's server announces RFC 8441; the upgrade becomes an extended CONNECT and back.
  Caller caller(
      "GET /chat HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n");
  EXPECT_EQ(caller.head.protocol, "websocket");
  testing::Http2Pair pair;
  pair.run();
  const auto hearer = pair.open(caller.head, false);
  pair.run();
  ASSERT_EQ(pair.requests.all.size(), 1U);
  EXPECT_EQ(testing::describe(pair.requests.at(0).request),
            "GET http://cart/chat protocol=websocket");
}

// What an HTTP/2 origin answers, for a client of HTTP/1: chunks where no length is known, trailers
// behind them.
TEST(TranslationToHttp2, DG_09_AnswersGetTheFramingOfTheirVersion) {
  Caller caller("GET / HTTP/1.1\r\nHost: cart\r\nTE: trailers\r\n\r\n");
  testing::Http2Pair pair;
  pair.run();
  const auto hearer = pair.open(caller.head);
  pair.run();
  Headers trailers;
  trailers.add("x-sum", "7");
  ResponseHead answer;
  answer.headers.add("x-a", "b");
  pair.requests.at(0).server->send_head(answer, false);
  pair.requests.at(0).server->send_body(Buffer("hello"), false);
  pair.requests.at(0).server->send_trailers(trailers);
  pair.run();
  EXPECT_EQ(hearer->text, "[200][body 5][trailers x-sum=7]");
  caller.stream->send_head(hearer->response, false);
  caller.stream->send_body(Buffer(hearer->body), false);
  caller.stream->send_trailers(trailers);
  EXPECT_EQ(
      caller.answer(),
      "HTTP/1.1 200 OK\r\nx-a: b\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-sum: "
      "7\r\n\r\n");
}

}  // namespace
}  // namespace weft::http
