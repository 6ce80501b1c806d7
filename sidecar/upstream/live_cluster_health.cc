// Which endpoints of a cluster may be used now: ejection, return, slow start.

#include <algorithm>

#include "sidecar/upstream/live_cluster.h"
#include "sidecar/upstream/outlier_sweep.h"
#include "sidecar/upstream/slow_start.h"
#include "sidecar/upstream/unused_cluster.h"

namespace weft::upstream {

namespace {

// An endpoint that starts slowly gains its weight in so many steps, none shorter than that.
constexpr int kSlowStartSteps = 64;
constexpr Duration kSlowStartStepMin = std::chrono::milliseconds(50);

}  // namespace

// ---- what is known of one endpoint ----

bool LiveCluster::check_fails(const LiveEndpoint& endpoint) const {
  using Checked = LiveEndpoint::Checked;
  return config_->health_check != nullptr && endpoint.config().checked &&
         (endpoint.checked() == Checked::kFails || endpoint.checked() == Checked::kPending);
}

EndpointGroups::State LiveCluster::state_of(const LiveEndpoint& endpoint) const {
  using Health = config::Endpoint::Health;
  using State = EndpointGroups::State;
  const bool out = endpoint.ejected() || check_fails(endpoint);
  switch (endpoint.config().health) {
    case Health::kHealthy:
      return out ? State::kEjected : State::kReady;
    case Health::kDegraded:
      return out ? State::kEjected : State::kDegraded;
    case Health::kDraining:
      return State::kDraining;
    case Health::kUnhealthy:
      break;
  }
  return State::kNotReady;
}

std::string_view LiveCluster::name_of_state(const LiveEndpoint& endpoint) const {
  using Health = config::Endpoint::Health;
  if (endpoint.ejected()) return "ejected";
  const Health health = endpoint.config().health;
  const bool asked = health == Health::kHealthy || health == Health::kDegraded;
  if (asked && check_fails(endpoint)) {
    return endpoint.checked() == LiveEndpoint::Checked::kFails ? "failing_check" : "unchecked";
  }
  return name_of(health);
}

void LiveCluster::note_check(const SocketAddress& address, bool passes) {
  using Checked = LiveEndpoint::Checked;
  if (config_ == nullptr || config_->health_check == nullptr) return;
  for (const auto& endpoint : endpoints_) {
    if (endpoint->config().address != address) continue;
    endpoint->set_checked(passes ? Checked::kPasses : Checked::kFails);
    rebuild();
    return;
  }
}

// ---- all of them ----

namespace {

// Nobody is well: those that we ourselves keep out may be no worse than no answer at all
// (behaviour.md 6: never the last ready endpoint).
void use_whom_we_keep_out(std::vector<EndpointGroups::Member>& members) {
  using State = EndpointGroups::State;
  for (const EndpointGroups::Member& member : members) {
    if (member.state == State::kReady || member.state == State::kDegraded) return;
  }
  for (EndpointGroups::Member& member : members) {
    if (member.state == State::kEjected) member.state = State::kReady;
  }
}

}  // namespace

void LiveCluster::rebuild() {
  const TimePoint now = services_.turn.now();
  const config::SlowStart slow =
      config_ != nullptr ? config_->balancing.slow_start : config::SlowStart{};
  std::vector<EndpointGroups::Member> members;
  members.reserve(endpoints_.size());
  std::optional<TimePoint> change;
  const auto not_after = [&](TimePoint time) {
    if (!change || time < *change) change = time;
  };
  ejected_ = 0;
  for (const auto& endpoint : endpoints_) {
    const Duration since = now - endpoint->ready_since();
    members.push_back({.endpoint = endpoint.get(),
                       .state = state_of(*endpoint),
                       .share = slow_start_share(slow, since)});
    if (endpoint->ejected()) {
      ++ejected_;
      not_after(endpoint->outlier().until());
    } else if (since < slow.window) {
      not_after(now + std::max<Duration>(slow.window / kSlowStartSteps, kSlowStartStepMin));
    }
  }
  if (config_ != nullptr && config_->keep_last_ready) use_whom_we_keep_out(members);
  if (groups_ != nullptr) {
    EndpointGroups::Setting setting{.panic_percent = config_->panic_percent,
                                    .own_zone = services_.zone};
    if (endpoint_set_ != nullptr) {
      setting.localities = endpoint_set_->localities;
      setting.overprovisioning_percent = endpoint_set_->overprovisioning_percent;
    }
    groups_->set(members, setting, now);
  }
  if (change) {
    change_timer_.arm_at(*change);
  } else {
    change_timer_.cancel();
  }
  count_endpoints();
  update_gauges();
}

bool LiveCluster::has_ready_endpoint() const {
  using Health = config::Endpoint::Health;
  if (passes_on()) return true;
  return std::any_of(endpoints_.begin(), endpoints_.end(), [](const auto& endpoint) {
    const Health health = endpoint->config().health;
    return health == Health::kHealthy || health == Health::kDegraded;
  });
}

void LiveCluster::count_endpoints() {
  if (!metrics_) return;
  using telemetry::EndpointState;
  std::int64_t healthy = 0;
  std::int64_t unhealthy = 0;
  std::int64_t failing_check = 0;
  for (const auto& endpoint : endpoints_) {
    if (endpoint->ejected()) continue;
    const bool well = endpoint->config().health == config::Endpoint::Health::kHealthy;
    ++(check_fails(*endpoint) ? failing_check : well ? healthy : unhealthy);
  }
  metrics_->endpoints(EndpointState::kHealthy).set(healthy);
  metrics_->endpoints(EndpointState::kUnhealthy).set(unhealthy);
  metrics_->endpoints(EndpointState::kEjected).set(ejected_);
  metrics_->endpoints(EndpointState::kFailingCheck).set(failing_check);
  metrics_->endpoints(EndpointState::kDraining).set(static_cast<std::int64_t>(leaving_.size()));
}

bool LiveCluster::may_eject() const {
  const config::OutlierDetection& settings = *config_->outlier;
  if (settings.never_eject_last && groups_->available() <= 1) return false;
  if (ejected_ == 0 && settings.always_eject_one) return true;
  return (ejected_ + 1) * 100ULL <= std::uint64_t{settings.ejected_percent_max} * endpoints_.size();
}

void LiveCluster::eject(LiveEndpoint& endpoint, telemetry::EjectionReason reason) {
  endpoint.outlier().eject(*config_->outlier, services_.turn.now(), services_.random);
  metrics_->ejections(reason).add();
  rebuild();
}

void LiveCluster::return_the_ejected() {
  for (const auto& endpoint : endpoints_) {
    if (endpoint->ejected() && endpoint->outlier().until() <= services_.turn.now()) {
      endpoint->return_to_service();
    }
  }
  rebuild();
}

void LiveCluster::sweep() {
  sweep_timer_.arm(config_->outlier->interval);
  std::vector<LiveEndpoint*> in_service;
  std::vector<IntervalCount> counts;
  for (const auto& endpoint : endpoints_) {
    const IntervalCount count = endpoint->outlier().take_interval();
    if (endpoint->ejected()) continue;
    in_service.push_back(endpoint.get());
    counts.push_back(count);
  }
  const auto reasons = sweep_outliers(*config_->outlier, counts);
  for (std::size_t i = 0; i < reasons.size(); ++i) {
    if (reasons[i] && may_eject()) eject(*in_service[i], *reasons[i]);
  }
}

}  // namespace weft::upstream
