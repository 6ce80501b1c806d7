#include "sidecar/upstream/live_endpoint.h"

#include <algorithm>

#include "sidecar/upstream/endpoint_dial.h"
#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

// What metrics say about who answers; nothing that was not configured is invented.
telemetry::PeerId peer_of(const config::Endpoint& settings,
                          const config::DestinationLabels& labels) {
  const auto id = [](const std::string& text) {
    return text.empty() ? telemetry::LabelId::kUnknown : telemetry::intern(text);
  };
  return telemetry::intern_peer({.workload = id(settings.workload),
                                 .workload_namespace = id(labels.service_namespace),
                                 .canonical_service = id(settings.canonical_service),
                                 .canonical_revision = id(settings.version),
                                 .principal = id(settings.identity)});
}

}  // namespace

LiveEndpoint::LiveEndpoint(LiveCluster& cluster, Turn& turn, Connector& connector,
                           const config::Endpoint& settings)
    : cluster_(cluster),
      turn_(turn),
      connector_(connector),
      settings_(settings),
      address_text_(settings.address.to_string()),
      peer_(peer_of(settings, cluster.config().labels)),
      ready_since_(turn.now()),
      pool_(std::make_unique<Pool>(turn, *this)) {}

LiveEndpoint::~LiveEndpoint() = default;

void LiveEndpoint::set(const config::Endpoint& settings) {
  using Health = config::Endpoint::Health;
  const auto ready = [](Health health) {
    return health == Health::kHealthy || health == Health::kDegraded;
  };
  if (ready(settings.health) && !ready(settings_.health)) ready_since_ = turn_.now();
  settings_ = settings;
  peer_ = peer_of(settings_, cluster_.config().labels);
}

void LiveEndpoint::return_to_service() {
  outlier_.return_to_service(turn_.now());
  ready_since_ = turn_.now();
}

void LiveEndpoint::renew_pool() {
  std::unique_ptr<Pool> old = std::exchange(pool_, std::make_unique<Pool>(turn_, *this));
  Pool& leaver = *old;
  old_pools_.push_back(std::move(old));
  leaver.drain();
  if (leaver.empty()) on_pool_drained(leaver);
}

void LiveEndpoint::leave() {
  leaving_ = true;
  pool_->drain();
}

void LiveEndpoint::poke() {
  for (const auto& pool : old_pools_) {
    if (pool->waiting() != 0) pool->poke();
  }
  if (pool_->waiting() != 0) pool_->poke();
}

std::size_t LiveEndpoint::connections() const {
  std::size_t total = pool_->connections();
  for (const auto& pool : old_pools_) total += pool->connections();
  return total;
}

void LiveEndpoint::end_request() {
  load_.end();
  if (leaving_) cluster_.on_endpoint_idle(*this);
}

// ---- what the pool asks ----

std::unique_ptr<Dial> LiveEndpoint::dial(DialHolder& holder) { return dial_alone({}, holder); }

std::unique_ptr<Dial> LiveEndpoint::dial_alone(const Caller& caller, DialHolder& holder) {
  return dial_endpoint(turn_, connector_, cluster_.config(), settings_.address, cluster_.tls(),
                       caller, holder);
}

http::Protocol LiveEndpoint::protocol_of(const Transport& transport) const {
  switch (cluster_.config().http.protocol) {
    case config::UpstreamHttp::Protocol::kHttp2:
      return http::Protocol::kHttp2;
    case config::UpstreamHttp::Protocol::kAlpn:
      return transport.tls().alpn == "h2" ? http::Protocol::kHttp2 : http::Protocol::kHttp1;
    case config::UpstreamHttp::Protocol::kHttp1:
    case config::UpstreamHttp::Protocol::kAsDownstream:
      break;
  }
  return http::Protocol::kHttp1;
}

http::ConnectionOptions LiveEndpoint::connection_options() const {
  const config::ClusterConfig& config = cluster_.config();
  http::ConnectionOptions options;
  options.codec.limits = config.http.limits;
  options.codec.http2 = config.http.http2;
  options.codec.secured = config.tls.has_value();
  options.timeouts.idle = config.http.idle_timeout;
  return options;
}

bool LiveEndpoint::multiplexes() const {
  const config::UpstreamHttp::Protocol protocol = cluster_.config().http.protocol;
  return protocol == config::UpstreamHttp::Protocol::kHttp2;
}

std::uint64_t LiveEndpoint::requests_per_connection_max() const {
  return cluster_.config().http.requests_per_connection_max;
}

Duration LiveEndpoint::pending_timeout() const { return cluster_.config().limits.pending_timeout; }

bool LiveEndpoint::take_connection() {
  SharedCount& connections = cluster_.limits().connections;
  if (!connections.take(cluster_.config().limits.connections_max)) {
    cluster_.connection_limit_reached();
    return false;
  }
  telemetry::ClusterMetrics& metrics = cluster_.metrics();
  const auto in_use = static_cast<std::int64_t>(connections.value());
  metrics.limit_in_use(telemetry::LimitKind::kConnections).set(in_use);
  metrics.limit_high_water(telemetry::LimitKind::kConnections).raise(in_use);
  return true;
}

void LiveEndpoint::give_connection() {
  SharedCount& connections = cluster_.limits().connections;
  connections.give();
  cluster_.metrics()
      .limit_in_use(telemetry::LimitKind::kConnections)
      .set(static_cast<std::int64_t>(connections.value()));
  cluster_.connection_given();
}

bool LiveEndpoint::take_pending() {
  if (!cluster_.limits().pending.take(cluster_.config().limits.pending_max)) return false;
  cluster_.count_waiting(+1);
  return true;
}

void LiveEndpoint::give_pending(Duration waited) {
  cluster_.limits().pending.give();
  cluster_.count_waiting(-1);
  cluster_.metrics().queue.observe(waited);
}

void LiveEndpoint::on_pool_changed() { cluster_.update_gauges(); }

void LiveEndpoint::on_pool_drained(Pool& pool) {
  const auto found = std::find_if(old_pools_.begin(), old_pools_.end(),
                                  [&](const auto& old) { return old.get() == &pool; });
  if (found != old_pools_.end()) {
    turn_.retire(std::move(*found));
    old_pools_.erase(found);
  }
  if (leaving_) cluster_.on_endpoint_idle(*this);
}

}  // namespace weft::upstream
