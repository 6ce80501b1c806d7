// What the HTTP/1 server codec makes of what clients send: the rows of threats.md 3.1 by their ids,
// at every split.

#include "sidecar/http/http1_server.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/sidecar/http/http1_talk.h"

namespace weft::http {
namespace {

using testing::Pieces;
using namespace std::string_literals;

// Transcript and wire of a client that sends `text` to a server that answers whole requests.
std::string talk(std::string_view text, const CodecOptions& options = {}) {
  return testing::at_every_split(text, [&](const Pieces& pieces) {
    ServerTalk server(options);
    server.answers = ServerTalk::Answers::kAtEnd;
    server.feed(pieces);
    return server.transcript() + "> " + server.take_wire();
  });
}

std::string get(std::string_view fields) {
  return "GET /a HTTP/1.1\r\nHost: cart\r\n" + std::string(fields) + "\r\n";
}
std::string post(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nHost: cart\r\n" + std::string(fields) + "\r\n";
}
std::string chunked(std::string_view body) {
  return post("Transfer-Encoding: chunked\r\n") + std::string(body);
}

// The first line of the transcript that says why, with the status that went out.
std::string refusal(std::string_view text, const CodecOptions& options = {}) {
  std::string all = testing::at_every_split(
      text,
      [&](const Pieces& pieces) {
        ServerTalk server(options);
        server.feed(pieces);
        const std::string wire = server.take_wire();
        std::string line = server.transcript();
        const bool closes =
            line.ends_with("closed\n") && wire.find("connection: close\r\n") != std::string::npos;
        const std::size_t why = line.find("downstream ");
        line = why == std::string::npos ? line
                                        : line.substr(why + 11, line.find('\n', why) - why - 11);
        return (wire.size() > 12 ? wire.substr(9, 3) : "no answer") + " " + line +
               (closes ? "" : " (stays open)");
      },
      text.size() > 200 ? 0 : 64);
  return all;
}

// ---- requests as they should be ----

TEST(Http1Server, DeliversAPlainRequestAndKeepsTheConnection) {
  EXPECT_EQ(talk("GET /items?id=1 HTTP/1.1\r\nHost: Cart.Shop:8080\r\nUser-Agent: "
                 "curl/8\r\nX-Empty:\r\nx-pad: \t a b \t \r\n\r\n"),
            "GET cart.shop:8080 /items?id=1 | User-Agent: curl/8 | X-Empty:  | x-pad: a b end\n"
            "> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, DeliversABodyByLength) {
  EXPECT_EQ(
      talk(post("Content-Length: 5\r\n") + "hello"),
      "POST cart /a length=5\nbody hello\nend\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, H1_05_TakesALengthWithZerosInFrontAsDecimal) {
  EXPECT_EQ(talk(post("Content-Length: 010\r\n") + "0123456789"),
            "POST cart /a length=10\nbody 0123456789\nend\n> HTTP/1.1 200 OK\r\ncontent-length: "
            "1\r\n\r\n1");
}

TEST(Http1Server, DeliversChunksAndTrailers) {
  EXPECT_EQ(talk(chunked("5\r\nhello\r\n00A\r\n, chunked!\r\n0\r\nx-sum: 7\r\nHost: evil\r\n\r\n")),
            "POST cart /a\nbody hello, chunked!\ntrailers | x-sum: 7\n"
            "> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, H1_09_DropsValidChunkExtensions) {
  EXPECT_EQ(talk(chunked("1;a;b=c;d=\"x\\\" ;y\"\r\nz\r\n0;last\r\n\r\n")),
            "POST cart /a\nbody z\nend\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, H1_11_DropsTrailersThatBelongIntoAHead) {
  EXPECT_EQ(talk(chunked("0\r\nContent-Length: 3\r\ntransfer-encoding: x\r\nAuthorization: "
                         "b\r\nX-Forwarded-For: c\r\n"
                         "x-weft-peer: d\r\nx_weft_peer: e\r\n\r\n")),
            "POST cart /a\nend\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, H1_12_ABodyOfAGetNeverBecomesARequest) {
  for (const char* method : {"GET", "HEAD", "OPTIONS", "DELETE"}) {
    ServerTalk server;
    server.answers = ServerTalk::Answers::kAtHead;
    server.feed(std::string(method) +
                " /a HTTP/1.1\r\nHost: cart\r\nContent-Length: 31\r\n\r\n"
                "GET /evil HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: cart\r\n\r\n");
    EXPECT_EQ(server.transcript(), std::string(method) +
                                       " cart /a length=31\nbody GET /evil HTTP/1.1\\r\\nHost: "
                                       "x\\r\\n\\r\\n\nend\nGET cart /next end\n");
  }
}

TEST(Http1Server, H1_14_TheAuthorityOfAnAbsoluteTargetWins) {
  EXPECT_EQ(talk("GET http://Real:81/p?q HTTP/1.1\r\nHost: other\r\n\r\n"),
            "GET real:81 /p?q end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
  const auto target_of = [](std::string_view line) {
    ServerTalk server;
    server.feed(std::string(line) + " HTTP/1.1\r\nHost: other\r\n\r\n");
    return server.transcript();
  };
  EXPECT_EQ(target_of("GET HTTPS://real"), "GET real / end\n");
  EXPECT_EQ(target_of("GET http://real?x"), "GET real /?x end\n");
  EXPECT_EQ(target_of("OPTIONS http://real"), "OPTIONS real * end\n");
  EXPECT_EQ(target_of("OPTIONS *"), "OPTIONS other * end\n");
}

TEST(Http1Server, H1_19_RemovesWhatConnectionNominates) {
  EXPECT_EQ(talk(get("Connection: close, x-forwarded-for, X-Mesh-Identity\r\nconnection: "
                     "authorization,,\r\nX-Forwarded-For: 1\r\n"
                     "x-mesh-identity: me\r\nAuthorization: b\r\nKeep-Alive: "
                     "5\r\nProxy-Connection: x\r\nkept: 1\r\n")),
            "GET cart /a | kept: 1 end\nclosed\n> HTTP/1.1 200 OK\r\ncontent-length: "
            "1\r\nconnection: close\r\n\r\n1");
}

TEST(Http1Server, NominatingHostOrLengthDoesNotHideThem) {
  EXPECT_EQ(talk(post("Connection: host, content-length\r\nContent-Length: 2\r\n") + "ab"),
            "POST cart /a length=2\nbody ab\nend\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, H1_23_AnUnderscoreDoesNotImitateTheMesh) {
  EXPECT_EQ(talk(get("x_a: 1\r\nx-a: 2\r\nx_weft_peer: me\r\nX-Forwarded_For: me\r\n")),
            "GET cart /a | x_a: 1 | x-a: 2 end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, OnlyTrailersIsLeftOfTe) {
  EXPECT_EQ(talk(get("TE: gzip;q=1, trailers\r\nConnection: te\r\n")),
            "GET cart /a | te: trailers end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
  EXPECT_EQ(talk(get("TE: gzip\r\n")),
            "GET cart /a end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, ForgivesOneEmptyLineBeforeARequest) {
  EXPECT_EQ(talk("\r\n" + get("")),
            "GET cart /a end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n1");
}

TEST(Http1Server, ServesHttp10) {
  EXPECT_EQ(talk("GET / HTTP/1.0\r\n\r\n"),
            "GET  / (1.0) end\nclosed\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: "
            "close\r\n\r\n1");
  EXPECT_EQ(talk("GET / HTTP/1.0\r\nHost: a\r\nConnection: Keep-Alive\r\n\r\n"),
            "GET a / (1.0) end\n> HTTP/1.1 200 OK\r\ncontent-length: 1\r\nconnection: "
            "keep-alive\r\n\r\n1");
}

// ---- what is refused ----

TEST(Http1Refusal, H1_01_TwoKindsOfLength) {
  const std::string why = "400 protocol: content-length together with transfer-encoding";
  EXPECT_EQ(refusal(post("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")), why);
  EXPECT_EQ(refusal(post("tRANSFER-eNCODING: CHUNKED\r\ncONTENT-lENGTH: 3\r\n")), why);
}

TEST(Http1Refusal, H1_02_TransferEncodingInOtherSpellings) {
  for (const char* value :
       {"xchunked", "chunked, identity", "identity", ", chunked", "chunked,", "\"chunked\"",
        "cow, chunked", "chunked;x=y", "", "gzip", "chunked chunked", "chunked\x80",
        "\xff"
        "chunked"}) {
    EXPECT_EQ(refusal(post("Transfer-Encoding: "s + value + "\r\n")),
              "400 protocol: transfer-encoding is not chunked")
        << value;
  }
  EXPECT_EQ(refusal(post("Transfer-Encoding: \x0b"
                         "chunked\r\n")),
            "400 protocol: control byte in a header value");
  EXPECT_EQ(refusal(post("Transfer-Encoding: chunked\x0c\r\n")),
            "400 protocol: control byte in a header value");
  EXPECT_EQ(refusal(post("Transfer-Encoding : chunked\r\n")),
            "400 protocol: blank in or after a header name");
  EXPECT_EQ(refusal(post(" Transfer-Encoding: chunked\r\n")),
            "400 protocol: folded or indented header line");
  EXPECT_EQ(refusal(post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
            "400 protocol: transfer-encoding twice");
}

TEST(Http1Refusal, H1_03_ChunksInHttp10) {
  EXPECT_EQ(refusal("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
            "400 protocol: transfer-encoding with HTTP/1.0");
}

TEST(Http1Refusal, H1_04_LengthsThatAreNone) {
  const std::string long_digits(400, '1');
  const std::string long_zeros(400, '0');
  for (const std::string& value :
       {"+5"s, "-0"s, "0x5"s, "5 5"s, "5,5"s, "5, 5"s, "5;"s, "5_0"s, ""s, "9223372036854775808"s,
        "18446744073709551616"s, "18446744073709551621"s, "5.0"s, "5e0"s, long_digits,
        long_zeros}) {
    EXPECT_EQ(refusal(post("Content-Length: " + value + "\r\n")),
              "400 protocol: bad content-length")
        << value;
  }
  EXPECT_EQ(refusal(post("Content-Length: 5\r\ncontent-length: 6\r\n")),
            "400 protocol: content-length twice");
  EXPECT_EQ(refusal(post("Content-Length: 5\r\nContent-Length: 5\r\n")),
            "400 protocol: content-length twice");
}

TEST(Http1Refusal, H1_06_LineEndsAndControlBytes) {
  EXPECT_EQ(refusal("GET / HTTP/1.1\nHost: a\r\n\r\n"), "400 protocol: bare line feed");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\n\r\n"), "400 protocol: bare line feed");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\n\n"), "400 protocol: bare line feed");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\rX: b\r\n\r\n"),
            "400 protocol: control byte in a header value");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\nHost: a\r\n\rX: b\r\n\r\n"),
            "400 protocol: bare carriage return");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), "400 protocol: bad version");
  for (int c = 0; c < 0x20; ++c) {
    if (c == '\t' || c == '\n' || c == '\r') continue;
    EXPECT_EQ(refusal(get("x: a" + std::string(1, static_cast<char>(c)) + "b\r\n")),
              "400 protocol: control byte in a header value")
        << c;
  }
  EXPECT_EQ(refusal(get("x: a\x7f\r\n")), "400 protocol: control byte in a header value");
}

TEST(Http1Refusal, H1_07_FieldLines) {
  const std::string bad_name = "400 protocol: bad byte in a header name";
  EXPECT_EQ(refusal(get("x: a\r\n b\r\n")), "400 protocol: folded or indented header line");
  EXPECT_EQ(refusal(get("x: a\r\n\tb\r\n")), "400 protocol: folded or indented header line");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n \r\nHost: a\r\n\r\n"),
            "400 protocol: folded or indented header line");
  EXPECT_EQ(refusal("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
            "400 protocol: folded or indented header line");
  EXPECT_EQ(refusal(get("no colon\r\n")), "400 protocol: blank in or after a header name");
  EXPECT_EQ(refusal(get("nocolon\r\n")), bad_name);
  EXPECT_EQ(refusal(get(": empty\r\n")), "400 protocol: empty header name");
  EXPECT_EQ(refusal(get("a : b\r\n")), "400 protocol: blank in or after a header name");
  EXPECT_EQ(refusal(get("a\t: b\r\n")), "400 protocol: blank in or after a header name");
  for (const char* name : {"a[", "a(", "a@", "a\x85", "a\xa0", "\xa0", "a/b", "a\"", "{a}", "a=b",
                           "a;b", "a,b", "a<", "a?", "a\\"}) {
    EXPECT_EQ(refusal(get(std::string(name) + ": b\r\n")), bad_name) << name;
  }
  EXPECT_EQ(refusal(get("a"s + '\0' + ": b\r\n")), bad_name);
}

TEST(Http1Refusal, H1_08_ChunkSizes) {
  for (const char* size :
       {"0x5", "+5", "-0", " 5", "5 ", "5_0", "", "g", "\t5", "5\t", "5,", "5 ;a"}) {
    EXPECT_EQ(refusal(chunked(std::string(size) + "\r\nhello\r\n0\r\n\r\n")),
              "400 protocol: bad chunk size")
        << size;
  }
  EXPECT_EQ(refusal(chunked("00000000000000005\r\nhello\r\n")),
            "400 protocol: chunk size too long");
  EXPECT_EQ(refusal(chunked("ffffffffffffffffffffff\r\nhello\r\n")),
            "400 protocol: chunk size too long");
  EXPECT_EQ(refusal(chunked("8000000000000000\r\nhello\r\n")),
            "400 protocol: chunk size too large");
  EXPECT_EQ(refusal(chunked("5\nhello\r\n")), "400 protocol: bad chunk size");
  EXPECT_EQ(refusal(chunked("5\rhello\r\n")),
            "400 protocol: bare carriage return in a chunk size line");
}

TEST(Http1Refusal, H1_09_ChunkExtensions) {
  const std::string bad = "400 protocol: bad chunk extension";
  for (const std::string& extension :
       {";a\nb"s, ";"s, ";;a"s, ";a;"s, ";a="s, ";=b"s, "; a"s, ";a =b"s, ";a= b"s, ";a b"s,
        ";a=\"x\r\n\""s, ";a=\"x"s + '\0' + "\"", ";a=\"x\"y"s, ";a"s + '\0', ";a=\"\\\n\""s,
        ";(=b"s, ";a=b\x7f"s}) {
    EXPECT_EQ(refusal(chunked("5" + extension + "\r\nhello\r\n0\r\n\r\n")), bad) << extension;
  }
  EXPECT_EQ(refusal(chunked("5;a\rb\r\nhello\r\n")),
            "400 protocol: bare carriage return in a chunk size line");
  CodecOptions options;
  options.limits.chunk_extension_bytes_max = 64;
  EXPECT_EQ(refusal(chunked("1;" + std::string(40, 'a') + "\r\nx\r\n1;" + std::string(40, 'b') +
                            "\r\ny\r\n"),
                    options),
            "400 protocol: chunk extensions over the limit");
}

TEST(Http1Refusal, H1_10_ChunkData) {
  const std::string bad = "400 protocol: chunk data without its line end";
  EXPECT_EQ(refusal(chunked("3\r\nhello\r\n0\r\n\r\n")), bad);
  EXPECT_EQ(refusal(chunked("5\r\nhello0\r\n\r\n")), bad);
  EXPECT_EQ(refusal(chunked("5\r\nhello\n0\r\n\r\n")), bad);
  EXPECT_EQ(refusal(chunked("5\r\nhello\r\r\n")), bad);
  EXPECT_EQ(refusal(chunked("5\r\nhello\r\n\r\n0\r\n\r\n")), "400 protocol: bad chunk size");
  EXPECT_EQ(refusal(chunked("0\r\nx: y\n\r\n")), "400 protocol: bare line feed");
  EXPECT_EQ(refusal(chunked("0\r\nx y: z\r\n\r\n")),
            "400 protocol: blank in or after a header name");
}

TEST(Http1Refusal, H1_10_InputEndsInTheMiddle) {
  for (const std::string& cut : {chunked("5\r\nhel"), chunked("5\r\nhello\r\n0\r\n"), chunked(""),
                                 post("Content-Length: 5\r\n") + "hell"}) {
    ServerTalk server;
    server.feed(cut);
    (void)server.take_transcript();
    server.feed_end();
    EXPECT_EQ(server.take_transcript(),
              "fault downstream reset: input ended inside the body\nerror downstream reset: input "
              "ended inside the body\nclosed\n");
    EXPECT_TRUE(server.take_wire().starts_with("HTTP/1.1 400 "));
  }
  ServerTalk server;
  server.feed("GET / HT");
  server.feed_end();
  EXPECT_EQ(server.transcript(),
            "malformed 400 downstream closed: input ended inside a head\n"
            "error downstream closed: input ended inside a head\nclosed\n");
}

TEST(Http1Refusal, H1_14_Targets) {
  const auto line = [](const std::string& start) { return refusal(start + "\r\nHost: a\r\n\r\n"); };
  EXPECT_EQ(line("GET * HTTP/1.1"), "400 protocol: asterisk target without OPTIONS");
  EXPECT_EQ(line("GET cart:80 HTTP/1.1"), "400 protocol: bad target");
  EXPECT_EQ(line("GET admin HTTP/1.1"), "400 protocol: bad target");
  EXPECT_EQ(line("GET ftp://a/ HTTP/1.1"), "400 protocol: bad target");
  EXPECT_EQ(line("GET http:///x HTTP/1.1"), "400 protocol: bad host");
  EXPECT_EQ(line("GET http://u@a/x HTTP/1.1"), "400 protocol: bad host");
  EXPECT_EQ(line("GET http://a\\b/x HTTP/1.1"), "400 protocol: bad host");
  EXPECT_EQ(line("CONNECT /x HTTP/1.1"), "400 protocol: CONNECT without host and port");
  EXPECT_EQ(line("CONNECT a HTTP/1.1"), "400 protocol: CONNECT without host and port");
  EXPECT_EQ(line("CONNECT a: HTTP/1.1"), "400 protocol: CONNECT without host and port");
  EXPECT_EQ(line("CONNECT u@a:1 HTTP/1.1"), "400 protocol: bad host");
  for (const std::string& target :
       {"/a#frag"s, "/a\tb"s, "/a\x80"s, "/a"s + '\0' + "b", "/\x7f"s}) {
    EXPECT_EQ(line("GET " + target + " HTTP/1.1"), "400 protocol: bad byte in the target")
        << target;
  }
  EXPECT_EQ(line("GET /a b HTTP/1.1"), "400 protocol: bad version");
  EXPECT_EQ(line("GET  / HTTP/1.1"), "400 protocol: empty target");
  EXPECT_EQ(line("GET\t/ HTTP/1.1"), "400 protocol: bad method");
  EXPECT_EQ(line("G(T / HTTP/1.1"), "400 protocol: bad method");
  EXPECT_EQ(line(std::string(65, 'G') + " / HTTP/1.1"), "501 method unsupported: method too long");
  EXPECT_EQ(line("GET /%2e%2e%2fx HTTP/1.1"), "400 protocol: escaped slash in the path");
}

TEST(Http1Refusal, H1_15_Hosts) {
  const auto hosts = [](const std::string& lines) {
    return refusal("GET / HTTP/1.1\r\n" + lines + "\r\n");
  };
  EXPECT_EQ(hosts(""), "400 protocol: no host");
  EXPECT_EQ(hosts("Host: a\r\nHost: b\r\n"), "400 protocol: host twice");
  EXPECT_EQ(hosts("Host: a\r\nhost: a\r\n"), "400 protocol: host twice");
  EXPECT_EQ(hosts("Host:\r\n"), "400 protocol: empty host");
  for (const char* value : {"u@a", "a/b", "a,b", "a b", "a:x", "http://a", "a\xc3\xa9"}) {
    EXPECT_EQ(hosts("Host: "s + value + "\r\n"), "400 protocol: bad host") << value;
  }
  EXPECT_EQ(refusal("GET http://real/ HTTP/1.1\r\nHost: u@a\r\n\r\n"), "400 protocol: bad host");
}

TEST(Http1Refusal, H1_16_Versions) {
  const auto line = [](const std::string& start) { return refusal(start + "\r\nHost: a\r\n\r\n"); };
  EXPECT_EQ(line("GET / http/1.1"), "400 protocol: bad version");
  EXPECT_EQ(line("GET / HTTP/1.10"), "400 protocol: bad version");
  EXPECT_EQ(line("GET / HTTP/1"), "400 protocol: bad version");
  EXPECT_EQ(line("GET / HTTP/01.1"), "400 protocol: bad version");
  EXPECT_EQ(line("GET / HTTP/1.1 "), "400 protocol: bad version");
  EXPECT_EQ(line("GET / HTTP/2.0"), "505 version unsupported: unsupported version");
  EXPECT_EQ(line("GET / HTTP/1.2"), "505 version unsupported: unsupported version");
  EXPECT_EQ(line("PRI * HTTP/2.0"), "505 version unsupported: unsupported version");
  EXPECT_EQ(refusal("GET /\r\n"), "400 protocol: request line without version");
  EXPECT_EQ(refusal("\x16\x03\x01"), "400 protocol: bad method");
  EXPECT_EQ(refusal("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
            "400 protocol: empty line before the start line");
}

TEST(Http1Refusal, LM_01_HeadsOverTheLimit) {
  CodecOptions options;
  options.limits.head_bytes_max = 400;
  options.limits.target_bytes_max = 100;
  options.limits.fields_max = 5;
  const std::string exact = get("x: " + std::string(400 - get("x: \r\n").size(), 'x') + "\r\n");
  ServerTalk fits(options);
  fits.feed(exact);
  EXPECT_EQ(fits.requests, 1);
  EXPECT_EQ(refusal(get("x: " + std::string(401 - get("x: \r\n").size(), 'x') + "\r\n"), options),
            "431 head too large: header bytes over the limit");
  EXPECT_EQ(refusal(get("x: " + std::string(9000, 'x') + "\r\n"), options),
            "431 head too large: header bytes over the limit");
  EXPECT_EQ(refusal(get("a:\r\nb:\r\nc:\r\nd:\r\ne:\r\n"), options),
            "431 head too large: too many header fields");
  ServerTalk five(options);
  five.feed(get("a:\r\nb:\r\nc:\r\nd:\r\n"));
  EXPECT_EQ(five.requests, 1);
  EXPECT_EQ(refusal("GET /" + std::string(100, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", options),
            "414 target too long: target too long");
  EXPECT_EQ(refusal("GET /" + std::string(3000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", options),
            "414 target too long: start line too long");
  options.limits.trailer_bytes_max = 64;
  options.limits.trailer_fields_max = 2;
  EXPECT_EQ(refusal(chunked("0\r\nx: " + std::string(80, 'x') + "\r\n\r\n"), options),
            "431 head too large: header bytes over the limit");
  EXPECT_EQ(refusal(chunked("0\r\na:\r\nb:\r\nc:\r\n\r\n"), options),
            "431 head too large: too many header fields");
}

TEST(Http1Refusal, LM_01_TheDefaultsHoldOnWholeAndOnDrippedHeads) {
  const auto status_of = [](const std::string& text) {
    ServerTalk server;
    for (std::size_t i = 0; i < text.size(); i += 1000)
      server.feed(std::string_view(text).substr(i, 1000));
    const std::string dripped = server.take_wire().substr(0, 12);
    ServerTalk whole;
    whole.feed(text);
    EXPECT_EQ(whole.take_wire().substr(0, 12), dripped);
    return dripped.empty() ? "served " + std::to_string(server.requests) : dripped.substr(9);
  };
  EXPECT_EQ(status_of(get("x: " + std::string(16 * 1024, 'x') + "\r\n")), "served 1");
  EXPECT_EQ(status_of(get("x: " + std::string(64 * 1024, 'x') + "\r\n")), "431");
  EXPECT_EQ(status_of(get("x: " + std::string(1024 * 1024, 'x') + "\r\n")), "431");
  EXPECT_EQ(status_of("GET /" + std::string(8 * 1024, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            "served 1");
  EXPECT_EQ(status_of("GET /" + std::string(64 * 1024, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n"),
            "414");
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "x: y\r\n";
  EXPECT_EQ(status_of(get(fields)), "431");  // Host is the 101st
  EXPECT_EQ(status_of(get(fields.substr(6))), "served 1");
}

}  // namespace
}  // namespace weft::http
