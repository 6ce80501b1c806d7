#include "sidecar/route_finish.h"

#include "telemetry/labels.h"

namespace weft::sidecar {

namespace {

std::uint32_t label_of(std::string_view name) {
  return static_cast<std::uint32_t>(telemetry::intern(name));
}

void label_faults(std::vector<config::FaultPolicy>& faults) {
  for (config::FaultPolicy& fault : faults) fault.label = label_of(fault.name);
}

}  // namespace

void RouteFinish::finish(config::RouteConfig& routes, const std::string& where) {
  for (config::VirtualHost& host : routes.virtual_hosts) {
    for (config::Route& route : host.routes) {
      route.label = label_of(route.name.empty() ? host.name : route.name);
      if (route.extras == nullptr) continue;
      config::RouteExtras extras = *route.extras;
      label_faults(extras.faults);
      for (config::RateLimit& limit : extras.rate_limits) {
        limit.label = label_of(limit.name);
        limit.limiter =
            limiter_of(where + "\n" + routes.name + "\n" + limit.scope + "\n" + limit.name, limit);
      }
      route.extras = std::make_shared<const config::RouteExtras>(std::move(extras));
    }
  }
  std::erase_if(limiters_, [](const auto& entry) { return entry.second.expired(); });
}

void RouteFinish::finish(config::ListenerConfig& listener) {
  for (config::FilterChain& chain : listener.chains) {
    if (auto* http = std::get_if<config::HttpSettings>(&chain.what)) label_faults(http->faults);
  }
  if (listener.default_chain == nullptr) return;
  config::FilterChain chain = *listener.default_chain;
  auto* http = std::get_if<config::HttpSettings>(&chain.what);
  if (http == nullptr || http->faults.empty()) return;
  label_faults(http->faults);
  listener.default_chain = std::make_shared<const config::FilterChain>(std::move(chain));
}

std::shared_ptr<RateLimiter> RouteFinish::limiter_of(const std::string& key,
                                                     const config::RateLimit& limit) {
  RateLimiter::Setting setting{
      .algorithm = limit.algorithm, .requests = limit.requests, .interval = limit.interval};
  if (limit.algorithm == RateLimiter::Algorithm::kTokenBucket) setting.burst = limit.burst;
  std::shared_ptr<RateLimiter> limiter = limiters_[key].lock();
  if (limiter == nullptr || limiter->setting() != setting) {
    limiter = RateLimiter::make(setting, random_.next());
    limiters_[key] = limiter;
  }
  return limiter;
}

}  // namespace weft::sidecar
