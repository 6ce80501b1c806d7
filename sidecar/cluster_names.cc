#include "sidecar/cluster_names.h"

#include <algorithm>
#include <utility>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

net::DnsFamily family_of(config::ClusterConfig::DnsFamily family) {
  switch (family) {
    case config::ClusterConfig::DnsFamily::kAuto:
      return net::DnsFamily::kAuto;
    case config::ClusterConfig::DnsFamily::kV4:
      return net::DnsFamily::kV4;
    case config::ClusterConfig::DnsFamily::kV6:
      return net::DnsFamily::kV6;
    case config::ClusterConfig::DnsFamily::kV4Preferred:
      return net::DnsFamily::kV4Preferred;
    case config::ClusterConfig::DnsFamily::kAll:
      return net::DnsFamily::kAll;
  }
  return net::DnsFamily::kAuto;
}

bool same_names(const config::ClusterConfig& a, const config::ClusterConfig& b) {
  return a.discovery == b.discovery && a.dns_refresh == b.dns_refresh &&
         a.dns_family == b.dns_family && a.dns_targets == b.dns_targets;
}

}  // namespace

class ClusterNames::Followed final : public TimerSink {
 public:
  Followed(ClusterNames& names, std::shared_ptr<const config::ClusterConfig> config)
      : names_(names), config_(std::move(config)), refresh_(names.loop_.timers(), *this) {
    for (const config::ClusterConfig::DnsTarget& target : config_->dns_targets)
      targets_.push_back(std::make_unique<Target>(*this, target));
    ask();
  }

  [[nodiscard]] bool follows(const config::ClusterConfig& config) const {
    return same_names(*config_, config);
  }
  void on_timer(Timer&) override { ask(); }

 private:
  struct Target final : net::QueryHolder {
    Target(Followed& in, const config::ClusterConfig::DnsTarget& what) : owner(in), target(what) {}
    void on_resolved(const net::Resolved& resolved) override {
      addresses = resolved.addresses;
      std::sort(addresses.begin(), addresses.end());
      owner.on_answer(*this);
    }
    void on_not_resolved(const Error& error) override {
      WEFT_LOG_LIMITED(kWarn, "cluster {}: {}: {}", owner.config_->name, escape(target.host),
                       to_string(error));
      owner.on_answer(*this);
    }
    Followed& owner;
    const config::ClusterConfig::DnsTarget& target;
    std::vector<IpAddress> addresses;
    std::unique_ptr<net::Resolver::Query> query;
  };

  void ask() {
    waiting_ = targets_.size();
    for (const std::unique_ptr<Target>& target : targets_) {
      target->query =
          names_.resolver_.resolve(target->target.host, family_of(config_->dns_family), *target);
    }
  }

  void on_answer(Target& target) {
    names_.loop_.turn().retire(std::move(target.query));
    if (--waiting_ != 0) return;
    refresh_.arm(std::max<Duration>(config_->dns_refresh, std::chrono::milliseconds(100)));
    std::vector<config::Endpoint> now = endpoints();
    if (told_ && now == endpoints_) return;
    told_ = true;
    endpoints_ = now;
    config::EndpointSet set{.cluster = config_->name, .endpoints = std::move(now)};
    set.version = "dns " + std::to_string(++version_);
    names_.owner_.on_resolved_endpoints(std::move(set));
  }

  [[nodiscard]] std::vector<config::Endpoint> endpoints() const {
    std::vector<config::Endpoint> out;
    for (const std::unique_ptr<Target>& one : targets_) {
      for (const IpAddress& address : one->addresses) {
        config::Endpoint endpoint;
        endpoint.address = SocketAddress(address, one->target.port);
        endpoint.hostname = one->target.host;
        endpoint.weight = one->target.weight;
        endpoint.priority = one->target.priority;
        const bool known = std::any_of(out.begin(), out.end(), [&](const config::Endpoint& other) {
          return other.address == endpoint.address;
        });
        if (!known) out.push_back(std::move(endpoint));
      }
    }
    if (config_->discovery == config::ClusterConfig::Discovery::kLogicalDns && out.size() > 1) {
      const bool kept = endpoints_.size() == 1 &&
                        std::find(out.begin(), out.end(), endpoints_.front()) != out.end();
      out = {kept ? endpoints_.front() : out.front()};
    }
    return out;
  }

  ClusterNames& names_;
  const std::shared_ptr<const config::ClusterConfig> config_;
  std::vector<std::unique_ptr<Target>> targets_;
  std::vector<config::Endpoint> endpoints_;  // as told
  std::size_t waiting_ = 0;
  std::uint64_t version_ = 0;
  bool told_ = false;
  Timer refresh_;
};

ClusterNames::ClusterNames(net::Loop& loop, Owner& owner, net::Resolver::Options options)
    : loop_(loop), owner_(owner), resolver_(loop, std::move(options)) {}

ClusterNames::~ClusterNames() = default;

void ClusterNames::follow(const Clusters& clusters) {
  std::map<std::string, std::unique_ptr<Followed>, std::less<>> next;
  for (const auto& cluster : clusters) {
    const auto before = followed_.find(cluster->name);
    const bool goes_on = before != followed_.end() && before->second->follows(*cluster);
    next.emplace(cluster->name,
                 goes_on ? std::move(before->second) : std::make_unique<Followed>(*this, cluster));
  }
  followed_.swap(next);
}

}  // namespace weft::sidecar
