#include "sidecar/redirect/policy_routing.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include <string>

#include "sidecar/core/pod_contract.h"
#include "sidecar/redirect/netlink.h"

namespace weft::redirect {

namespace {

// Between the kernel's own: after "local" (0), before "main" (32766).
constexpr std::uint32_t kRulePriority = 15006;

std::uint8_t family_number(Family family) { return family == Family::kV4 ? AF_INET : AF_INET6; }

// "fwmark 15006 lookup 15006"
NetlinkRequest rule_request(Family family, bool add) {
  NetlinkRequest request(add ? RTM_NEWRULE : RTM_DELRULE,
                         static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_EXCL : 0));
  fib_rule_hdr rule{};
  rule.family = family_number(family);
  rule.action = FR_ACT_TO_TBL;
  request.set_body(rule);
  request.add_attribute(FRA_PRIORITY, kRulePriority);
  request.add_attribute(FRA_FWMARK, pod::kTransparentMark);
  request.add_attribute(FRA_FWMASK, UINT32_MAX);
  request.add_attribute(FRA_TABLE, pod::kTransparentTable);
  return request;
}

// "local default dev lo table 15006"
NetlinkRequest route_request(Family family, bool add) {
  NetlinkRequest request(add ? RTM_NEWROUTE : RTM_DELROUTE,
                         static_cast<std::uint16_t>(add ? NLM_F_CREATE | NLM_F_EXCL : 0));
  rtmsg route{};
  route.rtm_family = family_number(family);
  route.rtm_table = RT_TABLE_UNSPEC;  // its number is an attribute
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  request.set_body(route);
  request.add_attribute(RTA_TABLE, pod::kTransparentTable);
  request.add_attribute(RTA_OIF, ::if_nametoindex("lo"));
  return request;
}

tl::unexpected<Error> routing_error(Family family, const char* what, int error) {
  return fail(Fault::kInternal,
              std::string(name_of(family)) + " routing: " + what + ": " + ::strerror(error));
}

Result<bool> finds_rule(Family family) {
  NetlinkRequest request(RTM_GETRULE, 0);
  fib_rule_hdr head{};
  head.family = family_number(family);
  request.set_body(head);
  bool found = false;
  const int error = request.dump([&](std::span<const std::uint8_t> payload) {
    const auto value = [&](std::uint16_t type) {
      return NetlinkRequest::attribute_of(payload, sizeof head, type);
    };
    found = found || (value(FRA_FWMARK) == pod::kTransparentMark &&
                      value(FRA_TABLE) == pod::kTransparentTable);
  });
  if (error != 0) return routing_error(family, "rules cannot be listed", error);
  return found;
}

Result<bool> finds_route(Family family) {
  NetlinkRequest request(RTM_GETROUTE, 0);
  rtmsg head{};
  head.rtm_family = family_number(family);
  request.set_body(head);
  bool found = false;
  const int error = request.dump([&](std::span<const std::uint8_t> payload) {
    rtmsg route{};
    if (payload.size() < sizeof route) return;
    ::memcpy(&route, payload.data(), sizeof route);
    found = found || (route.rtm_type == RTN_LOCAL && route.rtm_dst_len == 0 &&
                      NetlinkRequest::attribute_of(payload, sizeof route, RTA_TABLE) ==
                          pod::kTransparentTable);
  });
  if (error != 0) return routing_error(family, "routes cannot be listed", error);
  return found;
}

}  // namespace

Result<PolicyRouting::There> SystemPolicyRouting::look(Family family) {
  const Result<bool> rule = finds_rule(family);
  if (!rule) return fail(rule.error());
  const Result<bool> route = finds_route(family);
  if (!route) return fail(route.error());
  if (*rule && *route) return There::kAll;
  return *rule || *route ? There::kPart : There::kNothing;
}

Status SystemPolicyRouting::set(Family family, bool there) {
  // The way first, then what leads to it; and the other way round.
  if (there) {
    if (const int error = route_request(family, true).change(); error != 0 && error != EEXIST) {
      return routing_error(family, "the route cannot be added", error);
    }
    if (const int error = rule_request(family, true).change(); error != 0 && error != EEXIST) {
      return routing_error(family, "the rule cannot be added", error);
    }
    return {};
  }
  if (const int error = rule_request(family, false).change(); error != 0 && error != ENOENT) {
    return routing_error(family, "the rule cannot be removed", error);
  }
  if (const int error = route_request(family, false).change(); error != 0 && error != ESRCH) {
    return routing_error(family, "the route cannot be removed", error);
  }
  return {};
}

}  // namespace weft::redirect
