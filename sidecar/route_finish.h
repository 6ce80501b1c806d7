#pragma once
// RouteFinish: what a RouteConfig gets on its way to the workers: numbers for the names that
// metrics and logs show, and the counts of its rate limits, which the next version of the same
// limit takes over.
//
// Owner: Publisher. Thread: main loop; the counts themselves are every worker's.

#include <map>
#include <memory>
#include <string>

#include "sidecar/config/listener_config.h"
#include "sidecar/core/random.h"
#include "sidecar/core/rate_limiter.h"

namespace weft::sidecar {

class RouteFinish final {
 public:
  // `where`: the listener that the routes stand in, empty for those with a name of their own.
  void finish(config::RouteConfig& routes, const std::string& where);
  // The names of a listener's own faults.
  static void finish(config::ListenerConfig& listener);

 private:
  [[nodiscard]] std::shared_ptr<RateLimiter> limiter_of(const std::string& key,
                                                        const config::RateLimit& limit);

  Random random_ = Random::from_system();
  std::map<std::string, std::weak_ptr<RateLimiter>> limiters_;
};

}  // namespace weft::sidecar
