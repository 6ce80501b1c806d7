#include "sidecar/upstream/health_checks.h"

#include <unordered_map>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"
#include "sidecar/upstream/check_state.h"
#include "sidecar/upstream/endpoint_dial.h"
#include "sidecar/upstream/health_probe.h"
#include "sidecar/upstream/unused_cluster.h"

namespace weft::upstream {

// ---- one cluster ----

class HealthChecks::Group final {
 public:
  Group(HealthChecks& checks, const std::string& name)
      : checks_(checks), name_(name), limits_(checks.services_.limits.of(name)) {}

  void apply(const config::ClusterEntry& entry);

  HealthChecks& checks_;
  const std::string name_;
  std::shared_ptr<const config::ClusterConfig> config_;
  std::shared_ptr<const config::EndpointSet> endpoints_;
  std::shared_ptr<const tls::ClientContext> tls_;
  std::shared_ptr<SharedLimits> limits_;
  telemetry::Shard::ClusterRef metrics_;
  std::uint64_t version_ = 0;  // of config_: probes of another one are made anew
  std::unordered_map<SocketAddress, std::unique_ptr<Target>, SocketAddressHash> targets_;
};

// ---- one endpoint ----

class HealthChecks::Target final : public ProbeHolder,
                                   public Dialer,
                                   public TimerSink,
                                   public ListNode<Target> {
 public:
  Target(Group& group, const config::Endpoint& endpoint)
      : checks_(group.checks_),
        group_(group),
        endpoint_(endpoint),
        due_(checks_.services_.turn.timers(), *this) {
    ++checks_.targets_;
    const Duration jitter = group_.config_->health_check->first_jitter;
    due_.arm(Duration(static_cast<std::int64_t>(
        checks_.services_.random.below(static_cast<std::uint64_t>(jitter.count())))));
  }
  ~Target() override {
    --checks_.targets_;
    probe_.reset();
    if (under_way_) checks_.give_turn_back();
  }

  void set(const config::Endpoint& endpoint) {
    const bool same_address = endpoint_.check_authority == endpoint.check_authority &&
                              endpoint_.check_port == endpoint.check_port;
    endpoint_ = endpoint;
    if (!same_address) made_for_ = 0;
  }

  void begin() {
    under_way_ = true;
    if (probe_ == nullptr || made_for_ != group_.version_) make_probe();
    probe_->begin();
  }

  void on_timer(Timer&) override { checks_.ask_for_turn(*this); }

  std::unique_ptr<Dial> dial(DialHolder& holder) override {
    SocketAddress address = endpoint_.address;
    if (endpoint_.check_port != 0 && address.is_ip())
      address = SocketAddress(address.ip(), endpoint_.check_port);
    return dial_endpoint(checks_.services_.turn, checks_.services_.connector, *group_.config_,
                         address, group_.tls_, {}, holder);
  }

  void on_probed(Probed&& probed) override {
    const config::HealthCheck& settings = *group_.config_->health_check;
    group_.metrics_->health_checks(probed.what).add();
    const std::optional<bool> edge = state_.note(settings, probed.result);
    due_.arm(state_.next_in(settings, group_.limits_->used.load(std::memory_order_relaxed),
                            checks_.services_.random));
    under_way_ = false;
    if (!checks_.may_keep()) probe_->close_idle();
    if (edge) {
      tell(*edge, probed.why);
      checks_.owner_.on_checked(group_.name_, endpoint_.address, *edge);
    }
    checks_.give_turn_back();
  }

 private:
  void make_probe() {
    made_for_ = group_.version_;
    settings_ = group_.config_->health_check;
    std::string authority = endpoint_.check_authority.str();
    if (authority.empty()) authority = settings_->authority;
    if (authority.empty()) authority = group_.name_;
    probe_ = HealthProbe::make(checks_.services_.turn, *this, *settings_, std::move(authority),
                               group_.config_->tls.has_value(), *this);
  }

  void tell(bool passes, const std::string& why) const {
    if (passes) {
      WEFT_LOG_LIMITED(kInfo, "cluster {}: {} passes its health checks", escape(group_.name_),
                       endpoint_.address.to_string());
    } else {
      WEFT_LOG_LIMITED(kWarn, "cluster {}: {} fails its health checks: {}", escape(group_.name_),
                       endpoint_.address.to_string(), escape(why));
    }
  }

  HealthChecks& checks_;
  Group& group_;
  config::Endpoint endpoint_;
  CheckState state_;
  Timer due_;
  bool under_way_ = false;
  std::uint64_t made_for_ = 0;
  std::shared_ptr<const config::HealthCheck> settings_;  // the probe's
  std::unique_ptr<HealthProbe> probe_;
};

// ---- configuration ----

void HealthChecks::Group::apply(const config::ClusterEntry& entry) {
  if (config_ != entry.config) {
    config_ = entry.config;
    ++version_;
    tls_ = config_->tls ? checks_.owner_.tls_for_checks(*config_) : nullptr;
    metrics_ = checks_.services_.shard.acquire_cluster(
        telemetry::intern(counted_service(*config_)), telemetry::intern(counted_backend(*config_)));
  }
  if (endpoints_ == entry.endpoints || entry.endpoints == nullptr) return;
  endpoints_ = entry.endpoints;
  auto before = std::exchange(targets_, {});
  for (const config::Endpoint& endpoint : endpoints_->endpoints) {
    if (!endpoint.checked) continue;
    const auto old = before.find(endpoint.address);
    if (old == before.end()) {
      targets_.emplace(endpoint.address, std::make_unique<Target>(*this, endpoint));
    } else {
      old->second->set(endpoint);
      targets_.insert(before.extract(old));
    }
  }
}

HealthChecks::HealthChecks(const Services& services, Owner& owner)
    : services_(services), owner_(owner) {}

HealthChecks::~HealthChecks() { over_ = true; }

void HealthChecks::apply(const config::Snapshot& snapshot) {
  for (auto group = groups_.begin(); group != groups_.end();) {
    const auto found = snapshot.clusters.find(group->first);
    const bool stays =
        found != snapshot.clusters.end() && found->second.config->health_check != nullptr;
    group = stays ? std::next(group) : groups_.erase(group);
  }
  for (const auto& [name, entry] : snapshot.clusters) {
    if (entry.config->health_check == nullptr) continue;
    auto& group = groups_[name];
    if (group == nullptr) group = std::make_unique<Group>(*this, name);
    group->apply(entry);
  }
}

// ---- in turn ----

void HealthChecks::ask_for_turn(Target& target) {
  if (under_way_ >= kUnderWayMax) {
    if (!target.linked()) waiting_.push_back(target);
    return;
  }
  ++under_way_;
  target.begin();
}

void HealthChecks::give_turn_back() {
  --under_way_;
  Target* next = over_ ? nullptr : waiting_.pop_front();
  if (next == nullptr) return;
  ++under_way_;
  next->begin();
}

}  // namespace weft::upstream
