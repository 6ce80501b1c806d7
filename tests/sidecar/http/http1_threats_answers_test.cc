// The table of threats.md 3.1, the origin's side: what hostile and broken origins answer, what the
// client gets of it, and whether that connection is ever used again.
//
// The client asks twice in one breath; the first answer is the row's, cut at every byte, the second
// an ordinary one. " || " between the requests says that the second went over another connection.

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "sidecar/core/strings.h"
#include "tests/sidecar/http/relay.h"

namespace weft::http {
namespace {

using namespace std::string_literals;
using testing::RelayOptions;

struct Row {
  std::string id;
  std::string answer;
  std::string client;  // after the row's answer, the next one included
  bool reused = false;
  bool ends = false;  // the origin closes behind it
  std::string method = "GET";
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.id << " " << escape(row.answer); }

std::string ok(const std::string& fields, const std::string& body = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) { return ok("Transfer-Encoding: chunked\r\n", body); }

const std::string kPlain = ok("Content-Length: 2\r\n", "ok");

std::vector<Row> table() {
  std::vector<Row> rows;
  // Heads that may be read in two ways: 502, and the connection is gone.
  for (const std::string& head :
       {ok("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ok("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ok("Content-Length: 2\r\nContent-Length: 2\r\n", "ok"),
        ok("Content-Length: 2\r\nContent-Length: 3\r\n", "ok"),
        ok("Content-Length: +2\r\n", "ok"),
        ok("Content-Length: 2,2\r\n", "ok"),
        ok("Content-Length:\r\n", "ok"),
        ok("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
        ok("Transfer-Encoding: identity\r\n", "ok"),
        ok("Transfer-Encoding: xchunked\r\n", "ok"),
        ok("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        ok("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ok("Content-Length : 2\r\n", "ok"),
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"s,
        "HTTP/1.1 200 OK\nContent-Length: 2\r\n\r\nok"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\nok"s,
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"s,
        "HTTP/1.1 200 OK\rContent-Length: 2\r\n\r\nok"s,
        ok("X: a\r\n b\r\nContent-Length: 2\r\n", "ok"),
        ok("X: a\0b\r\nContent-Length: 2\r\n"s, "ok"),
        ok("nocolon\r\nContent-Length: 2\r\n", "ok"),
        ok("X: a\rb\r\nContent-Length: 2\r\n", "ok"),
        "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"s,
        "HTTP/1.1 20 OK\r\n\r\n"s,
        "HTTP/1.1 2000 OK\r\n\r\n"s,
        "HTTP/1.1 099 OK\r\n\r\n"s,
        "http/1.1 200 OK\r\n\r\n"s,
        "HTTP/1.1  200 OK\r\n\r\n"s,
        "ICY 200 OK\r\n\r\n"s,
        "\r\nHTTP/1.1 200 OK\r\n\r\n"s,
        "HTTP/1.1 200 O\0K\r\n\r\n"s,
        "garbage\r\n\r\n"s}) {
    rows.push_back({"H1_21", head, "502 200"});
  }
  // A switch nobody asked for.
  for (const std::string& fields :
       {"Connection: upgrade\r\nUpgrade: websocket\r\n"s, ""s, "Upgrade: h2c\r\n"s}) {
    rows.push_back({"H1_21", "HTTP/1.1 101 Switching Protocols\r\n" + fields + "\r\n", "502 200"});
  }
  // Chunks that are none: the head has left already, so the client sees an answer cut short.
  for (const std::string& body :
       {"0x2\r\nok\r\n0\r\n\r\n"s, "+2\r\nok\r\n0\r\n\r\n"s, "-2\r\nok\r\n"s,
        " 2\r\nok\r\n0\r\n\r\n"s, "2 \r\nok\r\n0\r\n\r\n"s, "2_0\r\nok\r\n"s, "\r\nok\r\n"s,
        "00000000000000002\r\nok\r\n"s, "2\nok\r\n0\r\n\r\n"s, "2;\r\nok\r\n0\r\n\r\n"s,
        "2;a=\"\n\"\r\nok\r\n"s}) {
    rows.push_back({"H1_08", chunked(body), "200 cut hung up"});
  }
  for (const std::string& body :
       {"2\r\nokay\r\n0\r\n\r\n"s, "2\r\nok\n0\r\n\r\n"s, "2\r\nok0\r\n\r\n"s,
        "2\r\nok\r\n0\r\nx: y\n\r\n"s, "2\r\nok\r\n0\r\n x: y\r\n\r\n"s}) {
    rows.push_back({"H1_10", chunked(body), "200 cut hung up"});
  }
  for (const std::string& cut : {chunked("2\r\nok\r\n"), chunked("2\r\no"), chunked(""),
                                 ok("Content-Length: 3\r\n", "ok")}) {
    rows.push_back({"H1_10", cut, "200 cut hung up", false, true});
  }
  rows.push_back({"H1_21", "HTTP/1.1 20", "502 200", false, true});
  rows.push_back(
      {"H1_11",
       chunked("2\r\nok\r\n0\r\nContent-Length: 5\r\nSet-Cookie: a\r\nx-weft-peer: b\r\n\r\n"),
       "200 200", true});
  // A body where none may be is not the next answer.
  rows.push_back({"H1_21", "HTTP/1.1 204 No Content\r\n\r\nevil", "204 200"});
  rows.push_back(
      {"H1_21", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil", "304 200"});
  rows.push_back({"H1_21", ok("Content-Length: 4\r\n", "evil"), "200 200", false, false, "HEAD"});
  rows.push_back({"H1_21", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                  "204 200"});
  // Nor is what follows a whole answer.
  for (const std::string& extra :
       {"x"s, "\r\n"s, kPlain, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"s})
    rows.push_back({"H1_21", kPlain + extra, "200 200"});
  rows.push_back({"H1_21", chunked("2\r\nok\r\n0\r\n\r\n") + kPlain, "200 200"});
  std::string informational;
  for (int i = 0; i < 1000; ++i) informational += "HTTP/1.1 102 P\r\n\r\n";
  rows.push_back({"H1_21_long", informational + kPlain, ""});
  rows.push_back(
      {"H1_21_long", ok("x: " + std::string(1024 * 1024, 'x') + "\r\n", "ok"), "502 200"});
  // What is in order is passed on, and its connection used again.
  rows.push_back({"H1_21", kPlain, "200 200", true});
  rows.push_back({"H1_21", chunked("1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n"), "200 200", true});
  rows.push_back(
      {"H1_21", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + kPlain, "103 200 200", true});
  rows.push_back({"H1_21", ok("Connection: close\r\n", "ok"), "200 200", false, true});
  rows.push_back({"H1_21", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "200 200"});
  return rows;
}

class Http1ThreatsAnswers : public ::testing::TestWithParam<Row> {};

TEST_P(Http1ThreatsAnswers, GetTheTreatmentOfTheTable) {
  const Row& row = GetParam();
  RelayOptions options;
  options.answers = {row.answer, kPlain};
  options.origin_ends = row.ends;
  const std::string next = "GET /next HTTP/1.1 | host: cart";
  const std::string asked =
      row.method + " /a HTTP/1.1\r\nHost: cart\r\n\r\nGET /next HTTP/1.1\r\nHost: cart\r\n\r\n";
  if (row.client.empty()) {  // an answer of a thousand parts
    testing::Relay relay(options);
    relay.feed({asked});
    EXPECT_TRUE(relay.client().starts_with("102 102 "));
    EXPECT_TRUE(relay.client().ends_with(" 102 502 200")) << relay.client();
    EXPECT_LE(relay.client().size(), 18 * 4U);
    EXPECT_EQ(relay.origins(), row.method + " /a HTTP/1.1 | host: cart (closed) || " + next);
    return;
  }
  const bool cut = row.client.find("cut") != std::string::npos;
  const std::string first = row.method + " /a HTTP/1.1 | host: cart";
  const std::string after = row.ends ? next + " (closed)" : next;
  const std::string expected = row.client + "\n" + first +
                               (cut          ? " (closed)"
                                : row.reused ? " // " + next
                                             : " (closed) || " + after);
  if (row.answer.size() < 1500) {
    EXPECT_EQ(testing::relayed_answer(asked, options), expected) << escape(row.answer, 4096);
  } else {
    EXPECT_EQ(testing::relayed(asked, options), expected) << row.id;
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Http1ThreatsAnswers, ::testing::ValuesIn(table()),
                         [](const auto& param) {
                           return param.param.id + "_row" + std::to_string(param.index);
                         });

const std::string kUpgrade =
    "GET /a HTTP/1.1\r\nHost: cart\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const std::string kUpgradeSeen =
    "GET /a HTTP/1.1 | host: cart | connection: upgrade | upgrade: websocket";

// Early bytes are held until 101, wherever the 101 is cut.
TEST(Http1ThreatsAnswersInTurn, H1_17_EarlyBytesWaitForTheSwitch) {
  RelayOptions options;
  options.answers = {
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: "
      "WebSocket\r\n\r\nframe"};
  EXPECT_EQ(testing::relayed_answer(kUpgrade + "early", options),
            "101 <frame>\n" + kUpgradeSeen + " <early>");
  RelayOptions other = options;
  other.answers = {
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", kPlain};
  EXPECT_EQ(testing::relayed_answer(kUpgrade + "GET /next HTTP/1.1\r\nHost: cart\r\n\r\n", other),
            "502 200\n" + kUpgradeSeen + " (closed) || GET /next HTTP/1.1 | host: cart");
}

// A body whose sender waits for 100 (Continue) is never left half sent on a connection in use.
TEST(Http1ThreatsAnswersInTurn, H1_13_AnAnswerInsteadOfContinueEndsBothConnections) {
  RelayOptions options;
  options.answers_at_head = true;
  for (const char* status : {"200 OK", "417 Expectation Failed", "301 Moved"}) {
    options.answers = {"HTTP/1.1 "s + status + "\r\ncontent-length: 2\r\n\r\nok"};
    EXPECT_EQ(testing::relayed_answer("POST /a HTTP/1.1\r\nHost: cart\r\nExpect: "
                                      "100-continue\r\nContent-Length: 5\r\n\r\n",
                                      options)
                  .substr(3),
              " close\n")
        << status;
  }
}

}  // namespace
}  // namespace weft::http
