// The PROXY protocol: what is read, what is refused and why, however the bytes were cut.
#include "sidecar/core/proxy_header.h"

#include <gtest/gtest.h>

#include "sidecar/core/crc32c.h"
#include "tests/support/at_every_split.h"

namespace weft {
namespace {

using namespace std::string_literals;
using State = ProxyHeaderRead::State;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xffU)};
}
std::string v2(char command, char family, const std::string& rest) {
  return kSignature + command + family + number(rest.size()) + rest;
}
const std::string kBlock4 = "\xc0\0\x02\x01\xc6\x33\x64\x02"s + number(1234) + number(80);
const std::string kBlock6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01" +
                            "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x02" + number(1234) +
                            number(80);
std::string extension(char type, const std::string& value) {
  return type + number(value.size()) + value;
}
std::string summed(const std::string& before, const std::string& after) {
  std::string header =
      v2('\x21', '\x11', kBlock4 + before + extension('\x03', "\0\0\0\0"s) + after);
  const std::uint32_t sum = crc32c(header);
  const std::size_t at = kSignature.size() + 4 + kBlock4.size() + before.size() + 3;
  header.replace(at, 4, number(sum >> 16U) + number(sum & 0xffffU));
  return header;
}

std::string describe(const ProxyHeaderRead& read) {
  switch (read.state) {
    case State::kNeedMore:
      return "more";
    case State::kAbsent:
      return "absent";
    case State::kMalformed:
      return "malformed: " + std::string(read.why);
    case State::kDone:
      break;
  }
  const std::string from = read.header.source.is_none() ? "nobody"
                                                        : read.header.source.to_string() + " to " +
                                                              read.header.destination.to_string();
  return (read.header.version == ProxyHeader::Version::kV1 ? "v1 " : "v2 ") + from + " in " +
         std::to_string(read.size);
}

// As a reader does: asked after every piece, until it knows.
std::string read(std::string_view text) {
  return testing::at_every_split(text, [](const testing::Pieces& pieces) {
    std::string so_far;
    ProxyHeaderRead answer;
    for (const std::string_view piece : pieces) {
      so_far += piece;
      answer = read_proxy_header(so_far);
      if (answer.state != State::kNeedMore) break;
    }
    return describe(answer);
  });
}

TEST(ProxyHeader, ReadsVersion1) {
  EXPECT_EQ(read("PROXY TCP4 192.0.2.1 198.51.100.2 1234 80\r\nGET"),
            "v1 192.0.2.1:1234 to 198.51.100.2:80 in 43");
  EXPECT_EQ(read("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n"),
            "v1 [2001:db8::1]:65535 to [2001:db8::2]:0 in 44");
  EXPECT_EQ(read("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.2 1 2\r\n"),
            "v1 192.0.2.1:1 to 198.51.100.2:2 in 53")
      << "one host has one name";
  EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "v1 nobody in 15");
  EXPECT_EQ(read("PROXY UNKNOWN ffff::1 whatever 1 2\r\n"), "v1 nobody in 36");
  const std::string longest = "PROXY UNKNOWN " + std::string(kProxyHeaderV1Max - 16, 'x') + "\r\n";
  EXPECT_EQ(read(longest), "v1 nobody in 107");
}

TEST(ProxyHeader, RefusesEveryOtherVersion1) {
  const std::string few = "malformed: fewer words than a PROXY line has";
  const std::string many = "malformed: more words than a PROXY line has";
  const std::string address = "malformed: an address cannot be read";
  const std::string port = "malformed: a port cannot be read";
  const std::string family = "malformed: the family is not TCP4, TCP6 or UNKNOWN";
  const std::string end = "malformed: the line does not end with CRLF";
  const std::string other = "malformed: an address is not of the family announced";
  const std::pair<std::string, std::string> rows[] = {
      {"PROXY \r\n", family},
      {"PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n", family},
      {"PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", family},
      {"PROXY UNKNOWNS\r\n", family},
      {"PROXY  TCP4 1.2.3.4 1.2.3.4 1 2\r\n", many},
      {"PROXY TCP4\r\n", few},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", few},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", many},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", many},
      {"PROXY TCP4 1.2.3.4  1.2.3.4 1\r\n", address},
      {"PROXY TCP4 1.2.3.4\t1.2.3.4 1 2\r\n", few},
      {"PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", address},
      {"PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n", address},
      {"PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n", address},
      {"PROXY TCP4 a.example 1.2.3.4 1 2\r\n", address},
      {"PROXY TCP6 [::1] ::1 1 2\r\n", address},
      {"PROXY TCP6 fe80::1%lo ::1 1 2\r\n", address},
      {"PROXY TCP4 ::1 ::1 1 2\r\n", other},
      {"PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", other},
      {"PROXY TCP6 ::1 1.2.3.4 1 2\r\n", other},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 +1 2\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 0x1 2\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 x\r\n", port},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", end},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n", end},
      {"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\rGET", end},
      {"PROXY UNKNOWN\nGET / HTTP/1.1\r\n", end},
      {"PROXY UNKNOWN\0\r\n"s, end},
      {"PROXY UNKNOWN " + std::string(200, 'x'), "malformed: the line is longer than 107 bytes"},
      {"PROXY UNKNOWN " + std::string(kProxyHeaderV1Max - 15, 'x') + "\r\n",
       "malformed: the line is longer than 107 bytes"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(read(text), expected) << text;
}

TEST(ProxyHeader, ReadsVersion2) {
  EXPECT_EQ(read(v2('\x21', '\x11', kBlock4) + "GET"),
            "v2 192.0.2.1:1234 to 198.51.100.2:80 in 28");
  EXPECT_EQ(read(v2('\x21', '\x21', kBlock6)), "v2 [2001:db8::1]:1234 to [2001:db8::2]:80 in 52");
  EXPECT_EQ(read(v2('\x20', '\0', "")), "v2 nobody in 16") << "LOCAL";
  EXPECT_EQ(read(v2('\x20', '\x11', kBlock4)), "v2 nobody in 28") << "LOCAL, the block unread";
  EXPECT_EQ(read(v2('\x20', '\x55', "what it likes")), "v2 nobody in 29");
  EXPECT_EQ(read(v2('\x21', '\0', "")), "v2 nobody in 16") << "UNSPEC";
  EXPECT_EQ(read(v2('\x21', '\0', "more")), "v2 nobody in 20");
}

TEST(ProxyHeader, PassesOverExtensions) {
  const std::string authority = extension('\x02', "cart.shop.example");
  const std::string nothing = extension('\x04', "");
  EXPECT_EQ(read(v2('\x21', '\x11', kBlock4 + authority + nothing)),
            "v2 192.0.2.1:1234 to 198.51.100.2:80 in 51");
  const std::string largest(kProxyHeaderV2Max - 16 - kBlock4.size() - 3, 'x');
  EXPECT_EQ(describe(read_proxy_header(v2('\x21', '\x11', kBlock4 + extension('\x05', largest)))),
            "v2 192.0.2.1:1234 to 198.51.100.2:80 in 4096");
}

TEST(ProxyHeader, BelievesAChecksumOnlyWhenItIsRight) {
  const std::string before = extension('\x01', "h2");
  const std::string after = extension('\x05', "id");
  const std::string right = summed(before, after);
  EXPECT_EQ(read(right), "v2 192.0.2.1:1234 to 198.51.100.2:80 in 45");
  // A bit anywhere behind the fixed part. Where it makes a length wrong, that is said instead.
  for (std::size_t at = 16; at < right.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string wrong = right;
      wrong[at] = static_cast<char>(wrong[at] ^ (1 << bit));
      const bool type = at == 16 + kBlock4.size() + before.size();
      const State state = read_proxy_header(wrong).state;
      // Another type of extension is no checksum; then there is none, which is allowed.
      if (!type) {
        EXPECT_EQ(state, State::kMalformed) << at << " " << bit;
      }
    }
  }
}

TEST(ProxyHeader, RefusesEveryOtherVersion2) {
  const std::string command = "malformed: unknown version or command";
  const std::string family = "malformed: the family is not TCP over IPv4 or IPv6";
  const std::string cut = "malformed: an extension is cut off";
  const std::string beyond = "malformed: an extension is longer than the header";
  const std::pair<std::string, std::string> rows[] = {
      {v2('\x11', '\x11', kBlock4), command},
      {v2('\x31', '\x11', kBlock4), command},
      {v2('\x22', '\x11', kBlock4), command},
      {v2('\x2f', '\x11', kBlock4), command},
      {v2('\x21', '\x12', kBlock4), family},                // UDP over IPv4
      {v2('\x21', '\x22', kBlock6), family},                // UDP over IPv6
      {v2('\x21', '\x31', std::string(216, 'u')), family},  // a Unix socket
      {v2('\x21', '\x32', std::string(216, 'u')), family},
      {v2('\x21', '\x10', kBlock4), family},
      {v2('\x21', '\x01', kBlock4), family},
      {v2('\x21', '\x41', kBlock4), family},
      {v2('\x21', '\x11', kBlock4.substr(1)), "malformed: the addresses are cut off"},
      {v2('\x21', '\x21', kBlock4), "malformed: the addresses are cut off"},
      {v2('\x21', '\x11', kBlock4 + "\x04"), cut},
      {v2('\x21', '\x11', kBlock4 + "\x04\0"s), cut},
      {v2('\x21', '\x11', kBlock4 + "\x04\0\x01"s), beyond},
      {v2('\x21', '\x11', kBlock4 + extension('\x04', "") + "\x02\xff\xff"s), beyond},
      {v2('\x21', '\x11', kBlock4 + extension('\x03', "abc")),
       "malformed: a checksum has four bytes"},
      {v2('\x21', '\x11', kBlock4 + extension('\x03', "abcd")), "malformed: the checksum is wrong"},
      {summed("", "") + "x", "v2 192.0.2.1:1234 to 198.51.100.2:80 in 35"},
      {kSignature + "\x21\x11\xff\xff", "malformed: the header is longer than 4096 bytes"},
      {kSignature + "\x20"s + '\0' + number(4081),
       "malformed: the header is longer than 4096 bytes"},
  };
  for (const auto& [text, expected] : rows) EXPECT_EQ(read(text), expected) << text;
  std::string twice = summed("", extension('\x03', "\0\0\0\0"s));
  EXPECT_EQ(read(twice), "malformed: two checksums");
}

TEST(ProxyHeader, KnowsWhatIsNone) {
  EXPECT_EQ(read(""), "more");
  for (const char* text : {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "proxy TCP4", "PROXYTCP4",
                           "POST /", "\r\nGET /", "\r\n\r\nGET", "\n", "P\r", "220 mail"}) {
    EXPECT_EQ(read(text), "absent") << text;
  }
  EXPECT_EQ(read("\r\n\r\n\0\r\nQUIX\n"s), "absent");
}

TEST(ProxyHeader, WaitsForTheWholeHeaderAndNoLonger) {
  for (const std::string& whole :
       {"PROXY TCP4 192.0.2.1 198.51.100.2 1234 80\r\n"s, v2('\x21', '\x21', kBlock6)}) {
    for (std::size_t n = 0; n < whole.size(); ++n) {
      EXPECT_EQ(describe(read_proxy_header(whole.substr(0, n))), "more") << n;
    }
    EXPECT_EQ(read_proxy_header(whole).state, State::kDone);
  }
}

TEST(ProxyHeader, WritesWhatItReads) {
  const auto address = [](std::string_view text) { return SocketAddress::parse(text).value(); };
  for (const auto version : {ProxyHeader::Version::kV1, ProxyHeader::Version::kV2}) {
    for (const ProxyHeader& header :
         {ProxyHeader{version, address("192.0.2.1:1"), address("198.51.100.2:65535")},
          ProxyHeader{version, address("[2001:db8::1]:0"), address("[2001:db8::2]:443")},
          ProxyHeader{version, address("192.0.2.1:1"), address("[2001:db8::2]:443")},
          ProxyHeader{version, {}, {}}}) {
      const std::string text = write_proxy_header(header);
      const ProxyHeaderRead read = read_proxy_header(text + "GET");
      ASSERT_EQ(read.state, State::kDone) << read.why;
      EXPECT_EQ(read.header, header);
      EXPECT_EQ(read.size, text.size());
    }
  }
  EXPECT_EQ(write_proxy_header(
                {ProxyHeader::Version::kV1, address("192.0.2.1:1"), address("[2001:db8::2]:443")}),
            "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::2 1 443\r\n");
  const ProxyHeader unix_caller{ProxyHeader::Version::kV2, SocketAddress::unix_path("/run/x"),
                                address("192.0.2.1:1")};
  EXPECT_EQ(write_proxy_header(unix_caller), v2('\x20', '\0', ""));
}

}  // namespace
}  // namespace weft
