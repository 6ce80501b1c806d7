#include "sidecar/proxy/sniffer.h"

#include <algorithm>

namespace weft::proxy {

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kMethodMax = 24;

bool is_prefix_of_the_other(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  return a.substr(0, n) == b.substr(0, n);
}

Sniffed sniff_tls(std::string_view bytes) {
  // Record type 22 (handshake), version 3.x, then a ClientHello (1) after two bytes of length.
  if (bytes.size() < 2) return Sniffed::kNeedMore;
  if (bytes[1] != 0x03) return Sniffed::kOpaque;
  if (bytes.size() < 6) return Sniffed::kNeedMore;
  return bytes[5] == 0x01 ? Sniffed::kTls : Sniffed::kOpaque;
}

Sniffed sniff_http1(std::string_view bytes) {
  const std::size_t space = bytes.substr(0, kMethodMax + 1).find(' ');
  const std::string_view method = bytes.substr(0, space);
  const bool token = std::all_of(method.begin(), method.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
  });
  if (!token || method.empty() || method.size() > kMethodMax) return Sniffed::kOpaque;
  if (space == std::string_view::npos) return Sniffed::kNeedMore;
  if (bytes.size() == space + 1) return Sniffed::kNeedMore;
  // A target is an origin-form path, "*", or the beginning of an absolute or authority form.
  const char c = bytes[space + 1];
  const bool target = c == '/' || c == '*' || c == '[' || (c >= 'a' && c <= 'z') ||
                      (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return target ? Sniffed::kHttp1 : Sniffed::kOpaque;
}

}  // namespace

Sniffed sniff(std::string_view bytes) {
  if (bytes.empty()) return Sniffed::kNeedMore;
  if (bytes[0] == 0x16) return sniff_tls(bytes);
  if (is_prefix_of_the_other(bytes, kPreface)) {
    return bytes.size() >= kPreface.size() ? Sniffed::kHttp2 : Sniffed::kNeedMore;
  }
  return sniff_http1(bytes);
}

}  // namespace weft::proxy
