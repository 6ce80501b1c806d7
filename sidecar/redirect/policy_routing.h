#pragma once
// PolicyRouting: how answers to connections that the sidecar makes under somebody else's address
// come back to it (--mode tproxy): packets with pod_contract's mark are looked up in a table of
// their own, where every address is the pod's.
//
// SystemPolicyRouting asks the kernel by netlink, in the network namespace it runs in, and needs
// CAP_NET_ADMIN to change anything; `ip rule` and `ip route show table 15006` show the same.
// Thread: any one.

#include "sidecar/core/result.h"
#include "sidecar/redirect/rules.h"

namespace weft::redirect {

class PolicyRouting {
 public:
  enum class There : std::uint8_t { kNothing, kPart, kAll };

  virtual ~PolicyRouting() = default;
  [[nodiscard]] virtual Result<There> look(Family family) = 0;
  // Puts it there or takes it away, all of it; no error when there is nothing to do.
  [[nodiscard]] virtual Status set(Family family, bool there) = 0;
};

class SystemPolicyRouting final : public PolicyRouting {
 public:
  [[nodiscard]] Result<There> look(Family family) override;
  [[nodiscard]] Status set(Family family, bool there) override;
};

}  // namespace weft::redirect
