#include "sidecar/self_metrics.h"

#include <algorithm>

#include "sidecar/core/log.h"

namespace weft::sidecar {

namespace {

using telemetry::Family;
using enum telemetry::MetricType;

constexpr Family kConnected{"weft_control_plane_connected", kGauge,
                            "Whether the stream to the control plane is open."};
constexpr Family kAttempts{"weft_control_plane_dials_total", kCounter,
                           "Times the control plane was dialled."};
constexpr Family kUpdates{"weft_config_updates_total", kCounter,
                          "Responses of the control plane: accepted whole, or refused in part."};
constexpr Family kUnknownFields{"weft_config_unknown_fields_total", kCounter,
                                "Fields of resources that this version does not know."};
constexpr Family kRenewals{"weft_certificate_renewals_total", kCounter,
                           "Certificates of our own identity asked for, by result."};

constexpr Family kLogLinesLost{"weft_log_lines_lost_total", kCounter,
                               "Lines of the log that found its queue full."};

constexpr Family kAdminRefused{"weft_admin_connections_refused_total", kCounter,
                               "Connections to the admin pages that were one too many."};

std::int64_t seconds_of(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

void catch_up(Counter& counter, std::uint64_t now) {
  counter.add(now - std::min(now, counter.value()));
}

}  // namespace

SelfMetrics::SelfMetrics(telemetry::Registry& registry, telemetry::ProxyMetrics& shard)
    : shard_(shard), figures_(registry) {
  figures_.add({{kConnected, {}, connected_},
                {kAttempts, {}, attempts_},
                {kUpdates, {{"result", "accepted"}}, accepted_},
                {kUpdates, {{"result", "refused"}}, refused_},
                {kUnknownFields, {}, unknown_fields_},
                {kRenewals, {{"result", "ok"}}, renewed_},
                {kRenewals, {{"result", "failed"}}, not_renewed_},
                {kLogLinesLost, {}, log_lines_lost_},
                {kAdminRefused, {}, admin_refused_}});
}

void SelfMetrics::update(const Sources& sources) {
  catch_up(log_lines_lost_, log_lines_dropped());
  if (sources.admin != nullptr) catch_up(admin_refused_, sources.admin->refused());
  if (sources.xds != nullptr) {
    sources.xds->count(shard_);
    update_xds(*sources.xds);
  }
  if (sources.identity != nullptr) update_identity(*sources.identity);
  if (sources.memory != nullptr) update_memory(sources.memory->reading());
}

void SelfMetrics::update_xds(const XdsSource& xds) {
  const xds::AdsClient::Stats& stats = xds.client().stats();
  connected_.set(stats.connected ? 1 : 0);
  catch_up(attempts_, stats.attempts);
  catch_up(accepted_, stats.updates);
  catch_up(refused_, stats.rejected);
  catch_up(unknown_fields_, stats.unknown_fields);
}

void SelfMetrics::update_identity(const Identity& identity) {
  const Identity::Stats stats = identity.stats();
  catch_up(renewed_, stats.renewals);
  catch_up(not_renewed_, stats.failures);
  if (!identity.ready()) return;
  shard_.certificate_expiry(telemetry::CertificateKind::kLeaf).set(seconds_of(stats.not_after));
  shard_.certificate_expiry(telemetry::CertificateKind::kRoot).set(seconds_of(stats.roots_expire));
}

void SelfMetrics::update_memory(const MemoryReading& now) {
  using telemetry::SelfLimit;
  shard_.self_limit_in_use(SelfLimit::kMemoryBytes).set(static_cast<std::int64_t>(now.used));
  shard_.self_limit_max(SelfLimit::kMemoryBytes).set(static_cast<std::int64_t>(now.limit));
}

}  // namespace weft::sidecar
