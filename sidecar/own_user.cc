#include "sidecar/own_user.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "sidecar/core/pod_contract.h"

namespace weft::sidecar {

namespace {

tl::unexpected<Error> user_error(const char* what) {
  return fail(Fault::kInternal, std::string(pod::kRedirectModeVariable) + "=tproxy: " + what +
                                    ": " + ::strerror(errno) +
                                    " (the container needs NET_ADMIN, SETUID and SETGID)");
}

// capabilities(7); glibc has no wrapper.
bool keep_only_net_admin() {
  __user_cap_header_struct head{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  sets[0].permitted = sets[0].effective = 1U << CAP_NET_ADMIN;
  return ::syscall(SYS_capset, &head, sets.data()) == 0;
}

}  // namespace

Status become_own_user() {
  const char* mode = ::getenv(pod::kRedirectModeVariable);
  if (mode == nullptr || std::string_view(mode) != "tproxy" || ::geteuid() != 0) return {};
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return user_error("capabilities cannot be kept");
  if (::setgroups(0, nullptr) != 0 || ::setresgid(pod::kGid, pod::kGid, pod::kGid) != 0 ||
      ::setresuid(pod::kUid, pod::kUid, pod::kUid) != 0) {
    return user_error("the user cannot be changed");
  }
  if (!keep_only_net_admin()) return user_error("NET_ADMIN cannot be kept");
  // Changing the user hides /proc/self from the process itself.
  if (::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0) return user_error("/proc/self stays closed");
  return {};
}

}  // namespace weft::sidecar
