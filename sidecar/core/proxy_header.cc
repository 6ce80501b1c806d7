#include "sidecar/core/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "sidecar/core/crc32c.h"

namespace weft {

namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;
using State = ProxyHeaderRead::State;

constexpr std::string_view kV1Word = "PROXY ";
constexpr std::string_view kV2Signature = "\r\n\r\n\0\r\nQUIT\n"sv;
constexpr std::size_t kV2Fixed = 16;  // signature, version and command, family, length
constexpr std::size_t kV4Block = 12;  // two addresses, two ports
constexpr std::size_t kV6Block = 36;
constexpr std::uint8_t kCommandLocal = 0x20;
constexpr std::uint8_t kCommandProxy = 0x21;
constexpr std::uint8_t kUnspecified = 0x00;
constexpr std::uint8_t kTcp4 = 0x11;
constexpr std::uint8_t kTcp6 = 0x21;
constexpr std::uint8_t kTlvChecksum = 0x03;

ProxyHeaderRead malformed(std::string_view why) {
  return {.state = State::kMalformed, .header = {}, .size = 0, .why = why};
}

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t number_at(std::string_view bytes, std::size_t at) {
  return std::size_t{byte_at(bytes, at)} << 8U | byte_at(bytes, at + 1);
}

// ---- version 1 ----

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

// "TCP4 192.0.2.1 192.0.2.2 1234 80", without the CRLF.
ProxyHeaderRead read_v1_line(std::string_view line, std::size_t size) {
  ProxyHeaderRead read{.state = State::kDone, .header = {}, .size = size, .why = {}};
  read.header.version = ProxyHeader::Version::kV1;
  // "UNKNOWN" and whatever follows it: the receiver is told to look no further.
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return read;
  std::array<std::string_view, 5> words;
  std::size_t count = 0;
  for (;;) {
    const std::size_t space = line.find(' ');
    if (count == words.size()) return malformed("more words than a PROXY line has");
    words[count++] = line.substr(0, space);
    if (space == std::string_view::npos) break;
    line.remove_prefix(space + 1);
  }
  const bool v4 = words[0] == "TCP4";
  if (!v4 && words[0] != "TCP6") return malformed("the family is not TCP4, TCP6 or UNKNOWN");
  if (count != words.size()) return malformed("fewer words than a PROXY line has");
  const auto source = IpAddress::parse(words[1]);
  const auto destination = IpAddress::parse(words[2]);
  if (!source || !destination) return malformed("an address cannot be read");
  if (source->is_v4() != v4 || destination->is_v4() != v4) {
    return malformed("an address is not of the family announced");
  }
  const auto source_port = parse_port(words[3]);
  const auto destination_port = parse_port(words[4]);
  if (!source_port || !destination_port) return malformed("a port cannot be read");
  read.header.source = SocketAddress(source->unmapped(), *source_port);
  read.header.destination = SocketAddress(destination->unmapped(), *destination_port);
  return read;
}

ProxyHeaderRead read_v1(std::string_view bytes) {
  const std::string_view head = bytes.substr(0, kProxyHeaderV1Max);
  const std::size_t end = head.find_first_of("\r\n\0"sv);
  if (end == std::string_view::npos) {
    if (head.size() < kProxyHeaderV1Max) return {};
    return malformed("the line is longer than 107 bytes");
  }
  if (head[end] != '\r') return malformed("the line does not end with CRLF");
  if (end + 1 == kProxyHeaderV1Max) return malformed("the line is longer than 107 bytes");
  if (end + 1 == head.size()) return {};
  if (head[end + 1] != '\n') return malformed("the line does not end with CRLF");
  return read_v1_line(head.substr(kV1Word.size(), end - kV1Word.size()), end + 2);
}

// ---- version 2 ----

// The extensions behind the addresses: type, length in two bytes, value.
ProxyHeaderRead check_extensions(std::string_view header, std::size_t at) {
  bool summed = false;
  while (at < header.size()) {
    if (header.size() - at < 3) return malformed("an extension is cut off");
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = number_at(header, at + 1);
    at += 3;
    if (header.size() - at < length) return malformed("an extension is longer than the header");
    if (type == kTlvChecksum) {
      if (std::exchange(summed, true)) return malformed("two checksums");
      if (length != 4) return malformed("a checksum has four bytes");
      const std::uint32_t told =
          static_cast<std::uint32_t>(number_at(header, at) << 16U | number_at(header, at + 2));
      std::uint32_t sum = crc32c(header.substr(0, at));
      sum = crc32c("\0\0\0\0"sv, sum);  // the field itself counts as zero
      sum = crc32c(header.substr(at + 4), sum);
      if (sum != told) return malformed("the checksum is wrong");
    }
    at += length;
  }
  return {};
}

IpAddress address_at(std::string_view bytes, std::size_t at, bool v4) {
  if (v4) {
    return IpAddress::v4(
        static_cast<std::uint32_t>(number_at(bytes, at) << 16U | number_at(bytes, at + 2)));
  }
  std::array<std::uint8_t, 16> raw;
  for (std::size_t i = 0; i < raw.size(); ++i) raw[i] = byte_at(bytes, at + i);
  return IpAddress::v6(raw).unmapped();
}

ProxyHeaderRead read_v2(std::string_view bytes) {
  if (bytes.size() > 12) {
    const std::uint8_t command = byte_at(bytes, 12);
    if (command != kCommandLocal && command != kCommandProxy) {
      return malformed("unknown version or command");
    }
  }
  if (bytes.size() < kV2Fixed) return {};
  const bool local = byte_at(bytes, 12) == kCommandLocal;
  const std::uint8_t family = byte_at(bytes, 13);
  const std::size_t length = number_at(bytes, 14);
  if (kV2Fixed + length > kProxyHeaderV2Max)
    return malformed("the header is longer than 4096 bytes");
  const bool v4 = family == kTcp4;
  const std::size_t block = v4 ? kV4Block : family == kTcp6 ? kV6Block : 0;
  if (!local && block == 0 && family != kUnspecified) {
    return malformed("the family is not TCP over IPv4 or IPv6");
  }
  if (!local && length < block) return malformed("the addresses are cut off");
  if (bytes.size() < kV2Fixed + length) return {};
  const std::string_view header = bytes.substr(0, kV2Fixed + length);
  ProxyHeaderRead read{.state = State::kDone, .header = {}, .size = header.size(), .why = {}};
  // What stands in such a block is to be discarded unread.
  if (local || family == kUnspecified) return read;
  ProxyHeaderRead extensions = check_extensions(header, kV2Fixed + block);
  if (extensions.state == State::kMalformed) return extensions;
  const std::size_t each = v4 ? 4 : 16;
  const std::size_t ports = kV2Fixed + 2 * each;
  read.header.source = SocketAddress(address_at(header, kV2Fixed, v4),
                                     static_cast<std::uint16_t>(number_at(header, ports)));
  read.header.destination = SocketAddress(address_at(header, kV2Fixed + each, v4),
                                          static_cast<std::uint16_t>(number_at(header, ports + 2)));
  return read;
}

// ---- writing ----

IpAddress mapped(const IpAddress& address) {
  if (!address.is_v4()) return address;
  std::array<std::uint8_t, 16> raw{};
  raw[10] = raw[11] = 0xff;
  std::copy_n(address.bytes().begin(), 4, raw.begin() + 12);
  return IpAddress::v6(raw);
}

std::string write_v1(const IpAddress& source, const IpAddress& destination,
                     const ProxyHeader& header) {
  return "PROXY " + std::string(source.is_v4() ? "TCP4 " : "TCP6 ") + source.to_string() + ' ' +
         destination.to_string() + ' ' + std::to_string(header.source.port()) + ' ' +
         std::to_string(header.destination.port()) + "\r\n";
}

void append_number(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8U);
  out += static_cast<char>(value & 0xffU);
}

std::string write_v2(const IpAddress& source, const IpAddress& destination,
                     const ProxyHeader& header) {
  const bool v4 = source.is_v4();
  std::string out(kV2Signature);
  out += static_cast<char>(kCommandProxy);
  out += static_cast<char>(v4 ? kTcp4 : kTcp6);
  append_number(out, v4 ? kV4Block : kV6Block);
  for (const IpAddress& address : {source, destination}) {
    out.append(reinterpret_cast<const char*>(address.bytes().data()), v4 ? 4 : 16);
  }
  append_number(out, header.source.port());
  append_number(out, header.destination.port());
  return out;
}

}  // namespace

ProxyHeaderRead read_proxy_header(std::string_view bytes) {
  const auto begins_as = [bytes](std::string_view word) {
    const std::size_t n = std::min(bytes.size(), word.size());
    return bytes.substr(0, n) == word.substr(0, n);
  };
  const bool v1 = begins_as(kV1Word);
  if (!v1 && !begins_as(kV2Signature)) {
    return {.state = State::kAbsent, .header = {}, .size = 0, .why = {}};
  }
  if (bytes.size() < (v1 ? kV1Word : kV2Signature).size()) return {};
  return v1 ? read_v1(bytes) : read_v2(bytes);
}

std::string write_proxy_header(const ProxyHeader& header) {
  const bool v1 = header.version == ProxyHeader::Version::kV1;
  if (!header.source.is_ip() || !header.destination.is_ip()) {
    return v1 ? "PROXY UNKNOWN\r\n"
              : std::string(kV2Signature) + static_cast<char>(kCommandLocal) + "\0\0\0"s;
  }
  IpAddress source = header.source.ip();
  IpAddress destination = header.destination.ip();
  if (source.is_v4() != destination.is_v4()) {
    source = mapped(source);
    destination = mapped(destination);
  }
  return v1 ? write_v1(source, destination, header) : write_v2(source, destination, header);
}

}  // namespace weft
