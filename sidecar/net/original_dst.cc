#include "sidecar/net/original_dst.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

namespace weft::net {

namespace {

// The kernel's headers of these two do not go together with the C library's; the number is the same
// and part of its interface.
constexpr int kOriginalDst = 80;

bool means_not_redirected(int error) {
  // ENOENT: no entry. The others: netfilter's connection tracking is not there at all.
  return error == ENOENT || error == ENOPROTOOPT || error == EOPNOTSUPP || error == EINVAL;
}

}  // namespace

Result<std::optional<SocketAddress>> original_dst(int fd) {
  sockaddr_storage local{};
  socklen_t length = sizeof local;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length) != 0) {
    return fail(Fault::kInternal, std::string("getsockname: ") + ::strerror(errno));
  }
  const SocketAddress here =
      SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&local), length);
  if (!here.is_ip()) return std::nullopt;

  // An IPv4 connection to an IPv6 listener is an IPv4 entry to netfilter.
  const int level = here.ip().is_v4() ? IPPROTO_IP : IPPROTO_IPV6;
  sockaddr_storage wanted{};
  length = sizeof wanted;
  if (::getsockopt(fd, level, kOriginalDst, &wanted, &length) != 0) {
    if (means_not_redirected(errno)) return std::nullopt;
    return fail(Fault::kInternal, std::string("original destination: ") + ::strerror(errno));
  }
  SocketAddress there =
      SocketAddress::from_native(reinterpret_cast<const sockaddr*>(&wanted), length);
  if (!there.is_ip() || there == here) return std::nullopt;
  return there;
}

}  // namespace weft::net
