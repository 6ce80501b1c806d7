#include "sidecar/redirect/loopback.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "sidecar/core/address.h"
#include "sidecar/core/pod_contract.h"

namespace weft::redirect {

namespace {

using AddressBytes = std::array<std::uint8_t, 16>;

IpAddress delivery_source_v6() { return *IpAddress::parse(pod::kDeliverySourceV6); }

struct AddressRequest {
  nlmsghdr head{};
  ifaddrmsg address{};
  rtattr local_head{};
  AddressBytes local{};
};

AddressRequest address_request(bool add) {
  AddressRequest request;
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = add ? RTM_NEWADDR : RTM_DELADDR;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (add) request.head.nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
  request.address.ifa_family = AF_INET6;
  request.address.ifa_prefixlen = 128;
  request.address.ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD;
  request.address.ifa_scope = RT_SCOPE_HOST;
  request.address.ifa_index = ::if_nametoindex("lo");
  request.local_head.rta_len = RTA_LENGTH(sizeof request.local);
  request.local_head.rta_type = IFA_LOCAL;
  request.local = delivery_source_v6().bytes();
  return request;
}

// 0, or the kernel's errno.
int ask_kernel(const AddressRequest& request) {
  const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
  if (fd < 0) return errno;
  struct {
    nlmsghdr head;
    nlmsgerr error;
    std::array<std::uint8_t, 512> more;
  } answer{};
  int error = 0;
  if (::send(fd, &request, sizeof request, 0) != static_cast<ssize_t>(sizeof request) ||
      ::recv(fd, &answer, sizeof answer, 0) < static_cast<ssize_t>(NLMSG_LENGTH(sizeof(int)))) {
    error = errno != 0 ? errno : EIO;
  } else if (answer.head.nlmsg_type != NLMSG_ERROR) {
    error = EPROTO;
  } else {
    error = -answer.error.error;
  }
  ::close(fd);
  return error;
}

}  // namespace

bool SystemLoopback::has_ipv6() {
  const int fd = ::open("/proc/sys/net/ipv6/conf/lo/disable_ipv6", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char disabled = '1';
  const bool read = ::read(fd, &disabled, 1) == 1;
  ::close(fd);
  return read && disabled == '0';
}

bool SystemLoopback::holds_delivery_source() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  bool found = false;
  for (const ifaddrs* one = list; one != nullptr && !found; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET6) continue;
    const SocketAddress address = SocketAddress::from_native(one->ifa_addr, sizeof(sockaddr_in6));
    found = std::string_view(one->ifa_name) == "lo" && address.ip() == delivery_source_v6();
  }
  ::freeifaddrs(list);
  return found;
}

Status SystemLoopback::set_delivery_source(bool there) {
  const int error = ask_kernel(address_request(there));
  if (error == 0 || error == (there ? EEXIST : EADDRNOTAVAIL)) return {};
  return fail(Fault::kInternal,
              std::string(pod::kDeliverySourceV6) +
                  (there ? " cannot be put on lo: " : " cannot be taken off lo: ") +
                  ::strerror(error));
}

}  // namespace weft::redirect
