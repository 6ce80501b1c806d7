#include "sidecar/upstream/live_endpoint.h"

#include <algorithm>

#include "sidecar/upstream/endpoint_dial.h"
#include "sidecar/upstream/live_cluster.h"
#include "sidecar/upstream/session_key.h"

namespace weft::upstream {

namespace {

// What metrics say about who answers; nothing that was not configured is invented.
telemetry::PeerId peer_of(const config::Endpoint& settings,
                          const config::DestinationLabels& labels) {
  const auto id = [](std::string_view text) {
    return text.empty() ? telemetry::LabelId::kUnknown : telemetry::intern(text);
  };
  return telemetry::intern_peer({.workload = id(settings.workload),
                                 .workload_namespace = id(labels.service_namespace),
                                 .canonical_service = id(settings.canonical_service),
                                 .canonical_revision = id(settings.version),
                                 .principal = id(settings.identity)});
}

bool same_peer(const config::Endpoint& a, const config::Endpoint& b) {
  return a.workload == b.workload && a.canonical_service == b.canonical_service &&
         a.version == b.version && a.identity == b.identity;
}

}  // namespace

LiveEndpoint::LiveEndpoint(LiveCluster& cluster, Turn& turn, Connector& connector,
                           std::shared_ptr<const config::Endpoint> settings)
    : cluster_(cluster),
      turn_(turn),
      connector_(connector),
      settings_(std::move(settings)),
      address_text_(settings_->address.to_string()),
      session_(session_key(address_text_)),
      peer_(peer_of(*settings_, cluster.config().labels)),
      ready_since_(turn.now()),
      pool_(std::make_unique<Pool>(turn, *this)) {}

LiveEndpoint::~LiveEndpoint() = default;

void LiveEndpoint::set(std::shared_ptr<const config::Endpoint> settings) {
  using Health = config::Endpoint::Health;
  const auto ready = [](Health health) {
    return health == Health::kHealthy || health == Health::kDegraded;
  };
  if (ready(settings->health) && !ready(settings_->health)) ready_since_ = turn_.now();
  // To look for its numbers is most of what a push costs an endpoint that stays.
  const bool renamed = !same_peer(*settings, *settings_);
  settings_ = std::move(settings);
  if (renamed) name_peer();
}

void LiveEndpoint::name_peer() { peer_ = peer_of(*settings_, cluster_.config().labels); }

void LiveEndpoint::return_to_service() {
  outlier_.return_to_service(turn_.now());
  ready_since_ = turn_.now();
}

void LiveEndpoint::set_checked(Checked checked) {
  const bool comes_back =
      checked == Checked::kPasses && checked_ != Checked::kAssumed && checked_ != Checked::kPasses;
  checked_ = checked;
  if (comes_back) ready_since_ = turn_.now();
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
  pool_->keep_idle(0);
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

std::unique_ptr<Dial> LiveEndpoint::dial_alone(const Caller& caller, DialHolder& holder,
                                               Bytes bytes) {
  const config::ClusterConfig& config = cluster_.config();
  DialWishes wishes{.plain = in_the_clear(), .raw = bytes == Bytes::kRaw && config.mesh_peer};
  if (source_ != nullptr) wishes.transparent_source = source_.get();
  if (config.known_destinations) wishes.identity = settings_->identity.str();
  return dial_endpoint(turn_, connector_, config, settings_->address, cluster_.tls(), caller,
                       holder, wishes);
}

bool LiveEndpoint::in_the_clear() const {
  return cluster_.config().known_destinations && settings_->identity.empty();
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
  options.codec.secured = config.tls.has_value() && !in_the_clear();
  options.timeouts.idle = config.http.idle_timeout;
  return options;
}

bool LiveEndpoint::multiplexes() const {
  const config::UpstreamHttp::Protocol protocol = cluster_.config().http.protocol;
  return protocol == config::UpstreamHttp::Protocol::kHttp2;
}

bool LiveEndpoint::spent(std::uint64_t handed_out) {
  const std::uint64_t max = cluster_.config().http.requests_per_connection_max;
  return (max != 0 && handed_out >= max) || cluster_.gives_place_away();
}

Duration LiveEndpoint::connection_age() {
  const config::UpstreamHttp& http = cluster_.config().http;
  const Duration age = http.connection_age_max;
  if (age <= Duration::zero() || http.connection_age_jitter_percent <= 0) return age;
  const double more = http.connection_age_jitter_percent / 100 * cluster_.random().unit();
  return age + Duration(static_cast<std::int64_t>(static_cast<double>(age.count()) * more));
}

void LiveEndpoint::keep_warm() {
  using Health = config::Endpoint::Health;
  const bool ready =
      settings_->health == Health::kHealthy || settings_->health == Health::kDegraded;
  pool_->keep_idle(ready && !leaving_ ? cluster_.config().http.idle_connections_min : 0);
}

Duration LiveEndpoint::pending_timeout() const { return cluster_.config().limits.pending_timeout; }

bool LiveEndpoint::take_connection(bool needed) { return cluster_.take_connection(needed); }

void LiveEndpoint::give_connection() { cluster_.give_connection(); }

bool LiveEndpoint::take_pending(config::Priority priority) {
  return cluster_.take_pending(priority);
}

void LiveEndpoint::give_pending(Duration waited, Pool::Left why) {
  cluster_.give_pending(waited, why);
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
