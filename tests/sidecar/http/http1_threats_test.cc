// The table of threats.md 3.1: what clients send to smuggle a request, and what each of them gets.
//
// A row says the bytes, what the client reads, what becomes of its connection, and what the origin
// receives, byte for byte. Every row runs through server codec, seam and client codec, whole, cut
// at every byte, and byte by byte. What origins send (H1-21, and H1-08 of them) stands in
// http1_threats_answers_test.cc; rows that need a whole proxy again in
// tests/mesh/smuggling_test.cc.

#include <gtest/gtest.h>

#include <initializer_list>
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
  std::string input;
  std::string client;
  std::string origin;  // empty: no whole request, and no connection left in the middle of one
  RelayOptions options;
  std::size_t pairs_up_to = 0;  // texts up to this size are cut at every pair of offsets
};

void PrintTo(const Row& row, std::ostream* out) { *out << row.id << " " << escape(row.input); }

using Rows = std::vector<Row>;

const std::string kRefused = "400 close";
const std::string kHost = "Host: cart\r\n";

std::string get(const std::string& fields = "") {
  return "GET /a HTTP/1.1\r\n" + kHost + fields + "\r\n";
}
std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /a HTTP/1.1\r\n" + kHost + fields + "\r\n" + body;
}
std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}
std::string line(const std::string& start) { return start + "\r\n" + kHost + "\r\n"; }

const std::string kChunkedHead = "POST /a HTTP/1.1 | host: cart | transfer-encoding: chunked";
const std::string kNext = "GET /next HTTP/1.1\r\nHost: cart\r\n\r\n";
const std::string kNextSeen = "GET /next HTTP/1.1 | host: cart";

// Rows of one id that are all refused alike, before or inside the body.
void refuse(Rows& rows, const std::string& id, std::initializer_list<std::string> inputs,
            const std::string& client = kRefused) {
  for (const std::string& input : inputs) rows.push_back({id, input, client, "", {}});
}

Rows lengths() {
  Rows rows;
  const std::string body = "3\r\nabc\r\n0\r\n\r\n";
  refuse(rows, "H1_01",
         {post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", body),
          post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", body),
          post("tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 3\r\n", body),
          post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", body),
          post("Content-Length: 3\r\nTransfer-Encoding: identity\r\n", "abc")});
  for (const std::string& value : {"xchunked"s,
                                   "chunked, identity"s,
                                   "identity"s,
                                   ", chunked"s,
                                   "chunked,"s,
                                   "\"chunked\""s,
                                   "cow, chunked"s,
                                   "chunked, chunked"s,
                                   "gzip, chunked"s,
                                   "gzip"s,
                                   ""s,
                                   "chunked;a=b"s,
                                   "\vchunked"s,
                                   "chunked\v"s,
                                   "\fchunked"s,
                                   "chunked\f"s,
                                   "\x80"s + "chunked",
                                   "chunked\xff"s,
                                   "chun\0ked"s,
                                   "chun ked"s}) {
    refuse(rows, "H1_02", {post("Transfer-Encoding: " + value + "\r\n", body)});
  }
  refuse(
      rows, "H1_02",
      {post("Transfer-Encoding : chunked\r\n", body), post(" Transfer-Encoding: chunked\r\n", body),
       post("Transfer-Encoding\t: chunked\r\n", body),
       post("Transfer-Encoding:\r\n chunked\r\n", body),
       post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", body),
       post("Transfer-Encoding: chunked\r\ntransfer-encoding: identity\r\n", body),
       post("X: y\nTransfer-Encoding: chunked\r\n", body),
       post("\0Transfer-Encoding: chunked\r\n"s, body)});
  rows.push_back({"H1_02",
                  post("Transfer-Encoding:\t ChUnKeD \t\r\n", body),
                  "200",
                  kChunkedHead + " {abc}",
                  {}});
  // Names that only look alike are fields as any other, and no framing.
  rows.push_back(
      {"H1_02", get("Transfer_Encoding: chunked\r\n"), "200", "GET /a HTTP/1.1 | host: cart", {}});
  refuse(
      rows, "H1_03",
      {"POST /a HTTP/1.0\r\nHost: cart\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
       "GET /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n" + body});
  for (const std::string& value : {"+5"s,
                                   "-0"s,
                                   "-5"s,
                                   "0x5"s,
                                   "5 5"s,
                                   "5,5"s,
                                   "5, 5"s,
                                   "5;"s,
                                   "5_0"s,
                                   ""s,
                                   "5.0"s,
                                   "5e0"s,
                                   "\v5"s,
                                   "5\0"s,
                                   "9223372036854775808"s,
                                   "18446744073709551616"s,
                                   "18446744073709551621"s,
                                   std::string(400, '1'),
                                   std::string(400, '0'),
                                   "\xef\xbc\x95"s}) {
    refuse(rows, "H1_04", {post("Content-Length: " + value + "\r\n", "hello")});
  }
  refuse(rows, "H1_04",
         {post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
          post("Content-Length: 5\r\ncontent-length: 5\r\n", "hello"),
          post("Content-Length: 5\r\nX: y\r\nCONTENT-LENGTH: 5\r\n", "hello")});
  rows.push_back({"H1_05",
                  post("Content-Length: 010\r\n", "0123456789") + kNext,
                  "200 200",
                  "POST /a HTTP/1.1 | host: cart | content-length: 10 {0123456789} // " + kNextSeen,
                  {}});
  return rows;
}

Rows lines() {
  Rows rows;
  refuse(rows, "H1_06",
         {"GET /a HTTP/1.1\nHost: cart\r\n\r\n", "GET /a HTTP/1.1\r\nHost: cart\n\r\n",
          "GET /a HTTP/1.1\r\nHost: cart\r\n\n", "GET /a HTTP/1.1\r\nHost: cart\n\n",
          "GET /a HTTP/1.1\r\r\nHost: cart\r\n\r\n", "GET /a HTTP/1.1\rHost: cart\r\n\r\n",
          "GET /a\r HTTP/1.1\r\nHost: cart\r\n\r\n", "GET\r /a HTTP/1.1\r\nHost: cart\r\n\r\n",
          get("X: a\rb\r\n"), get("X: a\r\r\n"), get("X\r: a\r\n"), get("\rX: a\r\n"),
          get("X: a\nY: b\r\n"), "\n" + get(), "\r" + get(), "\r\n\r\n" + get()});
  for (int c = 0; c < 0x20; ++c) {
    const std::string control(1, static_cast<char>(c));
    if (control != "\t" && control != "\n" && control != "\r")
      refuse(rows, "H1_06", {get("X: a" + control + "b\r\n")});
    refuse(rows, "H1_06", {get("X" + control + ": a\r\n")});
  }
  refuse(rows, "H1_06", {get("X: a\x7f\r\n"), get("X\x7f: a\r\n")});
  refuse(rows, "H1_07",
         {get("X: a\r\n b\r\n"),
          get("X: a\r\n\tb\r\n"),
          get("X: a\r\n \r\n"),
          "GET /a HTTP/1.1\r\n \r\nHost: cart\r\n\r\n",
          "GET /a HTTP/1.1\r\n\t\r\nHost: cart\r\n\r\n",
          "GET /a HTTP/1.1\r\n Host: cart\r\n\r\n",
          get("no colon\r\n"),
          get("nocolon\r\n"),
          get(": empty\r\n"),
          get(":\r\n"),
          get("a : b\r\n"),
          get("a\t: b\r\n"),
          get("a[: b\r\n"),
          get("a(: b\r\n"),
          get("a@: b\r\n"),
          get("a\x85: b\r\n"),
          get("a\xa0: b\r\n"),
          get("\xa0: b\r\n"),
          get("a\"b\": c\r\n"),
          get("a/b: c\r\n"),
          get("a;b: c\r\n"),
          get("{a}: b\r\n"),
          get("a=b: c\r\n"),
          get("a\\b: c\r\n")});
  rows.push_back({"H1_07",
                  get("A!#$%&'*+-.^`|~9: b\r\nEmpty:\r\nTabbed:\t\ta\t \r\n"),
                  "200",
                  "GET /a HTTP/1.1 | host: cart | A!#$%&'*+-.^`|~9: b | Empty:  | Tabbed: a",
                  {}});
  return rows;
}

Rows chunks() {
  Rows rows;
  for (const std::string& size : {"0x5"s, "+5"s, "-0"s, " 5"s, "5 "s, "5_0"s, ""s,
                                  "00000000000000005"s, "ffffffffffffffffff"s, "8000000000000005"s,
                                  "g"s, "\t5"s, "5\t"s, "5,"s, "5\v"s, "5\0"s, "\xef\xbc\x95"s}) {
    refuse(rows, "H1_08", {chunked(size + "\r\nhello\r\n0\r\n\r\n") + kNext});
  }
  for (const std::string& end : {"\n"s, "\r"s, "\r\r\n"s, "\n\r"s})
    refuse(rows, "H1_08", {chunked("5" + end + "hello\r\n0\r\n\r\n") + kNext});
  rows.push_back({"H1_08",
                  chunked("5\r\nhello\r\n00A\r\n, chunked!\r\n000\r\n\r\n"),
                  "200",
                  kChunkedHead + " {hello, chunked!}",
                  {}});
  for (const std::string& extension :
       {";a\nb"s,  ";a\rb"s,    ";a\0"s,         ";"s,           ";;a"s,        "; a"s,
        ";a;"s,    ";a="s,      ";=b"s,          ";a =b"s,       ";a= b"s,      ";a b"s,
        ";(=b"s,   ";a=(b"s,    ";a=\"x\r\n\""s, ";a=\"x\ny\""s, ";a=\"x\0\""s, ";a=\"x\"y"s,
        ";a=\"x"s, ";a=b\x7f"s, ";a\xff"s}) {
    refuse(rows, "H1_09", {chunked("5" + extension + "\r\nhello\r\n0\r\n\r\n") + kNext});
  }
  refuse(rows, "H1_09", {chunked("5;" + std::string(1024 * 1024, 'a') + "\r\nhello\r\n0\r\n\r\n")});
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "1;ab\r\nx\r\n";
  refuse(rows, "H1_09", {chunked(many + "0\r\n\r\n")});
  rows.push_back({"H1_09",
                  chunked("1;a;b=c;d=\"x\\\" ;y\"\r\nz\r\n0;last\r\n\r\n") + kNext,
                  "200 200",
                  kChunkedHead + " {z} // " + kNextSeen,
                  {}});
  refuse(
      rows, "H1_10",
      {chunked("3\r\nhello\r\n0\r\n\r\n") + kNext, chunked("5\r\nhello0\r\n\r\n") + kNext,
       chunked("5\r\nhello\n0\r\n\r\n") + kNext, chunked("5\r\nhello\r0\r\n\r\n") + kNext,
       chunked("5\r\nhello\r\n\r\n0\r\n\r\n") + kNext, chunked("\r\n5\r\nhello\r\n0\r\n\r\n"),
       chunked("5\r\nhello\r\n0\r\nx: y\n\r\n"), chunked("5\r\nhello\r\n0\r\n\n"),
       chunked("5\r\nhello\r\n0\r\nx y: z\r\n\r\n"), chunked("5\r\nhello\r\n0\r\n x: z\r\n\r\n")});
  RelayOptions ends;
  ends.client_ends = true;
  for (const std::string& cut :
       {chunked("5\r\nhel"), chunked("5\r\nhello\r\n"), chunked("5\r\nhello\r\n0\r\n"),
        chunked("5"), chunked(""), post("Content-Length: 5\r\n", "hell")}) {
    rows.push_back({"H1_10", cut, kRefused, "", ends});
  }
  rows.push_back(
      {"H1_11",
       chunked("2\r\nhi\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\nHost: evil\r\n"
               "Authorization: b\r\nX-Forwarded-For: c\r\nX-Forwarded-Host: c\r\n"
               "x-weft-peer: d\r\nx_weft_peer: e\r\nx-mesh-identity: f\r\n"
               "Connection: close\r\nCookie: g\r\nX-Sum: 7\r\n\r\n") +
           kNext,
       "200 200",
       kChunkedHead + " | (trailer) X-Sum: 7 {hi} // " + kNextSeen,
       {}});
  rows.push_back({"H1_11",
                  chunked("0\r\nContent-Length: 3\r\n\r\n") + kNext,
                  "200 200",
                  kChunkedHead + " {} // " + kNextSeen,
                  {}});
  return rows;
}

Rows bodies_nobody_expects() {
  Rows rows;
  const std::string evil = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
  const std::string said = "GET /evil HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n";
  for (const char* method : {"GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "LINK"}) {
    const std::string start = method + " /a HTTP/1.1"s;
    RelayOptions answers;
    if (method == "HEAD"s)
      answers.answers.insert(answers.answers.begin(),
                             "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    rows.push_back(
        {"H1_12", start + "\r\n" + kHost + "Content-Length: 31\r\n\r\n" + evil + kNext, "200 200",
         start + " | host: cart | content-length: 31 {" + said + "} // " + kNextSeen, answers});
    rows.push_back(
        {"H1_12",
         start + "\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n1f\r\n" + evil +
             "\r\n0\r\n\r\n" + kNext,
         "200 200",
         start + " | host: cart | transfer-encoding: chunked {" + said + "} // " + kNextSeen,
         answers});
  }
  return rows;
}

Rows expectations() {
  Rows rows;
  const std::string expects = post("Content-Length: 5\r\nExpect: 100-Continue\r\n");
  const std::string seen =
      "POST /a HTTP/1.1 | host: cart | content-length: 5 | expect: 100-continue";
  RelayOptions at_head;
  at_head.answers_at_head = true;
  at_head.answers = {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"};
  // No body, no expectation.
  rows.push_back({"H1_13",
                  get("Expect: 100-continue\r\n") + kNext,
                  "200 200",
                  "GET /a HTTP/1.1 | host: cart // " + kNextSeen,
                  {}});
  rows.push_back({"H1_13",
                  post("Content-Length: 0\r\nExpect: 100-continue\r\n") + kNext,
                  "200 200",
                  "POST /a HTTP/1.1 | host: cart | content-length: 0 {} // " + kNextSeen,
                  {}});
  // One that nobody knows is the origin's to refuse; it frames nothing.
  rows.push_back(
      {"H1_13",
       post("Content-Length: 5\r\nExpect: 100-contniue\r\n", "hello") + kNext,
       "200 200",
       "POST /a HTTP/1.1 | host: cart | Expect: 100-contniue | content-length: 5 {hello} "
       "// " +
           kNextSeen,
       {}});
  // The body does not wait for the answer.
  RelayOptions continues;
  continues.answers = {
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"};
  rows.push_back({"H1_13", expects + "hello" + kNext, "100 200 200",
                  seen + " {hello} // " + kNextSeen, continues});
  // A final status instead of 100: whether the body comes nobody knows, so both connections end.
  RelayOptions final_status;
  final_status.answers_at_head = true;
  final_status.answers = {"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n"};
  rows.push_back({"H1_13", expects, "417 close", "", final_status});
  // 1.0 has no such thing.
  rows.push_back(
      {"H1_13",
       "POST /a HTTP/1.0\r\nHost: cart\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
       "200 close",
       "POST /a HTTP/1.1 | host: cart | content-length: 2 {hi}",
       {}});
  return rows;
}

Rows targets() {
  Rows rows;
  const std::string other = " HTTP/1.1\r\nHost: other\r\n\r\n";
  rows.push_back(
      {"H1_14", "GET http://Real:81/p?q" + other, "200", "GET /p?q HTTP/1.1 | host: real:81", {}});
  rows.push_back({"H1_14", "GET HTTPS://real" + other, "200", "GET / HTTP/1.1 | host: real", {}});
  rows.push_back(
      {"H1_14", "GET http://real?x" + other, "200", "GET /?x HTTP/1.1 | host: real", {}});
  rows.push_back(
      {"H1_14", "OPTIONS http://real" + other, "200", "OPTIONS * HTTP/1.1 | host: real", {}});
  rows.push_back({"H1_14", "OPTIONS *" + other, "200", "OPTIONS * HTTP/1.1 | host: other", {}});
  refuse(rows, "H1_14",
         {line("GET * HTTP/1.1"),
          line("GET cart:80 HTTP/1.1"),
          line("GET admin HTTP/1.1"),
          line("GET ftp://a/ HTTP/1.1"),
          line("GET http:///x HTTP/1.1"),
          line("GET http:// HTTP/1.1"),
          line("GET http://u@a/x HTTP/1.1"),
          line("GET http://a,b/x HTTP/1.1"),
          line("GET /a#frag HTTP/1.1"),
          line("GET http://a#frag HTTP/1.1"),
          line("GET /a b HTTP/1.1"),
          line("GET  /a HTTP/1.1"),
          line("GET /a  HTTP/1.1"),
          line("GET /a\tb HTTP/1.1"),
          line("GET\t/a HTTP/1.1"),
          line("GET /a\tHTTP/1.1"),
          line("GET /\x80 HTTP/1.1"),
          line("GET /\xc3\xa9 HTTP/1.1"),
          line("GET /a\0b HTTP/1.1"s),
          line("GET /\x7f HTTP/1.1"),
          line(" GET /a HTTP/1.1"),
          line("G(T /a HTTP/1.1"),
          line("CONNECT /x HTTP/1.1"),
          line("CONNECT a HTTP/1.1"),
          line("CONNECT a: HTTP/1.1"),
          line("CONNECT u@a:1 HTTP/1.1"),
          line("CONNECT a:99999 HTTP/1.1"),
          line("CONNECT http://a:1 HTTP/1.1"),
          "GET http://real/ HTTP/1.1\r\nHost: u@a\r\n\r\n",
          "GET http://real/ HTTP/1.1\r\n\r\n",
          "GET http://real/ HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"});
  refuse(rows, "H1_15",
         {"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n",
          "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"});
  for (const std::string& host :
       {""s, "u@a"s, "u:p@a"s, "a/b"s, "a,b"s, "a, a"s, "a b"s, "a:x"s, "a:99999"s, "http://a"s,
        "a\xc3\xa9"s, "a%20b"s, "a?b"s, "a#b"s, "["s, "[::1"s, "."s, ":80"s, "a\\b"s}) {
    refuse(rows, "H1_15", {"GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n"});
  }
  rows.push_back({"H1_15",
                  "GET / HTTP/1.1\r\nHost: Cart.Shop.:8080\r\n\r\n",
                  "200",
                  "GET / HTTP/1.1 | host: cart.shop:8080",
                  {}});
  refuse(rows, "H1_16",
         {line("GET / http/1.1"), line("GET / HTTP/1.10"), line("GET / HTTP/1"),
          line("GET / HTTP/1."), line("GET / HTTP/.1"), line("GET / HTTP/01.1"),
          line("GET / HTTP/1.1 "), line("GET / HTTP 1.1"), line("GET / XTTP/1.1"), "GET /\r\n",
          "GET /\r\n\r\n", "GET\r\n\r\n"});
  refuse(rows, "H1_16",
         {line("GET / HTTP/2.0"), line("GET / HTTP/1.2"), line("GET / HTTP/0.9"),
          line("GET / HTTP/3.0"), line("PRI * HTTP/2.0")},
         "505 close");
  return rows;
}

Rows switches() {
  Rows rows;
  const std::string upgrade = get("Connection: Upgrade\r\nUpgrade: websocket\r\n");
  const std::string seen =
      "GET /a HTTP/1.1 | host: cart | connection: upgrade | upgrade: websocket";
  RelayOptions agrees;
  agrees.answers = {
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
      "websocket\r\n\r\nframe"};
  RelayOptions says_200;
  says_200.answers = {"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"};
  rows.push_back({"H1_17", upgrade + "early", "101 <frame>", seen + " <early>", agrees});
  // Without the switch these bytes are the next request, or none at all.
  rows.push_back(
      {"H1_17", upgrade + kNext, "200 200", seen + " (closed) || " + kNextSeen, says_200});
  rows.push_back(
      {"H1_17", upgrade + "\x81\x05hello", "200 400 close", seen + " (closed)", says_200});
  RelayOptions denies;
  denies.answers = {"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"};
  const std::string connect = "CONNECT cart:443 HTTP/1.1\r\nHost: cart:443\r\n\r\n";
  rows.push_back({"H1_17", connect + "early", "200 <later>",
                  "CONNECT cart:443 HTTP/1.1 | host: cart:443 (closed)", denies});
  rows.back().client = "403 close";
  rows.push_back({"H1_17", connect + kNext, "403 close",
                  "CONNECT cart:443 HTTP/1.1 | host: cart:443 (closed)", denies});
  rows.push_back({"H1_18",
                  get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: "
                      "AAMAAABkAAQAoAAAAAIAAAAA\r\n") +
                      kNext,
                  "200 200",
                  "GET /a HTTP/1.1 | host: cart // " + kNextSeen,
                  {}});
  rows.push_back({"H1_18",
                  get("Upgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"),
                  "200",
                  "GET /a HTTP/1.1 | host: cart",
                  {}});
  rows.push_back({"H1_18",
                  get("Connection: upgrade\r\nUpgrade: h2c, HTTP/2.0, TLS/1.0\r\n"),
                  "200",
                  "GET /a HTTP/1.1 | host: cart",
                  {}});
  rows.push_back({"H1_19",
                  get("Connection: close, x-forwarded-for, X-Mesh-Identity\r\n"
                      "X-Forwarded-For: 1\r\nx-mesh-identity: me\r\nAuthorization: b\r\n"
                      "connection: authorization,,\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n"
                      "Kept: 1\r\n"),
                  "200 close",
                  "GET /a HTTP/1.1 | host: cart | Kept: 1",
                  {}});
  // What a connection itself says cannot be hidden by nominating it.
  rows.push_back({"H1_19",
                  post("Connection: host, content-length\r\nContent-Length: 2\r\n", "hi"),
                  "200",
                  "POST /a HTTP/1.1 | host: cart | content-length: 2 {hi}",
                  {}});
  rows.push_back({"H1_19",
                  post("Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
                       "2\r\nhi\r\n0\r\n\r\n"),
                  "200",
                  kChunkedHead + " {hi}",
                  {}});
  rows.push_back(
      {"H1_23",
       get("x_a: 1\r\nx-a: 2\r\nx_weft_peer: me\r\nX-Weft_Peer: me\r\nX-Forwarded_For: me\r\n"
           "x_mesh_identity: me\r\ncontent_length: 5\r\nhost_: b\r\n"),
       "200",
       "GET /a HTTP/1.1 | host: cart | x_a: 1 | x-a: 2 | host_: b",
       {}});
  RelayOptions drops;
  drops.codec.normalize.underscores = NormalizeOptions::Underscores::kDrop;
  rows.push_back({"H1_23", get("x_a: 1\r\nx-a: 2\r\n"), "200",
                  "GET /a HTTP/1.1 | host: cart | x-a: 2", drops});
  RelayOptions rejects;
  rejects.codec.normalize.underscores = NormalizeOptions::Underscores::kReject;
  rows.push_back({"H1_23", get("x_a: 1\r\nx-a: 2\r\n"), kRefused, "", rejects});
  return rows;
}

Rows pipelines() {
  Rows rows;
  for (const int count : {100, 10'000}) {
    Row row{"H1_20", "", "", "", {}};
    for (int i = 0; i < count; ++i) {
      const std::string target = "GET /" + std::to_string(i) + " HTTP/1.1";
      row.input += target + "\r\nHost: cart\r\n\r\n";
      row.origin += (i == 0 ? "" : " // ") + target + " | host: cart";
      row.client += (i == 0 ? "" : " ") + std::string("200");
    }
    rows.push_back(std::move(row));
  }
  const std::string request =
      "PUT /b HTTP/1.1\r\nHost: c\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nz: "
      "1\r\n\r\n";
  const std::string seen =
      "PUT /b HTTP/1.1 | host: c | transfer-encoding: chunked | (trailer) z: 1 {abcde}";
  const std::size_t pairs = 300;
  rows.push_back(
      {"H1_22",
       get() + post("Content-Length: 5\r\n", "hello") + kNext,
       "200 200 200",
       "GET /a HTTP/1.1 | host: cart // POST /a HTTP/1.1 | host: cart | content-length: 5 "
       "{hello} // " +
           kNextSeen,
       {},
       pairs});
  rows.push_back({"H1_22", request + request, "200 200", seen + " // " + seen, {}, pairs});
  rows.push_back({"H1_22",
                  "\r\n" + get("X: y\r\n") + "\r\n" + kNext,
                  "200 200",
                  "GET /a HTTP/1.1 | host: cart | X: y // " + kNextSeen,
                  {},
                  pairs});
  rows.push_back({"H1_22",
                  "GET / HTTP/1.0\r\nConnection: keep-alive\r\nHost: a\r\n\r\nGET / HTTP/1.0\r\n"
                  "Host: b\r\n\r\n",
                  "200 200 close",
                  "GET / HTTP/1.1 | host: a // GET / HTTP/1.1 | host: b",
                  {},
                  pairs});
  return rows;
}

Rows all() {
  Rows rows;
  for (Rows more : {lengths(), lines(), chunks(), bodies_nobody_expects(), expectations(),
                    targets(), switches(), pipelines()}) {
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

class Http1Threats : public ::testing::TestWithParam<Row> {};

TEST_P(Http1Threats, GetTheAnswerOfTheTable) {
  const Row& row = GetParam();
  EXPECT_EQ(testing::relayed(row.input, row.options, row.pairs_up_to),
            row.client + "\n" + row.origin)
      << escape(row.input, 4096);
}

INSTANTIATE_TEST_SUITE_P(Table, Http1Threats, ::testing::ValuesIn(all()), [](const auto& param) {
  return param.param.id + "_row" + std::to_string(param.index);
});

// The origin answers before it has read that body: what comes of it later is read off, the origin's
// connection is of no more use, and what follows the body is the next request, on another one.
TEST(Http1ThreatsInTurn, H1_12_ABodyBehindItsAnswerIsReadOff) {
  RelayOptions early;
  early.answers_at_head = true;
  const std::string evil = "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const std::string& method : {"GET"s, "DELETE"s, "POST"s}) {
    const std::string head = method + " /a HTTP/1.1\r\n" + kHost + "Content-Length: 31\r\n\r\n";
    const std::string all = weft::testing::at_every_split(
        evil + kNext,
        [&](const weft::testing::Pieces& pieces) {
          testing::Relay relay(early);
          relay.feed({head});
          EXPECT_EQ(relay.client(), "200");
          relay.feed(pieces);
          return relay.client() + "\n" + relay.origins();
        },
        0);
    EXPECT_EQ(all, "200 200\n" + kNextSeen) << method;
  }
}

// What waits behind a request stays in the socket.
TEST(Http1ThreatsInTurn, H1_20_OneOfTenThousandIsAskedWhileTheOriginThinks) {
  RelayOptions silent;
  silent.answers = {""};
  testing::Relay relay(silent);
  std::string all;
  for (int i = 0; i < 10'000; ++i) all += kNext;
  relay.feed({all});
  EXPECT_TRUE(relay.paused());
  EXPECT_EQ(relay.client() + "|" + relay.origins(), "|" + kNextSeen);
}

}  // namespace
}  // namespace weft::http
