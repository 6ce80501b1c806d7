#include "tests/differential/generator.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "sidecar/core/random.h"
#include "tests/support/http1_bends.h"

namespace weft::differential {

namespace {

using namespace std::string_view_literals;

// One in so many choices is an odd one.
constexpr std::uint64_t kOddness = 24;

constexpr std::string_view kMethods[] = {"GET",    "GET",  "POST",    "POST",  "PUT",
                                         "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"};
constexpr std::string_view kOddMethods[] = {
    "CONNECT",
    "get",
    "FOO",
    "M-SEARCH",
    "PRI",
    "G(T",
    "",
    "LINK",
    "ANNOUNCE",
    "SOURCE",
    "X!#$%&'*+.^_`|~9",
    "GEt",
    "PURGE",
    "QUERY",
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAA"};
constexpr std::string_view kTargets[] = {"/",        "/a",  "/a?b=c&d",        "/a/b.c",
                                         "/%41?%zz", "/~x", "/a:b@c!$&'()*+,="};
constexpr std::string_view kOddTargets[] = {"*",
                                            "/a;b=c",
                                            "http://h/x",
                                            "http://h",
                                            "http://h?x",
                                            "HTTPS://h:81/",
                                            "http://u@h/",
                                            "ftp://h/",
                                            "h:80",
                                            "a",
                                            "/a#f",
                                            "/\x80",
                                            "/a%00",
                                            "//",
                                            "/a/../b",
                                            "/a\\b",
                                            "/a%2fb",
                                            "/a%5cb",
                                            "/%zz",
                                            "/%c0%ae",
                                            "/a b",
                                            "/a\tb",
                                            "",
                                            "/..;/x",
                                            "http:///x",
                                            "/\x7f",
                                            "/a\"<>^`{|}",
                                            "?x",
                                            "/[",
                                            "h",
                                            ":80",
                                            "http://[::1]:8/",
                                            "http://h:x/",
                                            "http://h#f"};
constexpr std::string_view kOddVersions[] = {
    "HTTP/1.0", "HTTP/1.0",  "HTTP/1.0", "http/1.1", "HTTP/1.2",  "HTTP/2.0",
    "HTTP/0.9", "HTTP/1.10", "HTTP/1",   "",         "HTTP/01.1", "HTTP/1.1 ",
    "ICE/1.0",  "RTSP/1.0",  "HTTP/3.0", "HTTP1.1",  " HTTP/1.1"};
constexpr std::string_view kOddHosts[] = {
    "",         "u@a",  "a/b",     "a,b", "a b", "a:x", "http://a", "a\xc3\xa9",
    "[::1]:80", "A.B.", "a:99999", "[",   "a:",  "a_b", "a%20",     "-"};
constexpr std::string_view kFields[] = {"Accept: */*\r\n",
                                        "User-Agent: curl/8\r\n",
                                        "Cookie: a=b; c=\"d\"\r\n",
                                        "X-Empty:\r\n",
                                        "x-tab:\ta\t b \t\r\n",
                                        "Connection: keep-alive\r\n",
                                        "Te: trailers\r\n",
                                        "X-Utf8: \xc3\xa9\r\n",
                                        "Expect: 100-continue\r\n",
                                        "Trailer: x-sum\r\n",
                                        "!#$%&'*+-.^_`|~: b\r\n",
                                        "x_y: z\r\n",
                                        "Keep-Alive: timeout=5\r\n",
                                        "X: y\r\n",
                                        "Content-Type: text/plain;charset=\"utf-8\"\r\n"};
constexpr std::string_view kOddFields[] = {
    "Connection: close\r\n",
    "Connection: close, x\r\n",
    "Connection: Keep-Alive, Close\r\n",
    "Connection: upgrade\r\nUpgrade: websocket\r\n",
    "Connection: Upgrade\r\nUpgrade: h2c\r\n",
    "Upgrade: websocket\r\n",
    "Connection: upgrade\r\n",
    "Connection: x, content-length, host\r\n",
    "folded: a\r\n b\r\n",
    "folded: a\r\n\tb\r\n",
    " indented: a\r\n",
    "blank : a\r\n",
    "tab\t: a\r\n",
    "nocolon\r\n",
    "no colon\r\n",
    ": empty\r\n",
    "a[: b\r\n",
    "a(b): c\r\n",
    "a\x80: b\r\n",
    "x: a\nb: c\r\n",
    "x: a\rb: c\r\n",
    "x: a\r\r\n",
    "x: a\x01\x62\r\n",
    "x: a\x7f\r\n",
    "x: \x0b\x0c\r\n",
    "x: a\n",
    "x:a\r\n",
    " \r\n",
    "\t\r\n",
    "Host: b\r\n",
    "Proxy-Connection: close\r\n",
    "x\r\n: y\r\n",
    "Connection: closed\r\n",
    "Connection: close \t\r\n",
    "Connection: \"close\"\r\n",
    "Connection:\tclose\r\n",
    "Connection: ,close,\r\n",
    "Connection: "
    "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,"
    "q,r,s,t,u,v,w,x,y,z,a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,v,w,x,y,z\r\n",
    "Connection: a\r\nConnection: b\r\nConnection: c\r\nConnection: d\r\nConnection: e\r\n",
    "HTTP2-Settings: AAMA\r\n"};
constexpr std::string_view kOddLengths[] = {"+5",
                                            "-0",
                                            "-5",
                                            "0x5",
                                            "5 5",
                                            "5,5",
                                            "5, 5",
                                            "5;",
                                            "5_0",
                                            "",
                                            "5.0",
                                            "005",
                                            "9223372036854775808",
                                            "18446744073709551616",
                                            "18446744073709551621",
                                            "\x0b"
                                            "5",
                                            "5\x0c",
                                            "5\t",
                                            "0",
                                            "00",
                                            "00000000000000000000000000000000005",
                                            "9223372036854775807"};
constexpr std::string_view kOddCodings[] = {"xchunked",
                                            "chunked, identity",
                                            "identity",
                                            ", chunked",
                                            "chunked,",
                                            "\"chunked\"",
                                            "cow, chunked",
                                            "chunked, chunked",
                                            "gzip, chunked",
                                            "gzip",
                                            "",
                                            "chunked;a=b",
                                            "\x0b"
                                            "chunked",
                                            "chunked\x0b",
                                            "chunked\x0c",
                                            "\x80"
                                            "chunked",
                                            "chun ked",
                                            "CHUNKED",
                                            "chunked \t",
                                            "chunked\x7f",
                                            "chunkedx",
                                            "identity, chunked"};
constexpr std::string_view kOddSizes[] = {"0x5",
                                          "+5",
                                          "-5",
                                          " 5",
                                          "5 ",
                                          "5\t",
                                          "5_0",
                                          "",
                                          "g",
                                          "05",
                                          "000000000000000000005",
                                          "ffffffffffffffffff",
                                          "8000000000000005",
                                          "fffffffffffffffff",
                                          "5,",
                                          "7fffffffffffffff",
                                          "5\x0b",
                                          "0000000000000005"};
constexpr std::string_view kExtensions[] = {";",
                                            ";a",
                                            ";a=b",
                                            ";a=\"b\"",
                                            ";a=b;a=\"b\"",
                                            ";a=\"b\\\"c\"",
                                            ";;a",
                                            "; a",
                                            " ;a",
                                            ";a ",
                                            ";a =b",
                                            ";a= b",
                                            ";a=",
                                            ";=b",
                                            ";a;b;c=d",
                                            ";a=\"x",
                                            ";a=\"x\"y",
                                            ";a\nb",
                                            ";a\rb",
                                            ";a\x01",
                                            ";a=\"\r\n\"",
                                            ";a(b",
                                            ";a=\"\x80\"",
                                            ";a\x80",
                                            ";a=\"\\\x01\"",
                                            ";\"a\""};
constexpr std::string_view kEnds[] = {"\n", "\r", "\r\r\n", "", "\n\r", "\r\n\r\n", " \r\n"};
constexpr std::string_view kOddTrailers[] = {"Content-Length: 6\r\n",
                                             "Content-Length: x\r\n",
                                             "Transfer-Encoding: gzip\r\n",
                                             "x: y\n",
                                             "x y: z\r\n",
                                             " x: y\r\n",
                                             "x\r\n",
                                             "x: y\r\n z\r\n",
                                             "Content-Length: 5\r\n",
                                             "Transfer-Encoding: chunked\r\n",
                                             ": x\r\n",
                                             "x: \x01\r\n",
                                             "Host: b\r\n",
                                             "x : y\r\n"};
constexpr std::string_view kReasons[] = {"OK", "OK", "", "Not Found", "A  b\tc", "\xc3\xa9"};
constexpr std::string_view kStatuses[] = {"200", "200", "200", "200", "404", "500", "201", "301"};
constexpr std::string_view kOddStatuses[] = {"100",  "103",  "101", "204", "304", "099",
                                             "20",   "2000", "2x0", "999", "000", "+20",
                                             " 200", "",     "600", "199"};
class Hand final {
 public:
  explicit Hand(std::uint64_t seed) : random_(seed) {}

  std::string stream(Kind kind) {
    std::string text;
    if (odd()) text += odd() ? "\r\n\r\n" : "\r\n";
    for (std::uint64_t count = 1 + random_.below(3); count > 0; --count) {
      text += kind == Kind::kRequests ? request() : response();
      if (odd()) text += odd() ? "\n" : "\r\n";
    }
    return text;
  }

  void bend(std::string& text) {
    const std::size_t at = random_.below(text.size() + 1);
    switch (random_.below(6)) {
      case 0:
        text.erase(at, 1 + random_.below(4));
        break;
      case 1:
        text.insert(at, text.substr(random_.below(text.size() + 1), random_.below(24)));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(random_.below(256));
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text.replace(at, std::min<std::size_t>(random_.below(3), text.size() - at),
                     pick(testing::kHttp1Bends));
        break;
    }
  }

  [[nodiscard]] std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

 private:
  [[nodiscard]] bool odd() { return random_.below(kOddness) == 0; }
  [[nodiscard]] std::string_view pick(std::span<const std::string_view> from) {
    return from[random_.below(from.size())];
  }
  [[nodiscard]] std::string_view pick(std::span<const std::string_view> from,
                                      std::span<const std::string_view> strange) {
    return pick(odd() ? strange : from);
  }
  [[nodiscard]] std::string_view usually(std::string_view text,
                                         std::span<const std::string_view> strange) {
    return odd() ? pick(strange) : text;
  }
  [[nodiscard]] std::string_view blank() {
    static constexpr std::string_view kBlanks[] = {"  ", "\t", "", "\x0b"};
    return random_.below(3 * kOddness) == 0 ? pick(kBlanks) : " "sv;
  }
  [[nodiscard]] std::string_view end() {
    return random_.below(3 * kOddness) == 0 ? pick(kEnds) : "\r\n"sv;
  }

  std::string request() {
    std::string text(pick(kMethods, kOddMethods));
    text += blank();
    text += pick(kTargets, kOddTargets);
    text += blank();
    text += usually("HTTP/1.1", kOddVersions);
    text += end();
    if (!odd()) text.append("Host: ").append(usually("cart", kOddHosts)).append(end());
    return text + rest(random_.below(2) == 0);
  }

  std::string response() {
    std::string text(usually("HTTP/1.1", kOddVersions));
    text += blank();
    text += pick(kStatuses, kOddStatuses);
    if (!odd()) text += blank();
    text += pick(kReasons);
    if (odd()) text += pick(testing::kHttp1Bends);
    text += end();
    return text + rest(random_.below(8) != 0);
  }

  std::string rest(bool has_body) {
    std::string text = fields();
    std::string body;
    if (has_body && random_.below(2) == 0) {
      body = content();
      text.append(usually("Content-Length", kLengthNames)).append(":").append(blank());
      text += odd() ? std::string(pick(kOddLengths)) : std::to_string(body.size());
      text += end();
      if (odd()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
      if (odd()) text += "Transfer-Encoding: chunked\r\n";
    } else if (has_body) {
      body = chunks();
      text.append(usually("Transfer-Encoding", kCodingNames)).append(":").append(blank());
      text.append(usually("chunked", kOddCodings)).append(end());
      if (odd()) text += "Transfer-Encoding: chunked\r\n";
      if (odd()) text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
    }
    text += fields();
    text += end();
    return text + body;
  }

  std::string fields() {
    std::string text;
    for (std::uint64_t count = random_.below(3); count > 0; --count)
      text += random_.below(8) == 0 ? pick(kOddFields) : pick(kFields);
    return text;
  }

  std::string content() {
    static constexpr std::string_view kContents[] = {"",
                                                     "a",
                                                     "hello",
                                                     "0\r\n\r\n",
                                                     "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n",
                                                     "HTTP/1.1 200 OK\r\n\r\n",
                                                     "\r\n",
                                                     "5\r\nhello\r\n0\r\n\r\n"};
    return std::string(pick(kContents));
  }

  std::string chunks() {
    std::string text;
    for (std::uint64_t count = random_.below(3); count > 0; --count) {
      const std::string data = content();
      if (data.empty()) continue;
      text += size_line(data.size());
      text += data;
      text += end();
    }
    text += size_line(0);
    while (random_.below(6) == 0)
      text += random_.below(6) == 0 ? pick(kOddTrailers) : "x-sum: 1\r\n"sv;
    text += end();
    return text;
  }

  std::string size_line(std::size_t size) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    if (size >= 16) text += kDigits[size / 16];
    text += kDigits[size % 16];
    if (odd()) text = pick(kOddSizes);
    if (random_.below(8) == 0) text += pick(kExtensions);
    text += end();
    return text;
  }

  static constexpr std::string_view kLengthNames[] = {"content-length",  "CONTENT-LENGTH",
                                                      "Content-Length ", "Content_Length",
                                                      "Content-Lengt",   "Content-Length\x0b"};
  static constexpr std::string_view kCodingNames[] = {"transfer-encoding", "Transfer-Encoding ",
                                                      "Transfer_Encoding", " Transfer-Encoding",
                                                      "Transfer-Encoding\x80"};
  Random random_;
};

}  // namespace

std::string generate(Kind kind, std::uint64_t seed) {
  Hand hand(seed * 2 + (kind == Kind::kResponses ? 1 : 0));
  std::string text = hand.stream(kind);
  for (std::uint64_t bends = hand.below(3); bends > 0; --bends) hand.bend(text);
  return text;
}

}  // namespace weft::differential
