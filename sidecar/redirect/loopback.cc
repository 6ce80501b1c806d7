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

#include <string>
#include <string_view>

#include "sidecar/core/address.h"
#include "sidecar/core/pod_contract.h"
#include "sidecar/redirect/netlink.h"

namespace weft::redirect {

namespace {

IpAddress delivery_source_v6() { return *IpAddress::parse(pod::kDeliverySourceV6); }

NetlinkRequest address_request(bool add) {
  NetlinkRequest request(add ? RTM_NEWADDR : RTM_DELADDR,
                         static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_EXCL : 0));
  ifaddrmsg address{};
  address.ifa_family = AF_INET6;
  address.ifa_prefixlen = 128;
  address.ifa_flags = IFA_F_PERMANENT | IFA_F_NODAD;
  address.ifa_scope = RT_SCOPE_HOST;
  address.ifa_index = ::if_nametoindex("lo");
  request.set_body(address);
  request.add_attribute(IFA_LOCAL, delivery_source_v6().bytes());
  return request;
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
  const int error = address_request(there).change();
  if (error == 0 || error == (there ? EEXIST : EADDRNOTAVAIL)) return {};
  return fail(Fault::kInternal,
              std::string(pod::kDeliverySourceV6) +
                  (there ? " cannot be put on lo: " : " cannot be taken off lo: ") +
                  ::strerror(error));
}

}  // namespace weft::redirect
