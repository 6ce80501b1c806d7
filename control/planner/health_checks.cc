#include "control/planner/health_checks.h"

#include "control/planner/parts.h"

namespace weft::control {

namespace {

// Of the interval, so that callers do not ask all at once.
constexpr std::uint32_t kJitterPercent = 20;

}  // namespace

void set_health_checks(const PolicyHealth& health, const MeshService& service, bool http2,
                       envoy::config::cluster::v3::Cluster& out) {
  if (health.how == PolicyHealth::How::kNone) return;
  auto& check = *out.add_health_checks();
  set(*check.mutable_interval(), health.interval);
  set(*check.mutable_timeout(), health.timeout);
  // Envoy asks less often where there is no traffic, which is where nobody else would notice.
  set(*check.mutable_no_traffic_interval(), health.interval);
  check.set_interval_jitter_percent(kJitterPercent);
  check.mutable_healthy_threshold()->set_value(health.healthy);
  check.mutable_unhealthy_threshold()->set_value(health.unhealthy);
  switch (health.how) {
    case PolicyHealth::How::kHttp: {
      auto& http = *check.mutable_http_health_check();
      http.set_path(health.path);
      http.set_host(health.host.empty() ? service.host : health.host);
      if (http2) http.set_codec_client_type(envoy::type::v3::HTTP2);
      break;
    }
    case PolicyHealth::How::kGrpc:
      check.mutable_grpc_health_check()->set_service_name(health.service);
      check.mutable_grpc_health_check()->set_authority(service.host);
      break;
    case PolicyHealth::How::kTcp:
      check.mutable_tcp_health_check();
      break;
    case PolicyHealth::How::kNone:
      break;
  }
}

}  // namespace weft::control
