// The fields of a policy, block by block: what each may hold, and what is not there yet.

#include <limits>

#include "control/model/policy_block.h"
#include "control/model/traffic_policy.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

using Block = void (*)(PolicyBlock&, PolicyFields&);

void read_block(Reader& spec, std::string_view key, PolicySide widest, PolicyFields& out,
                Block read) {
  spec.object(key, [&](Reader& reader) {
    PolicyBlock block(reader, widest);
    read(block, out);
  });
}

constexpr std::uint32_t kIdleMax = 100;  // ClusterPolicy.min_idle_connections

void read_timeouts_block(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.duration("connect", kDestination, out.connect, false, PolicyBlock::kHour);
  in.duration("head", kRoute, out.head, true, PolicyBlock::kYear);
  in.duration("attempt", kRoute, out.attempt, true, PolicyBlock::kYear);
  in.duration("request", kRoute, out.request, true, PolicyBlock::kYear);
  in.duration("idle", kRoute, out.idle, true, PolicyBlock::kYear);
  in.duration("stream", kRoute, out.stream, true, PolicyBlock::kYear);
  in.reader().unsupported("adaptive");
  for (const char* part : {"attempt", "head"}) {
    in.reader().rule(
        fmt::format("!has(self.{0}) || !has(self.request) || duration(self.request) "
                    "== duration('0s') || duration(self.{0}) <= duration(self.request)",
                    part),
        fmt::format("{} must not be longer than request", part));
  }
  const auto longer = [](const Setting<Duration>& a, const Setting<Duration>& b) {
    const Duration most = b.value.value_or(Duration::zero());
    return most > Duration::zero() && a.value.value_or(Duration::zero()) > most;
  };
  if (longer(out.attempt, out.request)) {
    in.reader().refuse("attempt", "must not be longer than request");
  }
  if (longer(out.head, out.request)) {
    in.reader().refuse("head", "must not be longer than request");
  }
}

void read_when_full(PolicyBlock& in, Setting<WhenFull>& out) {
  in.choice("whenFull", PolicySide::kDestination, out,
            {{"Reject", WhenFull::kReject},
             {"DropLowest", WhenFull::kDropLowest},
             {"DropOldest", WhenFull::kDropOldest}});
}

void read_limits(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("connections", kDestination, out.connections, 1, PolicyBlock::kManyMax);
  in.number("requests", kDestination, out.requests, 1, PolicyBlock::kManyMax);
  in.number("pending", kDestination, out.pending, 1, PolicyBlock::kManyMax);
  in.duration("pendingTimeout", kDestination, out.pending_timeout, false, PolicyBlock::kHour);
  in.number("requestsPerConnection", kDestination, out.requests_per_connection, 0,
            std::numeric_limits<std::int32_t>::max());
  read_when_full(in, out.when_full);
  in.reader().unsupported("adaptive");
}

void read_connection(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.choice("protocol", kDestination, out.protocol,
            {{"Auto", UpstreamProtocol::kAuto},
             {"Http1", UpstreamProtocol::kHttp1},
             {"Http2", UpstreamProtocol::kHttp2}});
  in.duration("idleTimeout", kDestination, out.idle_timeout, false, PolicyBlock::kDay);
  in.duration("maxAge", kDestination, out.max_age, true, PolicyBlock::kDay);
  in.number("minIdle", kDestination, out.min_idle, 0, kIdleMax);
}

void read_priority(PolicyBlock& in, std::string_view key, PolicySide side,
                   Setting<config::Priority>& out) {
  in.choice(key, side, out,
            {{"Critical", config::Priority::kCritical},
             {"High", config::Priority::kHigh},
             {"Normal", config::Priority::kNormal},
             {"Low", config::Priority::kLow}});
}

void read_inbound_priority(Reader& reader, PolicyFields& out) {
  using enum PolicySide;
  PolicyBlock priority(reader, kDestination);
  read_priority(priority, "default", kDestination, out.inbound_priority);
  read_priority(priority, "max", kDestination, out.inbound_priority_max);
  if (priority.mine("trustFrom", kDestination)) {
    priority.keep("trustFrom", read_priority_trust(reader), out.priority_trust);
  }
  const auto& usual = out.inbound_priority.value;
  if (usual && out.inbound_priority_max.value && *usual < *out.inbound_priority_max.value) {
    reader.refuse("max", "must not be lower than default");
  }
}

// What an instance's own sidecar lets in.
void read_inbound(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  if (in.mine("limits", kDestination)) {
    in.reader().object("limits", [&](Reader& reader) {
      PolicyBlock limits(reader, kDestination);
      limits.number("connections", kDestination, out.inbound_connections, 1, PolicyBlock::kManyMax);
      limits.number("requests", kDestination, out.inbound_requests, 1, PolicyBlock::kManyMax);
      limits.number("pending", kDestination, out.inbound_pending, 1, PolicyBlock::kManyMax);
      limits.duration("pendingTimeout", kDestination, out.inbound_pending_timeout, false,
                      PolicyBlock::kHour);
      read_when_full(limits, out.inbound_when_full);
    });
  }
  if (in.mine("rateLimits", kDestination)) {
    in.keep("rateLimits", read_rate_limits(in.reader()), out.rate_limits);
  }
  if (in.mine("priority", kDestination)) {
    in.reader().object("priority", [&](Reader& reader) { read_inbound_priority(reader, out); });
  }
}

}  // namespace

void read_policy_fields(Reader& spec, PolicySide widest, PolicyFields& out) {
  read_block(spec, "timeouts", widest, out, read_timeouts_block);
  read_block(spec, "retry", widest, out, read_retry_block);
  read_block(spec, "retryBudget", widest, out, read_budget_block);
  PolicyBlock whole(spec, widest);
  whole.whole("circuitBreaker", PolicySide::kDestination, out.breaker, read_circuit_breaker);
  read_block(spec, "outlier", widest, out, read_outlier_block);
  read_block(spec, "limits", widest, out, read_limits);
  read_block(spec, "loadBalancer", widest, out, read_balancer_block);
  read_block(spec, "connection", widest, out, read_connection);
  whole.whole("health", PolicySide::kDestination, out.health, read_health);
  whole.choice("emptyBackend", PolicySide::kRoute, out.empty_backend,
               {{"Redistribute", EmptyBackend::kRedistribute}, {"Fail", EmptyBackend::kFail}});
  read_priority(whole, "priority", PolicySide::kRoute, out.priority);
  whole.whole("fallback", PolicySide::kRoute, out.fallback, read_fallback);
  if (whole.mine("faults", PolicySide::kRoute)) {
    whole.keep("faults", read_faults(spec), out.faults);
  }
  read_block(spec, "inbound", widest, out, read_inbound);
  spec.unsupported("hedge");
}

}  // namespace weft::control
