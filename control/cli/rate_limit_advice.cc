// Advice on rate limits: one that another one of the same list makes pointless.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "control/cli/advice.h"
#include "control/model/policy_rate_limits.h"

namespace weft::control::cli {

namespace {

double seconds_of_limit(const PolicyRateLimit& limit) {
  return std::chrono::duration<double>(limit.interval).count();
}

double rate_of(const PolicyRateLimit& limit) { return limit.requests / seconds_of_limit(limit); }

std::uint32_t at_once(const PolicyRateLimit& limit) {
  return limit.burst == 0 ? limit.requests : limit.burst;
}

// How many it lets through in `seconds`, at most.
double most_in(const PolicyRateLimit& limit, double seconds) {
  return limit.sliding ? limit.requests * (std::floor(seconds / seconds_of_limit(limit)) + 1)
                       : at_once(limit) + rate_of(limit) * seconds;
}

// Whether whoever passes `first`, which counts all together, passes the other one as well.
bool leaves_nothing_to(const PolicyRateLimit& first, const PolicyRateLimit& other) {
  if (other.sliding) return other.requests >= most_in(first, seconds_of_limit(other));
  return at_once(other) >= at_once(first) && rate_of(other) >= rate_of(first);
}

}  // namespace

void advise_on_rate_limits(const PolicyFields& fields, const Metadata& about, Adviser& adviser) {
  if (!fields.rate_limits.value) return;
  const PolicyRateLimits& limits = *fields.rate_limits.value;
  for (const PolicyRateLimit& limit : limits) {
    const auto strictest = std::ranges::find_if(limits, [&](const PolicyRateLimit& other) {
      return &other != &limit && other.key == PolicyRateLimit::Key::kRoute &&
             (limit.key != PolicyRateLimit::Key::kRoute || &other < &limit) &&
             leaves_nothing_to(other, limit);
    });
    if (strictest == limits.end()) continue;
    adviser.say(about, fields.rate_limits.line,
                fmt::format("inbound.rateLimits {} refuses nobody: {} lets no more through, of all "
                            "together",
                            limit.name, strictest->name));
  }
}

}  // namespace weft::control::cli
