#include "sidecar/upstream/live_cluster.h"

#include <algorithm>

#include "sidecar/upstream/endpoints_by_address.h"
#include "sidecar/upstream/unused_cluster.h"

namespace weft::upstream {

namespace {

using telemetry::LimitKind;

LiveEndpoint& live(Endpoint& endpoint) { return static_cast<LiveEndpoint&>(endpoint); }

// Whether connections that were judged under `old` would be judged alike under `fresh`. A renewed
// leaf of our own changes nothing for them: old connections live on (behaviour.md 10).
bool same_trust(const config::TlsReference& old, const config::TlsReference& fresh) {
  if (old.settings != fresh.settings) return false;
  if (old.material == fresh.material || old.material == nullptr) return true;
  return fresh.material != nullptr && old.material->roots_pem == fresh.material->roots_pem;
}

// Whether connections made under `old` can go on serving under `fresh`.
bool same_connections(const config::ClusterConfig& old, const config::ClusterConfig& fresh) {
  return old.http.protocol == fresh.http.protocol && old.source == fresh.source &&
         old.keep_source == fresh.keep_source && old.proxy_header == fresh.proxy_header &&
         old.tls.has_value() == fresh.tls.has_value() &&
         (!old.tls || same_trust(*old.tls, *fresh.tls));
}

}  // namespace

LiveCluster::LiveCluster(const ClusterSet::Services& services, Owner& owner, std::string name)
    : services_(services),
      owner_(owner),
      name_(std::move(name)),
      limits_(services.limits.of(name_)),
      budget_({}, services.turn.now()),
      change_timer_(services.turn.timers(), *this),
      breaker_timer_(services.turn.timers(), *this),
      sweep_timer_(services.turn.timers(), *this) {
  if (services_.mailbox != nullptr) limits_->places.join(*services_.mailbox);
}

LiveCluster::~LiveCluster() {
  if (services_.mailbox != nullptr) limits_->places.leave(*services_.mailbox);
  // Pools give their places back as they die; nobody is to dial with them any more.
  making_room_ = true;
}

// ---- configuration ----

bool LiveCluster::is_as(const config::ClusterEntry& entry,
                        const std::shared_ptr<const tls::ClientContext>& tls) const {
  return config_ == entry.config && tls_ == tls &&
         (passes_on() || endpoint_set_ == entry.endpoints);
}

void LiveCluster::apply(const config::ClusterEntry& entry,
                        std::shared_ptr<const tls::ClientContext> tls) {
  removed_ = false;
  const bool connections_fit = config_ != nullptr && same_connections(*config_, *entry.config);
  const bool first = config_ == nullptr;
  tls_ = std::move(tls);
  // Most clusters of a push are as they were; they must not cost a thing.
  const bool configured = config_ != entry.config;
  if (configured) apply_config(entry.config, connections_fit || first);
  set_passes_on(passes_on());
  if (passes_on()) return;
  if (endpoint_set_ != entry.endpoints && entry.endpoints != nullptr) {
    endpoint_set_ = entry.endpoints;
    apply_endpoints(endpoint_set_);
  } else if (configured) {
    rebuild();
  }
}

void LiveCluster::apply_config(std::shared_ptr<const config::ClusterConfig> config,
                               bool connections_fit) {
  const bool new_balancer = config_ == nullptr || config_->balancing != config->balancing;
  const bool renamed =
      config_ != nullptr && config_->labels.service_namespace != config->labels.service_namespace;
  config_ = std::move(config);
  if (new_balancer) {
    groups_ = std::make_unique<EndpointGroups>(config_->balancing, services_.random);
  }
  if (config_->retry_budget) budget_.set(*config_->retry_budget);
  const config::DestinationLabels& names = config_->labels;
  const auto id = [](const std::string& text) {
    return text.empty() ? telemetry::LabelId::kUnknown : telemetry::intern(text);
  };
  labels_.service = telemetry::intern_service(
      {id(names.service), id(names.service_name), id(names.service_namespace)});
  labels_.backend = telemetry::intern(counted_backend(*config_));
  metrics_ = services_.shard.acquire_cluster(id(counted_service(*config_)), labels_.backend);
  tell_limits(config_->limits, *metrics_);
  if (renamed) {
    for (const auto& endpoint : endpoints_) endpoint->name_peer();
  }
  watch_breaker();
  if (!connections_fit) {
    for (const auto& endpoint : endpoints_) endpoint->renew_pool();
  }
  for (const auto& endpoint : endpoints_) endpoint->keep_warm();
  const bool sweeps =
      config_->outlier && (config_->outlier->success_rate || config_->outlier->failure_percent);
  if (!sweeps) {
    sweep_timer_.cancel();
  } else if (!sweep_timer_.armed()) {
    sweep_timer_.arm(config_->outlier->interval);
  }
  // Checks switched off: what they said is of no use when they come back.
  if (config_->health_check == nullptr) {
    for (const auto& endpoint : endpoints_) endpoint->set_checked(LiveEndpoint::Checked::kAssumed);
  }
  // Ejection switched off: nobody stays out.
  if (!config_->outlier) {
    for (const auto& endpoint : endpoints_) {
      if (endpoint->ejected()) endpoint->return_to_service();
    }
  }
}

void LiveCluster::apply_endpoints(const std::shared_ptr<const config::EndpointSet>& set) {
  std::vector<std::unique_ptr<LiveEndpoint>> next;
  next.reserve(set->endpoints.size());
  const bool others_pass = std::ranges::any_of(endpoints_, [](const auto& endpoint) {
    return endpoint->checked() == LiveEndpoint::Checked::kPasses;
  });
  EndpointsByAddress old(endpoints_);
  for (const config::Endpoint& one : set->endpoints) {
    // One copy for all workers: it lives as long as any endpoint of its set.
    std::shared_ptr<const config::Endpoint> wanted(set, &one);
    if (std::unique_ptr<LiveEndpoint> kept = old.take(one.address, next.size()); kept != nullptr) {
      next.push_back(std::move(kept));
      next.back()->set(std::move(wanted));
    } else {
      next.push_back(
          std::make_unique<LiveEndpoint>(*this, services_.turn, services_.connector, wanted));
      if (others_pass) next.back()->set_checked(LiveEndpoint::Checked::kPending);
    }
  }
  // New first, then the old ones go: those who wait at a leaving endpoint find the new ones when
  // they try again.
  std::vector<std::unique_ptr<LiveEndpoint>> leavers = std::exchange(endpoints_, std::move(next));
  rebuild();
  for (const auto& endpoint : endpoints_) endpoint->keep_warm();
  for (auto& endpoint : leavers) {
    if (endpoint == nullptr) continue;
    LiveEndpoint& leaver = *endpoint;
    leaving_.push_back(std::move(endpoint));
    leaver.leave();
  }
  bury_gone();
}

// Each time somebody begins or ends to use a connection: what changes then, and no more.
void LiveCluster::update_gauges() {
  if (!metrics_) return;
  using telemetry::PoolState;
  std::int64_t dialing = 0;
  std::int64_t connections = 0;
  for (const auto& endpoint : endpoints_) {
    dialing += static_cast<std::int64_t>(endpoint->pool().dialing());
    connections += static_cast<std::int64_t>(endpoint->connections());
  }
  metrics_->pool_connections(PoolState::kConnecting).set(dialing);
  const std::int64_t busy = std::min<std::int64_t>(active_, connections);
  metrics_->pool_connections(PoolState::kBusy).set(busy);
  metrics_->pool_connections(PoolState::kIdle).set(connections - busy);
}

void LiveCluster::remove() {
  if (std::exchange(removed_, true)) return;
  change_timer_.cancel();
  sweep_timer_.cancel();
  breaker_timer_.cancel();
  originals_.reset();
  std::vector<std::unique_ptr<LiveEndpoint>> old = std::exchange(endpoints_, {});
  endpoint_set_ = nullptr;
  rebuild();
  for (auto& endpoint : old) {
    LiveEndpoint& leaver = *endpoint;
    leaving_.push_back(std::move(endpoint));
    leaver.leave();
  }
  bury_gone();
}

void LiveCluster::drain() {
  for (const auto& endpoint : endpoints_) endpoint->pool().close_all_idle();
}

bool LiveCluster::gone() const {
  return removed_ && references_ == 0 && leaving_.empty() && active_ == 0;
}

void LiveCluster::bury_gone() {
  for (auto& endpoint : leaving_) {
    if (endpoint->gone()) services_.turn.retire(std::move(endpoint));
  }
  std::erase(leaving_, nullptr);
  count_endpoints();
  if (gone()) owner_.on_cluster_gone(*this);
}

void LiveCluster::on_endpoint_idle(LiveEndpoint& endpoint) {
  if (endpoint.gone()) bury_gone();
}

void LiveCluster::unreference() {
  WEFT_ASSERT(references_ > 0);
  if (--references_ == 0 && gone()) owner_.on_cluster_gone(*this);
}

// ---- requests ----

Endpoint* LiveCluster::pick(const PickContext& context) {
  if (passes_on()) {
    const bool said =
        context.original_destination != nullptr && context.original_destination->is_ip();
    if (!said || removed_ || originals_ == nullptr) return nullptr;
    return original_destination(*context.original_destination, context.source);
  }
  if (context.session) {
    Endpoint* kept = find_session(*context.session);
    const bool tried =
        kept != nullptr && context.tried != nullptr && context.tried->contains(*kept);
    if (kept != nullptr && !tried) return kept;
  }
  return groups_->pick({.tried = context.tried,
                        .hash = context.hash,
                        .now = services_.turn.now(),
                        .active = active_});
}

Endpoint* LiveCluster::find_session(std::uint64_t session) {
  for (const auto& endpoint : endpoints_) {
    if (endpoint->session() != session) continue;
    const EndpointGroups::State state = state_of(*endpoint);
    const bool usable =
        state == EndpointGroups::State::kReady || state == EndpointGroups::State::kDegraded;
    return usable ? endpoint.get() : nullptr;
  }
  return nullptr;
}

Result<Permit> LiveCluster::admit(Endpoint& endpoint) {
  Breaker::Pass pass;
  if (config_->breaker) {
    note_transition(limits_->breaker.refresh(services_.turn.now()));
    pass = limits_->breaker.enter(*config_->breaker);
    if (!pass.held) {
      metrics_->refused(telemetry::Refusal::kCircuitOpen).add();
      // So short that it needs no memory: an open breaker refuses thousands a second.
      return fail(Fault::kCircuitOpen, "breaker open");
    }
  }
  if (!limits_->requests.take(config_->limits.requests_max)) {
    limits_->breaker.give_back(pass);
    metrics_->refused(telemetry::Refusal::kLimit).add();
    return fail(Fault::kLimit, "limits.requests (" + std::to_string(config_->limits.requests_max) +
                                   ") of " + name_);
  }
  ++active_;
  live(endpoint).load().begin(services_.turn.now());
  metrics_->limit_in_use(LimitKind::kRequests).set(active_);  // the page adds up the workers
  metrics_->limit_high_water(LimitKind::kRequests).raise(limits_->requests.value());
  return Permit(*this, endpoint, pass);
}

void LiveCluster::release(Endpoint& endpoint, Breaker::Pass& pass) {
  WEFT_ASSERT(active_ > 0);
  --active_;
  limits_->breaker.give_back(pass);
  limits_->requests.give();
  metrics_->limit_in_use(LimitKind::kRequests).set(active_);
  // May retire a leaving endpoint, and this cluster with it: last.
  live(endpoint).end_request();
}

Acquired LiveCluster::acquire(Endpoint& endpoint, TicketHolder& holder, config::Priority priority) {
  if (config_->proxy_header) {
    return Error{Fault::kNoEndpoint, Side::kLocal,
                 name_ + " sends a PROXY header for one caller, so it carries no HTTP"};
  }
  Acquired acquired = live(endpoint).acquire(holder, priority);
  if (std::holds_alternative<Error>(acquired)) metrics_->refused(telemetry::Refusal::kLimit).add();
  return acquired;
}

namespace {

// A tunnel's own connection: counted until the Dial fails or the Transport dies.
class CountedTransport final : public Transport {
 public:
  CountedTransport(std::unique_ptr<Transport> inner, std::shared_ptr<SharedLimits> limits)
      : inner_(std::move(inner)), limits_(std::move(limits)) {}
  ~CountedTransport() override { limits_->connections.give(); }
  void set_sink(Sink* sink) override { inner_->set_sink(sink); }
  void write(Buffer&& bytes) override { inner_->write(std::move(bytes)); }
  void flush() override { inner_->flush(); }
  void shutdown_write() override { inner_->shutdown_write(); }
  void abort() override { inner_->abort(); }
  void pause() override { inner_->pause(); }
  void resume() override { inner_->resume(); }
  [[nodiscard]] std::size_t buffered() const override { return inner_->buffered(); }
  [[nodiscard]] const SocketAddress& peer_address() const override {
    return inner_->peer_address();
  }
  [[nodiscard]] const SocketAddress& local_address() const override {
    return inner_->local_address();
  }
  [[nodiscard]] const TlsInfo& tls() const override { return inner_->tls(); }

 private:
  std::unique_ptr<Transport> inner_;
  std::shared_ptr<SharedLimits> limits_;
};

class CountedDial final : public Dial, public DialHolder {
 public:
  CountedDial(LiveEndpoint& endpoint, const Caller& caller, DialHolder& holder,
              std::shared_ptr<SharedLimits> limits)
      : holder_(holder), limits_(std::move(limits)) {
    inner_ = endpoint.dial_alone(caller, *this, LiveEndpoint::Bytes::kRaw);
  }
  ~CountedDial() override {
    if (limits_ != nullptr) limits_->connections.give();
  }
  void on_dialed(std::unique_ptr<Transport> transport) override {
    holder_.on_dialed(std::make_unique<CountedTransport>(std::move(transport), std::move(limits_)));
  }
  void on_dial_failed(const Error& error) override { holder_.on_dial_failed(error); }

 private:
  DialHolder& holder_;
  std::shared_ptr<SharedLimits> limits_;
  std::unique_ptr<Dial> inner_;
};

}  // namespace

Result<std::unique_ptr<Dial>> LiveCluster::dial(Endpoint& endpoint, const Caller& caller,
                                                DialHolder& holder) {
  limits_->used.store(true, std::memory_order_relaxed);
  if (!limits_->connections.take(config_->limits.connections_max)) {
    metrics_->refused(telemetry::Refusal::kLimit).add();
    return fail(
        Fault::kLimit,
        "limits.connections (" + std::to_string(config_->limits.connections_max) + ") of " + name_);
  }
  return std::make_unique<CountedDial>(live(endpoint), caller, holder, limits_);
}

void LiveCluster::count_request() {
  if (config_->retry_budget) budget_.count_request(services_.turn.now());
}

bool LiveCluster::admit_retry() {
  const bool admitted = config_->retry_budget ? budget_.admit(services_.turn.now())
                                              : limits_->retries.take(config_->limits.retries_max);
  if (!admitted) {
    metrics_->retries_denied(telemetry::RetryDenied::kBudget).add();
    return false;
  }
  // A budget counts beginnings; the number under way is kept for the gauge in both cases.
  if (config_->retry_budget) (void)limits_->retries.take(UINT32_MAX);
  const auto in_use = static_cast<std::int64_t>(limits_->retries.value());
  metrics_->limit_in_use(LimitKind::kRetries).set(in_use);
  metrics_->limit_high_water(LimitKind::kRetries).raise(in_use);
  return true;
}

void LiveCluster::retry_done() {
  limits_->retries.give();
  metrics_->limit_in_use(LimitKind::kRetries)
      .set(static_cast<std::int64_t>(limits_->retries.value()));
}

Status LiveCluster::admit_tunnel() {
  const std::uint32_t max = config_->limits.tunnels_max.value_or(UINT32_MAX);
  if (!limits_->tunnels.take(max)) {
    metrics_->refused(telemetry::Refusal::kLimit).add();
    return fail(Fault::kLimit, "limits.tunnels (" + std::to_string(max) + ") of " + name_);
  }
  metrics_->limit_in_use(LimitKind::kTunnels).set(++tunnels_);
  // Another worker may be about to take back what it took too much.
  metrics_->limit_high_water(LimitKind::kTunnels).raise(std::min(limits_->tunnels.value(), max));
  return {};
}

void LiveCluster::tunnel_done() {
  WEFT_ASSERT(tunnels_ > 0);
  limits_->tunnels.give();
  metrics_->limit_in_use(LimitKind::kTunnels).set(--tunnels_);
}

// ---- failures ----

void LiveCluster::heard(Endpoint& endpoint, Duration held) {
  live(endpoint).load().answered(services_.turn.now(), held);
}

void LiveCluster::note(Endpoint& endpoint, const Outcome& outcome, Breaker::Pass& pass) {
  if (pass.held && config_->breaker) {
    note_transition(limits_->breaker.note(*config_->breaker, pass, ending_of(outcome),
                                          services_.turn.now(), services_.random));
  }
  LiveEndpoint& one = live(endpoint);
  // A tenth of a microsecond that the other balancers have no use for.
  if (config_->balancing.kind == config::BalancerKind::kPeakEwma)
    one.load().sample(services_.turn.now(), outcome, config_->balancing.ewma_decay);
  if (outcome.verdict == Verdict::kSuccess || outcome.verdict == Verdict::kRateLimited)
    ++one.successes;
  else if (outcome.verdict != Verdict::kNeutral)
    ++one.failures;
  if (!config_->outlier || one.ejected()) return;
  const std::optional<telemetry::EjectionReason> reason =
      one.outlier().note(*config_->outlier, outcome.verdict);
  if (reason && may_eject()) eject(one, *reason);
}

// ---- ejection ----

void LiveCluster::on_timer(Timer& timer) {
  if (&timer == &breaker_timer_) {
    note_transition(limits_->breaker.refresh(services_.turn.now()));
    watch_breaker();
    return;
  }
  if (&timer == &sweep_timer_) return sweep();
  if (originals_ != nullptr && &timer == &originals_->sweep) return sweep_originals();
  return_the_ejected();
}

ClusterSet::ClusterState LiveCluster::describe() const {
  ClusterSet::ClusterState state;
  state.name = name_;
  state.version = config_->version;
  state.active_requests = active_;
  state.pending = waiting_;
  if (config_->breaker) {
    const Breaker& breaker = limits_->breaker;
    const TimePoint now = services_.turn.now();
    state.breaker = {.state = std::string(name_of(breaker.state())),
                     .counts = breaker.counts(*config_->breaker, now),
                     .open_for = breaker.time_left(now)};
  }
  for (const auto& endpoint : endpoints_) {
    ClusterSet::EndpointState one;
    one.address = endpoint->address_text();
    one.active_requests = endpoint->active_requests();
    one.connections = static_cast<std::uint32_t>(endpoint->connections());
    one.successes = endpoint->successes;
    one.failures = endpoint->failures;
    one.weight = endpoint->config().weight;
    one.latency = Duration(static_cast<std::int64_t>(
        endpoint->load().latency(services_.turn.now(), config_->balancing.ewma_decay)));
    one.state = name_of_state(*endpoint);
    state.connections += one.connections;
    state.endpoints.push_back(std::move(one));
  }
  return state;
}

}  // namespace weft::upstream
