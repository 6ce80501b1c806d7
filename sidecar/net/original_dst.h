#pragma once
// original_dst: where a redirected connection wanted to go, as netfilter remembers it
// (SO_ORIGINAL_DST of linux/netfilter_ipv4.h, IP6T_SO_ORIGINAL_DST of
// linux/netfilter_ipv6/ip6_tables.h).
//
// Nothing when the connection was not redirected (no entry, or the entry is the listener's own
// address). Any thread.

#include <optional>

#include "sidecar/core/address.h"
#include "sidecar/core/result.h"

namespace weft::net {

[[nodiscard]] Result<std::optional<SocketAddress>> original_dst(int fd);

}  // namespace weft::net
