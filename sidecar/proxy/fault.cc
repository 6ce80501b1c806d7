#include "sidecar/proxy/fault.h"

#include <algorithm>

#include "sidecar/http/grpc.h"

namespace weft::proxy {

namespace {

bool fault_strikes(const config::FaultPolicy& fault, const http::RequestHead& head,
                   std::string_view cluster, WallTime now, std::uint32_t active, Random& random) {
  if (fault.until && now >= *fault.until) return false;
  if (!fault.only_cluster.empty() && fault.only_cluster != cluster) return false;
  if (fault.active_max != 0 && active >= fault.active_max) return false;
  for (const config::HeaderMatch& header : fault.headers) {
    if (!header.matches(head)) return false;
  }
  return fault.per_million >= config::kAlways || random.below(config::kAlways) < fault.per_million;
}

Duration drawn_delay(const config::FaultPolicy& fault, Random& random) {
  const std::int64_t jitter = std::min(fault.delay_jitter, fault.delay).count();
  if (jitter <= 0) return fault.delay;
  const auto either_way = static_cast<std::uint64_t>(jitter) * 2 + 1;
  return fault.delay + Duration(static_cast<std::int64_t>(random.below(either_way)) - jitter);
}

}  // namespace

Injection draw_faults(std::span<const config::FaultPolicy> faults, const http::RequestHead& head,
                      std::string_view cluster, WallTime now, std::uint32_t active,
                      Random& random) {
  Injection injection;
  for (const config::FaultPolicy& fault : faults) {
    if (!fault_strikes(fault, head, cluster, now, active, random)) continue;
    if (fault.delay > Duration::zero() && injection.delay == nullptr) {
      injection.delay = &fault;
      injection.delay_for = drawn_delay(fault, random);
    }
    if ((fault.abort || fault.reset) && injection.ending == nullptr) injection.ending = &fault;
    if (fault.slow_body != 0 && injection.slow == nullptr) injection.slow = &fault;
  }
  return injection;
}

AbortStatus status_of(const config::FaultPolicy::Abort& abort) {
  AbortStatus status;
  if (abort.grpc_status) {
    const auto grpc = static_cast<http::GrpcStatus>(*abort.grpc_status);
    status.http = http::http_status_of_grpc(grpc);
    status.grpc = *abort.grpc_status;
  } else if (abort.http_status) {
    status.http = *abort.http_status;
    status.grpc = static_cast<std::uint8_t>(http::grpc_status_of_http(*abort.http_status));
  }
  return status;
}

}  // namespace weft::proxy
