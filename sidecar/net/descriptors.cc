#include "sidecar/net/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace weft::net {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int descriptor_limit() {
  static const int limit = [] {
    constexpr int kNone = std::numeric_limits<int>::max();
    rlimit read{};
    if (::getrlimit(RLIMIT_NOFILE, &read) != 0 || read.rlim_cur == RLIM_INFINITY) return kNone;
    return static_cast<int>(std::min<rlim_t>(read.rlim_cur, kNone));
  }();
  return limit;
}

bool is_among_last(int fd) {
  const int limit = descriptor_limit();
  return fd >= limit - std::min(kDescriptorsSpare, limit / 8);
}

}  // namespace weft::net
