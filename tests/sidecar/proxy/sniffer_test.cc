#include "sidecar/proxy/sniffer.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::proxy {
namespace {

std::string name(Sniffed sniffed) {
  switch (sniffed) {
    case Sniffed::kNeedMore:
      return "more";
    case Sniffed::kTls:
      return "tls";
    case Sniffed::kHttp1:
      return "http1";
    case Sniffed::kHttp2:
      return "http2";
    case Sniffed::kOpaque:
      return "opaque";
  }
  return "?";
}

TEST(Sniffer, KnowsWhatAConnectionSpeaks) {
  using namespace std::string_literals;
  const std::pair<std::string, std::string> cases[] = {
      {"\x16\x03\x01\x02\x00\x01"s, "tls"},
      {"\x16\x03\x01\x02\x00\x02"s, "opaque"},
      {"\x16\x02"s, "opaque"},
      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"s, "http2"},
      {"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"s, "http1"},
      {"GET / HTTP/1.1\r\n"s, "http1"},
      {"OPTIONS * HTTP/1.1\r\n"s, "http1"},
      {"CONNECT [::1]:80 HTTP/1.1\r\n"s, "http1"},
      {"GET http://a/ HTTP/1.1\r\n"s, "http1"},
      {"\x00\x00\x00"s, "opaque"},
      {"SSH-2.0-OpenSSH\r\n"s, "opaque"},
      {"*1\r\n$4\r\nPING\r\n"s, "opaque"},
      {std::string(100, 'A'), "opaque"},
      {"GET \x01"s, "opaque"},
  };
  for (const auto& [bytes, expected] : cases) EXPECT_EQ(name(sniff(bytes)), expected) << bytes;
}

// Fed byte by byte it says "more" until it knows, and then what the whole says.
TEST(Sniffer, DoesNotCareHowBytesArrive) {
  for (const std::string& bytes :
       {std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), std::string("GET / HTTP/1.1\r\n"),
        std::string("\x16\x03\x01\x02\x00\x01", 6), std::string("PRIVATE / HTTP/1.1")}) {
    const Sniffed whole = sniff(bytes);
    for (std::size_t n = 1; n <= bytes.size(); ++n) {
      const Sniffed part = sniff(std::string_view(bytes).substr(0, n));
      EXPECT_TRUE(part == Sniffed::kNeedMore || part == whole) << bytes << " at " << n;
    }
  }
}

TEST(Sniffer, DecidesWithinItsBound) {
  for (int c = 0; c < 256; ++c) {
    const std::string bytes(kSniffBytesMax, static_cast<char>(c));
    EXPECT_NE(sniff(bytes), Sniffed::kNeedMore) << c;
  }
}

}  // namespace
}  // namespace weft::proxy
