// The first bytes of a connection: real hellos from our own client, and bent ones, at every split.
#include "tls/client_hello.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

using State = ClientHelloParser::State;

std::string number(std::size_t value, int size) {
  std::string bytes;
  for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>((value >> (8 * i)) & 255U);
  return bytes;
}
std::string vector(const std::string& body, int length_size) {
  return number(body.size(), length_size) + body;
}
std::string extension(std::size_t type, const std::string& body) {
  return number(type, 2) + vector(body, 2);
}
std::string name_extension(const std::string& name) {
  return extension(0, vector(std::string(1, '\0') + vector(name, 2), 2));
}
std::string alpn_extension(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += vector(name, 1);
  return extension(16, vector(list, 2));
}
std::string hello_message(const std::string& extensions) {
  const std::string body = "\x03\x03" + std::string(32, 'r') + vector("", 1) +
                           vector("\x13\x01", 2) + vector(std::string(1, '\0'), 1) +
                           vector(extensions, 2);
  return "\x01" + vector(body, 3);
}
std::string record(const std::string& body) { return "\x16\x03\x01" + vector(body, 2); }

State parse(ClientHelloParser& parser, const std::string& bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    parser.feed(as_bytes(std::string_view(bytes).substr(at, piece)));
  }
  return parser.state();
}

// The state after all bytes, which must be the same however they are cut.
State parse_everyhow(const std::string& bytes) {
  ClientHelloParser whole;
  const State state = parse(whole, bytes, bytes.size() + 1);
  for (const std::size_t piece : {1U, 2U, 3U, 5U, 11U, 100U}) {
    ClientHelloParser parser;
    EXPECT_EQ(parse(parser, bytes, piece), state) << "in pieces of " << piece;
  }
  for (std::size_t cut = 1; cut < std::min<std::size_t>(bytes.size(), 700); ++cut) {
    ClientHelloParser parser;
    parser.feed(as_bytes(std::string_view(bytes).substr(0, cut)));
    parser.feed(as_bytes(std::string_view(bytes).substr(cut)));
    EXPECT_EQ(parser.state(), state) << "cut at " << cut;
  }
  return state;
}

TEST(ClientHello, IsReadFromARealClient) {
  Cast cast;
  cast.client_settings.alpn = {"h2", "http/1.1"};
  cast.client_settings.server_name = "Cart.Shop.Example";
  Turn turn{TimePoint{}};
  MemoryPipe pipe(turn);
  Party client;
  client.stream = Stream::connect(turn, pipe.take_left(), cast.client(), client, {});
  turn.end();
  const std::string bytes = pipe.sent_to(MemoryPipe::End::kRight);
  EXPECT_EQ(parse_everyhow(bytes), State::kDone);
  ClientHelloParser parser;
  ASSERT_EQ(parse(parser, bytes, 7), State::kDone);
  EXPECT_EQ(parser.hello().server_name, "cart.shop.example");
  EXPECT_EQ(parser.hello().alpn, (std::vector<std::string>{"h2", "http/1.1"}));
  EXPECT_EQ(parser.hello().versions, (std::vector<std::uint16_t>{0x0304, 0x0303}));
}

TEST(ClientHello, NeedsMoreUntilItsLastByte) {
  const std::string bytes = record(hello_message(name_extension("a.b")));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ClientHelloParser parser;
    parser.feed(as_bytes(std::string_view(bytes).substr(0, size)));
    EXPECT_EQ(parser.state(), State::kNeedMore) << size;
  }
  EXPECT_EQ(parse_everyhow(bytes), State::kDone);
}

TEST(ClientHello, MayBeSpreadOverRecordsOfOneByte) {
  const std::string message = hello_message(name_extension("a.b") + alpn_extension({"h2"}));
  std::string bytes;
  for (const char c : message) bytes += record(std::string(1, c));
  EXPECT_EQ(parse_everyhow(bytes), State::kDone);
}

TEST(ClientHello, MayComeWithoutExtensions) {
  const std::string body = "\x03\x03" + std::string(32, 'r') + vector("", 1) +
                           vector("\x13\x01", 2) + vector(std::string(1, '\0'), 1);
  ClientHelloParser parser;
  ASSERT_EQ(parse(parser, record("\x01" + vector(body, 3)), 4), State::kDone);
  EXPECT_EQ(parser.hello().server_name, "");
  EXPECT_EQ(parser.hello().versions, (std::vector<std::uint16_t>{0x0303}));
}

TEST(ClientHello, LeavesWhatFollowsItAlone) {
  EXPECT_EQ(parse_everyhow(record(hello_message("")) + "\x14\x03\x03\x00\x01\x01 and more"),
            State::kDone);
}

TEST(ClientHello, IsNotTakenForAnotherProtocolNorTheOtherWayRound) {
  for (const std::string& text :
       {std::string("GET / HTTP/1.1\r\n"), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        std::string("SSH-2.0-x\r\n"), std::string("\x80\x2e\x01\x03\x01", 5),
        std::string("\x17\x03\x03\x00\x01x", 6), std::string("\x16\x02\x00", 3),
        std::string("\x16\x03\x05", 3), std::string("\x16\x03\x01\x00\x00", 5),
        std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9),
        std::string("\x16\x03\x01\x50\x00", 5)}) {
    EXPECT_EQ(parse_everyhow(text), State::kNotTls);
  }
}

TEST(ClientHello, IsMalformedWhenItBreaksTheRules) {
  const std::string good = name_extension("a.b");
  const std::string cases[] = {
      record(hello_message(name_extension("a.b") + name_extension("c.d"))),
      record(hello_message(name_extension(""))),
      record(hello_message(name_extension(std::string(256, 'a')))),
      record(hello_message(name_extension(std::string("a\0b", 3)))),
      record(hello_message(name_extension("a b"))),
      record(hello_message(extension(0, ""))),
      record(hello_message(extension(0, vector("", 2)))),
      record(hello_message(alpn_extension({"h2"}) + alpn_extension({"h2"}))),
      record(hello_message(alpn_extension({"h2", ""}))),
      record(hello_message(extension(16, vector("\x05h2", 2)))),
      record(hello_message(extension(43, "\x03\x03\x04\x03"))),
      record(hello_message("\x01\x02\x03")),
      record(hello_message(good) + "x"),
      record(hello_message(good).substr(0, 20)) + "\x15\x03\x01\x00\x02\x01\x00",
      record(hello_message(good).substr(0, 20)) + std::string("\x16\x03\x01\x00\x00", 5),
      record(std::string("\x01\x00\x50\x00", 4) + std::string(100, 'x')),
      record(std::string("\x01\x00\x00\x02\x03\x03", 6)),
  };
  int number_of_case = 0;
  for (const std::string& bytes : cases)
    EXPECT_EQ(parse_everyhow(bytes), State::kMalformed) << number_of_case++;
}

TEST(ClientHello, KeepsABoundedNumberOfProtocols) {
  ClientHelloParser parser;
  ASSERT_EQ(
      parse(parser, record(hello_message(alpn_extension(std::vector<std::string>(100, "proto")))),
            50),
      State::kDone);
  EXPECT_EQ(parser.hello().alpn.size(), ClientHelloParser::kProtocolsMax);
}

TEST(ClientHello, SurvivesOneWrongByteAnywhere) {
  const std::string good =
      record(hello_message(name_extension("cart.shop") + alpn_extension({"h2", "http/1.1"}) +
                           extension(43, "\x04\x03\x04\x03\x03")));
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string bent = good;
      bent[i] = static_cast<char>(bent[i] ^ flip);
      ClientHelloParser parser;
      parse(parser, bent, 13);
      if (parser.state() != State::kDone) continue;
      EXPECT_LE(parser.hello().server_name.size(), 255U);
    }
  }
}

}  // namespace
}  // namespace weft::tls::testing
