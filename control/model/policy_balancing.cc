#include "control/model/policy_balancing.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "control/model/names.h"
#include "control/model/policy_block.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

// RFC 6265 4.1.1: a token, as parameters are.
std::string check_cookie_name(std::string_view text) {
  return check_query_name(text).empty() ? std::string() : "must be a cookie's name";
}

struct HashName {
  std::string_view key;
  RequestHash::Of of;
  Check check;
};
constexpr std::array<HashName, 3> kHashNames = {
    {{"header", RequestHash::Of::kHeader, check_header_name},
     {"cookie", RequestHash::Of::kCookie, check_cookie_name},
     {"query", RequestHash::Of::kQuery, check_query_name}}};
constexpr std::array<std::pair<std::string_view, RequestHash::Of>, 2> kHashParts = {
    {{"path", RequestHash::Of::kPath}, {"source", RequestHash::Of::kSource}}};

RequestHash read_hash(Reader& in) {
  RequestHash out;
  int found = 0;
  for (const HashName& one : kHashNames) {
    if (!in.has(one.key)) continue;
    ++found;
    out.of = one.of;
    in.text(one.key, out.name, one.check);
  }
  for (const auto& [key, of] : kHashParts) {
    if (!in.has(key)) continue;
    ++found;
    out.of = of;
    bool yes = true;
    if (in.boolean(key, yes) && !yes) in.refuse(key, "want true, or another one in its place");
  }
  in.rule(
      "[has(self.header), has(self.cookie), has(self.query), has(self.path), "
      "has(self.source)].filter(x, x).size() == 1",
      "want one of header, cookie, query, path, source");
  for (const auto& [key, of] : kHashParts) {
    in.rule_of(key, "self", "want true, or another one in its place");
  }
  in.rule_of("boundedLoad", "!self.matches('^0*[0-9]{1,2}([.][0-9]+)?%$')",
             "want 100% to 1000%: a share of the average load");
  if (found != 1) in.refuse("want one of header, cookie, query, path, source");
  double bound = 0;
  if (in.percent("boundedLoad", bound, 1000)) {
    if (bound < 100) in.refuse("boundedLoad", "want 100% to 1000%: a share of the average load");
    out.bounded_load = static_cast<std::uint32_t>(std::lround(bound));
  }
  return out;
}

SuccessRate read_success_rate(Reader& in) {
  SuccessRate out{.on = true};
  in.boolean("enabled", out.on);
  in.number("factor", out.factor, 0.1, 100);
  in.integer("minInstances", out.instances_min, 2, PolicyBlock::kManyMax);
  in.integer("minRequests", out.requests_min, 1, PolicyBlock::kManyMax);
  return out;
}

FailurePercent read_failure_percent(Reader& in) {
  FailurePercent out{.on = true};
  in.boolean("enabled", out.on);
  double threshold = 0;
  in.rule_of("threshold", "self.matches('^0*[1-9][0-9]{0,2}([.]0*)?%$')",
             "want a whole percentage from 1% to 100%");
  if (in.percent("threshold", threshold)) {
    out.threshold = static_cast<std::uint32_t>(threshold);
    if (threshold < 1 || static_cast<double>(out.threshold) != threshold) {
      in.refuse("threshold", "want a whole percentage from 1% to 100%");
    }
  }
  in.integer("minInstances", out.instances_min, 1, PolicyBlock::kManyMax);
  in.integer("minRequests", out.requests_min, 1, PolicyBlock::kManyMax);
  return out;
}

}  // namespace

void read_balancer_block(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.choice("type", kDestination, out.balancing,
            {{"PeakEwma", Balancing::kPeakEwma},
             {"RoundRobin", Balancing::kRoundRobin},
             {"Random", Balancing::kRandom},
             {"LeastRequest", Balancing::kLeastRequest},
             {"RingHash", Balancing::kRingHash},
             {"Maglev", Balancing::kMaglev}});
  in.whole("hash", kDestination, out.hash, read_hash);
  in.choice("locality", kDestination, out.locality,
            {{"Auto", LocalityChoice::kAuto},
             {"OwnZone", LocalityChoice::kOwnZone},
             {"Any", LocalityChoice::kAny}});
  in.percent("panicBelow", kDestination, out.panic_below);
  in.duration("slowStart", kDestination, out.slow_start, true, PolicyBlock::kHour);
  in.reader().rule("!has(self.type) || !(self.type in ['RingHash', 'Maglev']) || has(self.hash)",
                   "RingHash and Maglev need hash: what of a request leads it to its instance");
  // Both may come from different documents; one that says the first alone has forgotten the other.
  if (out.balancing.value && hashes(*out.balancing.value) && !out.hash.value) {
    in.reader().refuse("type", fmt::format("{} needs hash: what of a request leads it to its "
                                           "instance (header, cookie, query, path or source)",
                                           describe(*out.balancing.value)));
  }
}

void read_outlier_block(PolicyBlock& in, PolicyFields& out) {
  using enum PolicySide;
  in.number("gatewayErrors", kDestination, out.gateway_errors, 0, PolicyBlock::kManyMax);
  in.number("localFailures", kDestination, out.local_failures, 0, PolicyBlock::kManyMax);
  in.number("errors5xx", kDestination, out.errors_5xx, 0, PolicyBlock::kManyMax);
  in.duration("interval", kDestination, out.ejection_interval, false, PolicyBlock::kHour);
  in.duration("ejectFor", kDestination, out.eject_for, false, PolicyBlock::kDay);
  in.duration("maxEjectFor", kDestination, out.max_eject_for, false, PolicyBlock::kDay);
  in.reader().rule(
      "!has(self.ejectFor) || !has(self.maxEjectFor) || duration(self.ejectFor) <= "
      "duration(self.maxEjectFor)",
      "maxEjectFor must not be less than ejectFor");
  if (out.eject_for.value && out.max_eject_for.value &&
      *out.eject_for.value > *out.max_eject_for.value) {
    in.reader().refuse("maxEjectFor", "must not be less than ejectFor");
  }
  in.whole_percent("maxEjected", kDestination, out.max_ejected);
  in.whole("successRate", kDestination, out.success_rate, read_success_rate);
  in.whole("failurePercent", kDestination, out.failure_percent, read_failure_percent);
}

std::string describe(Balancing value) {
  switch (value) {
    case Balancing::kPeakEwma:
      return "PeakEwma";
    case Balancing::kRoundRobin:
      return "RoundRobin";
    case Balancing::kRandom:
      return "Random";
    case Balancing::kLeastRequest:
      return "LeastRequest";
    case Balancing::kRingHash:
      return "RingHash";
    case Balancing::kMaglev:
      return "Maglev";
  }
  return {};
}

bool hashes(Balancing value) {
  return value == Balancing::kRingHash || value == Balancing::kMaglev;
}

bool starts_slowly(Balancing value) { return !hashes(value) && value != Balancing::kRandom; }

std::string describe(LocalityChoice value) {
  switch (value) {
    case LocalityChoice::kAuto:
      return "Auto";
    case LocalityChoice::kOwnZone:
      return "OwnZone";
    case LocalityChoice::kAny:
      return "Any";
  }
  return {};
}

std::string describe(const RequestHash& value) {
  std::string out = "none";
  for (const HashName& one : kHashNames) {
    if (value.of == one.of) out = fmt::format("{} {}", one.key, escape(value.name, 64));
  }
  for (const auto& [key, of] : kHashParts) {
    if (value.of == of) out = key;
  }
  if (value.bounded_load != 0) out += fmt::format(", boundedLoad {}%", value.bounded_load);
  return out;
}

std::string describe(const SuccessRate& value) {
  if (!value.on) return "off";
  return fmt::format("mean - {} deviations, of {} instances with {} requests", value.factor,
                     value.instances_min, value.requests_min);
}

std::string describe(const FailurePercent& value) {
  if (!value.on) return "off";
  return fmt::format("{}%, of {} instances with {} requests", value.threshold, value.instances_min,
                     value.requests_min);
}

}  // namespace weft::control
