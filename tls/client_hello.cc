#include "tls/client_hello.h"

#include <algorithm>
#include <optional>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"

namespace weft::tls {

namespace {

using State = ClientHelloParser::State;

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kRecordMax = 16 * 1024;
constexpr std::size_t kMessageHead = 4;
constexpr std::uint16_t kServerNameExtension = 0;
constexpr std::uint16_t kAlpnExtension = 16;
constexpr std::uint16_t kVersionsExtension = 43;

// Reads TLS's big-endian vectors; once something did not fit, everything after it fails too.
class Reader final {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint32_t number(std::size_t size) {
    const std::string_view bytes = take(size);
    std::uint32_t value = 0;
    for (const char c : bytes) value = (value << 8U) | static_cast<std::uint8_t>(c);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (!good_ || bytes_.size() < size) {
      good_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  // A vector with a length of `length_size` bytes in front.
  std::string_view vector(std::size_t length_size) { return take(number(length_size)); }

 private:
  std::string_view bytes_;
  bool good_ = true;
};

bool is_grease(std::uint32_t value) {
  return (value & 0x0f0fU) == 0x0a0aU && (value >> 8U) == (value & 0xffU);
}

bool parse_server_name(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(2));
  if (!outer.good() || !outer.empty() || list.empty()) return false;
  while (!list.empty()) {
    const std::uint32_t type = list.number(1);
    const std::string_view name = list.vector(2);
    if (!list.good()) return false;
    if (type != 0) continue;
    // RFC 6066 3: one name of each type.
    if (!hello.server_name.empty() || name.empty() || name.size() > 255) return false;
    const bool plain =
        std::all_of(name.begin(), name.end(), [](char c) { return c > 0x20 && c < 0x7f; });
    if (!plain) return false;
    hello.server_name = to_lower(name);
  }
  return true;
}

bool parse_alpn(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(2));
  if (!outer.good() || !outer.empty() || list.empty()) return false;
  while (!list.empty()) {
    const std::string_view name = list.vector(1);
    if (!list.good() || name.empty()) return false;
    if (hello.alpn.size() < ClientHelloParser::kProtocolsMax) hello.alpn.emplace_back(name);
  }
  return true;
}

bool parse_versions(std::string_view body, ClientHello& hello) {
  Reader outer(body);
  Reader list(outer.vector(1));
  if (!outer.good() || !outer.empty() || list.empty()) return false;
  hello.versions.clear();
  while (!list.empty()) {
    const std::uint32_t version = list.number(2);
    if (!list.good()) return false;
    if (is_grease(version) || hello.versions.size() >= ClientHelloParser::kVersionsMax) continue;
    hello.versions.push_back(static_cast<std::uint16_t>(version));
  }
  return true;
}

bool parse_extensions(std::string_view body, ClientHello& hello) {
  Reader extensions(body);
  bool seen[3] = {};
  while (!extensions.empty()) {
    const std::uint32_t type = extensions.number(2);
    const std::string_view data = extensions.vector(2);
    if (!extensions.good()) return false;
    int which = -1;
    if (type == kServerNameExtension) which = 0;
    if (type == kAlpnExtension) which = 1;
    if (type == kVersionsExtension) which = 2;
    if (which < 0) continue;
    // RFC 8446 4.2: no extension twice; a second name would be whichever of us and OpenSSL prefers.
    if (seen[which]) return false;
    seen[which] = true;
    const bool good = which == 0   ? parse_server_name(data, hello)
                      : which == 1 ? parse_alpn(data, hello)
                                   : parse_versions(data, hello);
    if (!good) return false;
  }
  return true;
}

bool parse_hello(std::string_view body, ClientHello& hello) {
  Reader reader(body);
  const std::uint32_t legacy_version = reader.number(2);
  reader.take(32);  // random
  const std::string_view session = reader.vector(1);
  const std::string_view ciphers = reader.vector(2);
  const std::string_view compressions = reader.vector(1);
  if (!reader.good() || session.size() > 32 || ciphers.empty() || ciphers.size() % 2 != 0 ||
      compressions.empty()) {
    return false;
  }
  hello.versions.push_back(static_cast<std::uint16_t>(legacy_version));
  if (reader.empty()) return true;  // TLS 1.2 without extensions
  const std::string_view extensions = reader.vector(2);
  return reader.good() && reader.empty() && parse_extensions(extensions, hello);
}

}  // namespace

State ClientHelloParser::feed(Bytes bytes) {
  while (state_ == State::kNeedMore && !bytes.empty()) {
    if (record_left_ == 0) {
      state_ = take_header(bytes.front());
      bytes = bytes.subspan(1);
      continue;
    }
    // One byte over the limit is enough to see that it is broken.
    const std::size_t size =
        std::min({record_left_, bytes.size(), kHelloBytesMax + 1 - message_.size()});
    message_.append(as_text(bytes.first(size)));
    record_left_ -= size;
    bytes = bytes.subspan(size);
    state_ = take_message();
  }
  return state_;
}

// One byte of a record's five: type, version twice, length twice.
State ClientHelloParser::take_header(std::uint8_t byte) {
  header_[header_size_++] = byte;
  const bool first_record = message_.empty();
  const State broken = first_record ? State::kNotTls : State::kMalformed;
  if (header_size_ == 1 && byte != kHandshakeRecord) return broken;
  // The record's version is 0x0301 or 0x0303 by the books; anything 3.x is left to OpenSSL.
  if (header_size_ == 2 && byte != 3) return broken;
  if (header_size_ == 3 && byte > 4) return broken;
  if (header_size_ < 5) return State::kNeedMore;
  header_size_ = 0;
  record_left_ = std::size_t{header_[3]} << 8U | header_[4];
  // RFC 8446 5.1: handshake records are not empty; and what a listener would wait for is bounded.
  if (record_left_ == 0 || record_left_ > kRecordMax) return broken;
  return State::kNeedMore;
}

State ClientHelloParser::take_message() {
  if (static_cast<std::uint8_t>(message_[0]) != kClientHello) return State::kNotTls;
  if (message_.size() < kMessageHead) return State::kNeedMore;
  Reader head(message_);
  head.take(1);
  const std::size_t size = head.number(3);
  if (size > kHelloBytesMax - kMessageHead) return State::kMalformed;
  if (message_.size() < kMessageHead + size) return State::kNeedMore;
  // RFC 8446 5.1: nothing shares its last record; early data comes in records of its own.
  if (message_.size() > kMessageHead + size || record_left_ != 0) return State::kMalformed;
  const bool good = parse_hello(std::string_view(message_).substr(kMessageHead), hello_);
  message_.clear();
  message_.shrink_to_fit();
  return good ? State::kDone : State::kMalformed;
}

}  // namespace weft::tls
