#pragma once
// SocketAddress: an IPv4, IPv6 or Unix address as a value; parse, print, compare, mask. No
// look-ups.

#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/result.h"

namespace weft {

class IpAddress final {
 public:
  IpAddress() = default;
  static IpAddress v4(std::uint32_t host_order);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);
  // "127.0.0.1", "::1"; no brackets, no zone, no leading zeros in v4.
  static Result<IpAddress> parse(std::string_view text);

  [[nodiscard]] bool is_v4() const { return v4_; }
  [[nodiscard]] bool is_loopback() const;
  [[nodiscard]] bool is_any() const;
  // An IPv4-mapped IPv6 address as the IPv4 address it means; anything else unchanged.
  [[nodiscard]] IpAddress unmapped() const;
  // 16 bytes; IPv4 in the first four.
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  bool v4_ = true;
};

// An address range: "10.0.0.0/8".
struct Cidr {
  IpAddress prefix;
  std::uint8_t length = 0;

  static Result<Cidr> make(IpAddress prefix, std::uint32_t length);  // clears the host bits
  static Result<Cidr> parse(std::string_view text);
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const Cidr&) const = default;
};

class SocketAddress final {
 public:
  SocketAddress() = default;  // none(): not an address
  SocketAddress(IpAddress ip, std::uint16_t port) : ip_(ip), port_(port), kind_(Kind::kIp) {}
  // A Unix socket; '@' first means the abstract name space.
  static SocketAddress unix_path(std::string path);
  // "127.0.0.1:80", "[::1]:80", "unix:/run/x". A host name is an error: names are the resolver's
  // business.
  static Result<SocketAddress> parse(std::string_view text);
  static SocketAddress from_native(const sockaddr* address, socklen_t length);

  [[nodiscard]] bool is_none() const { return kind_ == Kind::kNone; }
  [[nodiscard]] bool is_ip() const { return kind_ == Kind::kIp; }
  [[nodiscard]] bool is_unix() const { return kind_ == Kind::kUnix; }
  [[nodiscard]] const IpAddress& ip() const { return ip_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Fills `storage`, returns its length; 0 for none().
  [[nodiscard]] socklen_t to_native(sockaddr_storage& storage) const;
  [[nodiscard]] std::string to_string() const;
  auto operator<=>(const SocketAddress&) const = default;

 private:
  enum class Kind : std::uint8_t { kNone, kIp, kUnix };
  IpAddress ip_;
  std::uint16_t port_ = 0;
  Kind kind_ = Kind::kNone;
  std::string path_;
};

struct SocketAddressHash {
  [[nodiscard]] std::size_t operator()(const SocketAddress& address) const;
};

}  // namespace weft
