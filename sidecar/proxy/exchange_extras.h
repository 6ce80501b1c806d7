#pragma once
// ExchangeExtras: what an exchange carries whose route asks for more than forwarding: the faults
// that struck it, its copies, who answers instead, permissions for browsers. Most have none.
//
// Owner: Exchange, which fills it (exchange_shaping.cc). Lifetime: from its route to its record.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "sidecar/config/route_extras.h"
#include "sidecar/core/slab.h"
#include "sidecar/core/timers.h"
#include "sidecar/proxy/fault.h"
#include "sidecar/proxy/mirror.h"
#include "sidecar/proxy/replies.h"
#include "sidecar/proxy/slow_body.h"
#include "telemetry/labels.h"

namespace weft::proxy {

struct ExchangeExtras final : SlabAllocated<ExchangeExtras> {
  ExchangeExtras(Timers& timers, TimerSink& sink) : timer(timers, sink) {}

  // Null: only the listener asks for something. Lives in the table.
  const config::RouteExtras* settings = nullptr;

  // An answer of ours that the table of replies does not have, or not so.
  std::optional<LocalReply> reply;
  Duration retry_after{0};
  const config::RateLimit* limit = nullptr;  // that refused

  Injection faults;
  FaultSwitch::Active active;
  bool delayed = false;
  TimePoint delay_end{};
  std::optional<SlowBody> slow;
  telemetry::LabelId fault_label = telemetry::LabelId::kEmpty;

  std::vector<std::unique_ptr<Mirror::Feed>> mirrors;
  std::string_view cors_origin;     // of an actual request that is allowed; in the request's arena
  std::string_view fell_back_from;  // why somebody else answers; empty: nobody does

  Timer timer;  // the delay's, then the slow body's
};

}  // namespace weft::proxy
