#include "telemetry/collect.h"

#include <charconv>

#include "telemetry/families.h"

namespace weft::telemetry {
namespace {

template <typename Enum, typename Metric>
void collect_each(const Family& family, std::string_view label, const ByEnum<Metric, Enum>& metrics,
                  MetricsPage& page, std::string_view before = {}) {
  for_each_value<Enum>([&](Enum value) {
    std::string labels(before);
    append_label(labels, label, name_of(value));
    page.add(family, labels, metrics(value));
  });
}

void append_number_label(std::string& out, std::string_view name, unsigned value) {
  std::array<char, 12> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  append_label(out, name, {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void append_peer(std::string& out, std::string_view prefix, const PeerLabels& peer) {
  const auto label = [&](std::string_view name, LabelId id) {
    out += out.empty() ? "" : ",";
    out += prefix;
    std::string rest;
    append_label(rest, name, text_of(id));
    out += rest;
  };
  label("_workload", peer.workload);
  label("_workload_namespace", peer.workload_namespace);
  label("_canonical_service", peer.canonical_service);
  label("_canonical_revision", peer.canonical_revision);
  label("_principal", peer.principal);
}

// An overflow series has only the class of its code.
void append_status(std::string& out, const SeriesKey& key) {
  if (key.status > 0 && key.status < 10) {
    append_label(out, "response_code", name_of(static_cast<ResponseClass>(key.status)));
  } else {
    append_number_label(out, "response_code", key.status);
  }
  if (key.grpc_status == SeriesKey::kNoGrpc) {
    append_label(out, "grpc_response_status", "");
  } else {
    append_number_label(out, "grpc_response_status", key.grpc_status);
  }
}

}  // namespace

std::string render_request_labels(const SeriesKey& key, RequestLabels which) {
  std::string out;
  out.reserve(768);
  append_label(out, "reporter", reporter_of(key.direction));
  append_peer(out, "source", labels_of(key.source));
  append_peer(out, "destination", labels_of(key.destination));
  const ServiceLabels& service = labels_of(key.service);
  append_label(out, "destination_service", text_of(service.host));
  append_label(out, "destination_service_name", text_of(service.name));
  append_label(out, "destination_service_namespace", text_of(service.name_space));
  append_label(out, "request_protocol", name_of(key.protocol));
  append_status(out, key);
  if (which == RequestLabels::kWithReason)
    append_label(out, "response_flags", key.flags.to_string());
  append_label(out, "connection_security_policy", name_of(key.security));
  if (which == RequestLabels::kWithReason) append_label(out, "cause", name_of(key.cause));
  return out;
}

void collect(const ClusterMetrics& metrics, const ClusterLabels& labels, MetricsPage& page) {
  using namespace families;
  const std::string both = render_labels(
      {{"destination_service", labels.destination_service}, {"backend", labels.backend}});
  collect_each(kAttempts, "result", metrics.attempts, page, both);
  collect_each(kRetries, "reason", metrics.retries, page, both);
  collect_each(kRetriesDenied, "reason", metrics.retries_denied, page, both);
  collect_each(kHedges, "result", metrics.hedges, page, both);
  collect_each(kMirrors, "result", metrics.mirrors, page, both);
  collect_each(kSessions, "result", metrics.sessions, page, both);
  page.add(kRedistributed, both, metrics.redistributed);
  collect_each(kFaults, "kind", metrics.faults, page, both);
  collect_each(kRefused, "cause", metrics.refused, page, both);
  collect_each(kHealthChecks, "result", metrics.health_checks, page, both);
  collect_each(kEjections, "reason", metrics.ejections, page, both);
  for_each_value<BreakerEdge>([&](BreakerEdge edge) {
    std::string text = both;
    append_label(text, "from", from_state_of(edge));
    append_label(text, "to", to_state_of(edge));
    page.add(kBreakerTransitions, text, metrics.breaker_transitions(edge));
  });
  page.add(kQueueSeconds, both, metrics.queue);
  if (!labels.in_use) return;
  collect_each(kEndpoints, "state", metrics.endpoints, page, both);
  page.add(kBreakerState, both, metrics.breaker_state);
  collect_each(kLimitInUse, "limit", metrics.limit_in_use, page, both);
  collect_each(kLimitHighWater, "limit", metrics.limit_high_water, page, both);
  collect_each(kLimitMax, "limit", metrics.limit_max, page, both);
  collect_each(kPoolConnections, "state", metrics.pool_connections, page, both);
}

void collect(const ProxyMetrics& metrics, MetricsPage& page) {
  using namespace families;
  for_each_value<HandshakeSide>([&](HandshakeSide side) {
    for_each_value<HandshakeResult>([&](HandshakeResult result) {
      const bool ok = result == HandshakeResult::kOk;
      page.add(kHandshakes,
               {{"side", name_of(side)},
                {"result", ok ? "ok" : "failed"},
                {"reason", ok ? "" : name_of(result)}},
               metrics.handshakes(side, result));
    });
  });
  for_each_value<DetectedProtocol>([&](DetectedProtocol protocol) {
    for_each_value<DetectedHow>([&](DetectedHow how) {
      page.add(kProtocolDetected, {{"protocol", name_of(protocol)}, {"how", name_of(how)}},
               metrics.protocol_detected(protocol, how));
    });
  });
  collect_each(kProxyHeaders, "result", metrics.proxy_headers, page);
  page.add(kDownstreamConnections, "", metrics.downstream_connections);
  collect_each(kDownstreamConnectionsTotal, "outcome", metrics.downstream_accepted, page);
  collect_each(kCors, "result", metrics.cors, page);
  page.add(kRetryBackoff, "", metrics.retry_backoff);
  collect_each(kUnknownDestinations, "result", metrics.unknown_destinations, page);
  collect_each(kOnDemand, "result", metrics.on_demand, page);
  page.add(kOnDemandWaiting, "", metrics.on_demand_waiting);
  page.add(kOnDemandDestinations, "", metrics.on_demand_destinations);
  page.add(kDescriptorShortages, "", metrics.descriptor_shortages);
  page.add(kRateLimitKeysShared, "", metrics.rate_limit_keys_shared);
  collect_each(kConnectionsEnded, "reason", metrics.downstream_ended, page);
  collect_each(kSelfLimitInUse, "limit", metrics.self_limit_in_use, page);
  collect_each(kSelfLimitHighWater, "limit", metrics.self_limit_high_water, page);
  collect_each(kSelfLimitMax, "limit", metrics.self_limit_max, page);
  collect_each(kOverloadActive, "action", metrics.overload_active, page);
  page.add(kLoopLag, "", metrics.loop_lag);
  collect_each(kTelemetryDropped, "signal", metrics.dropped, page);
  collect_each(kSeriesOverflow, "metric", metrics.series_overflow, page);
  page.add(kConfigGeneration, "", metrics.config_generation);
  page.add(kConfigLastAck, "", metrics.config_last_ack);
  collect_each(kConfigRejected, "type", metrics.config_rejected, page);
  collect_each(kCertificateExpiry, "kind", metrics.certificate_expiry, page);
}

}  // namespace weft::telemetry
