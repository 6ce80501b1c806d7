#pragma once
// Loopback: the address on `lo` that a sidecar's IPv6 connections to its own app come from
// (pod_contract's kDeliverySourceV6). All of 127.0.0.0/8 is there without help; ::6 is not.
//
// SystemLoopback asks the kernel by netlink (rtnetlink(7)), in the network namespace it runs in,
// and needs CAP_NET_ADMIN to change anything. Thread: any one.

#include "sidecar/core/result.h"

namespace weft::redirect {

class Loopback {
 public:
  virtual ~Loopback() = default;
  // False where IPv6 is switched off for lo (net.ipv6.conf.lo.disable_ipv6), or not built.
  [[nodiscard]] virtual bool has_ipv6() = 0;
  [[nodiscard]] virtual bool holds_delivery_source() = 0;
  // Adds or takes away; no error when there is nothing to do.
  [[nodiscard]] virtual Status set_delivery_source(bool there) = 0;
};

class SystemLoopback final : public Loopback {
 public:
  [[nodiscard]] bool has_ipv6() override;
  [[nodiscard]] bool holds_delivery_source() override;
  [[nodiscard]] Status set_delivery_source(bool there) override;
};

}  // namespace weft::redirect
