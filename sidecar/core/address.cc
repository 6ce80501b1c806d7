#include "sidecar/core/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace weft {

namespace {

Result<std::uint32_t> parse_number(std::string_view text, std::uint32_t max,
                                   std::string_view what) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) {
    return fail(Fault::kInvalid, "bad " + std::string(what) + " '" + std::string(text) + "'");
  }
  return value;
}

}  // namespace

IpAddress IpAddress::v4(std::uint32_t host_order) {
  IpAddress address;
  for (int i = 0; i < 4; ++i) {
    address.bytes_[static_cast<std::size_t>(i)] =
        static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  address.v4_ = false;
  return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string terminated(text);
  IpAddress address;
  if (text.size() <= INET6_ADDRSTRLEN && terminated.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, terminated.c_str(), address.bytes_.data()) == 1) return address;
    if (inet_pton(AF_INET6, terminated.c_str(), address.bytes_.data()) == 1) {
      address.v4_ = false;
      return address;
    }
  }
  return fail(Fault::kInvalid, "bad IP address '" + terminated + "'");
}

bool IpAddress::is_loopback() const {
  if (v4_) return bytes_[0] == 127;
  std::array<std::uint8_t, 16> one{};
  one[15] = 1;
  return bytes_ == one || (unmapped().is_v4() && unmapped().is_loopback());
}

bool IpAddress::is_any() const {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

IpAddress IpAddress::unmapped() const {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (v4_ || !std::equal(kMapped.begin(), kMapped.end(), bytes_.begin())) return *this;
  IpAddress address;
  std::copy_n(bytes_.begin() + 12, 4, address.bytes_.begin());
  return address;
}

std::string IpAddress::to_string() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(v4_ ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
  return text;
}

Result<Cidr> Cidr::make(IpAddress prefix, std::uint32_t length) {
  const std::uint32_t max = prefix.is_v4() ? 32 : 128;
  if (length > max) {
    return fail(Fault::kInvalid,
                "prefix length " + std::to_string(length) + " is over " + std::to_string(max));
  }
  std::array<std::uint8_t, 16> bytes = prefix.bytes();
  for (std::size_t bit = length; bit < max; ++bit) {
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  }
  Cidr range;
  if (prefix.is_v4()) {
    range.prefix = IpAddress::v4((std::uint32_t{bytes[0]} << 24) | (std::uint32_t{bytes[1]} << 16) |
                                 (std::uint32_t{bytes[2]} << 8) | bytes[3]);
  } else {
    range.prefix = IpAddress::v6(bytes);
  }
  range.length = static_cast<std::uint8_t>(length);
  return range;
}

Result<Cidr> Cidr::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  Result<IpAddress> ip = IpAddress::parse(text.substr(0, slash));
  if (!ip) return fail(ip.error());
  if (slash == std::string_view::npos) return make(*ip, ip->is_v4() ? 32 : 128);
  Result<std::uint32_t> length = parse_number(text.substr(slash + 1), 128, "prefix length");
  if (!length) return fail(length.error());
  return make(*ip, *length);
}

bool Cidr::contains(const IpAddress& address) const {
  const IpAddress plain = address.unmapped();
  if (plain.is_v4() != prefix.is_v4()) return false;
  const std::size_t whole = length / 8U;
  if (!std::equal(prefix.bytes().begin(),
                  prefix.bytes().begin() + static_cast<std::ptrdiff_t>(whole),
                  plain.bytes().begin())) {
    return false;
  }
  if (length % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xff00U >> (length % 8));
  return (prefix.bytes()[whole] & mask) == (plain.bytes()[whole] & mask);
}

std::string Cidr::to_string() const { return prefix.to_string() + "/" + std::to_string(length); }

SocketAddress SocketAddress::unix_path(std::string path) {
  SocketAddress address;
  address.kind_ = Kind::kUnix;
  address.path_ = std::move(path);
  return address;
}

Result<SocketAddress> SocketAddress::parse(std::string_view text) {
  const std::string whole(text);
  if (text.starts_with("unix:")) {
    text.remove_prefix(5);
    if (text.empty() || text.size() >= sizeof(sockaddr_un::sun_path)) {
      return fail(Fault::kInvalid, "bad unix socket path in '" + whole + "'");
    }
    return unix_path(std::string(text));
  }
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail(Fault::kInvalid, "no port in '" + whole + "'");
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  Result<IpAddress> ip = IpAddress::parse(host);
  if (!ip || ip->is_v4() == bracketed) return fail(Fault::kInvalid, "bad address '" + whole + "'");
  Result<std::uint32_t> port = parse_number(text.substr(colon + 1), 65535, "port");
  if (!port) return fail(Fault::kInvalid, port.error().detail + " in '" + whole + "'");
  return SocketAddress(*ip, static_cast<std::uint16_t>(*port));
}

SocketAddress SocketAddress::from_native(const sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in native;
    std::memcpy(&native, address, sizeof native);
    return {IpAddress::v4(ntohl(native.sin_addr.s_addr)), ntohs(native.sin_port)};
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 native;
    std::memcpy(&native, address, sizeof native);
    std::array<std::uint8_t, 16> bytes;
    std::memcpy(bytes.data(), &native.sin6_addr, 16);
    return {IpAddress::v6(bytes).unmapped(), ntohs(native.sin6_port)};
  }
  if (address->sa_family == AF_UNIX) {
    sockaddr_un native{};
    std::memcpy(&native, address, std::min<std::size_t>(length, sizeof native));
    const std::size_t offset = offsetof(sockaddr_un, sun_path);
    const std::size_t size = length > offset ? length - offset : 0;
    std::string path(native.sun_path, size);
    if (!path.empty() && path[0] == '\0') {
      path[0] = '@';
    } else {
      path.resize(std::strlen(path.c_str()));
    }
    return unix_path(std::move(path));
  }
  return {};
}

socklen_t SocketAddress::to_native(sockaddr_storage& storage) const {
  std::memset(&storage, 0, sizeof storage);
  switch (kind_) {
    case Kind::kNone:
      return 0;
    case Kind::kUnix: {
      auto* native = reinterpret_cast<sockaddr_un*>(&storage);
      native->sun_family = AF_UNIX;
      const std::size_t size = std::min(path_.size(), sizeof(native->sun_path) - 1);
      std::memcpy(native->sun_path, path_.data(), size);
      if (size != 0 && native->sun_path[0] == '@') {
        native->sun_path[0] = '\0';
        return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
      }
      return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size + 1);
    }
    case Kind::kIp:
      break;
  }
  if (ip_.is_v4()) {
    auto* native = reinterpret_cast<sockaddr_in*>(&storage);
    native->sin_family = AF_INET;
    native->sin_port = htons(port_);
    std::memcpy(&native->sin_addr, ip_.bytes().data(), 4);
    return sizeof(sockaddr_in);
  }
  auto* native = reinterpret_cast<sockaddr_in6*>(&storage);
  native->sin6_family = AF_INET6;
  native->sin6_port = htons(port_);
  std::memcpy(&native->sin6_addr, ip_.bytes().data(), 16);
  return sizeof(sockaddr_in6);
}

std::string SocketAddress::to_string() const {
  switch (kind_) {
    case Kind::kNone:
      return "-";
    case Kind::kUnix:
      return "unix:" + path_;
    case Kind::kIp:
      break;
  }
  if (ip_.is_v4()) return ip_.to_string() + ":" + std::to_string(port_);
  return "[" + ip_.to_string() + "]:" + std::to_string(port_);
}

std::size_t SocketAddressHash::operator()(const SocketAddress& address) const {
  const auto& bytes = address.ip().bytes();
  const std::string_view raw(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::hash<std::string_view>{}(raw) * 31 + address.port() +
         std::hash<std::string>{}(address.path());
}

}  // namespace weft
