#include "tests/demo/judging.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace weft::demo {

namespace {

constexpr std::size_t kWordsTold = 3;

std::string_view version_of(const Sent& sent) {
  const std::string_view cart = sent.cart;  // "cart-v1-a"
  return cart.size() > 7 ? cart.substr(5, 2) : std::string_view{};
}

std::size_t seen_by_version(const Joined& joined, std::string_view version) {
  std::size_t out = 0;
  for (const auto& [instance, count] : joined.seen) {
    if (instance.starts_with(fmt::format("cart-{}-", version))) out += count;
  }
  return out;
}

}  // namespace

void judge_clean(const Joined& joined, Verdict& verdict) {
  verdict.figure(joined.text());
  for (const std::string& failure : joined.failures) verdict.figure("failed: " + failure);
  verdict.expect(joined.failed == 0, fmt::format("{} requests failed", joined.failed));
  verdict.expect(joined.agrees(), "the client's list and the origins' lists do not agree");
  verdict.expect(joined.sent > 0, "nothing was sent");
}

void judge_split(const std::vector<Sent>& sent, const Joined& joined, const Weights& asked,
                 Verdict& verdict) {
  const double sum = asked.v1 + asked.v2;
  for (const auto& [version, weight] : {std::pair{"v1", asked.v1}, std::pair{"v2", asked.v2}}) {
    const auto answered = static_cast<double>(
        std::ranges::count_if(sent, [&](const Sent& one) { return version_of(one) == version; }));
    const auto seen = static_cast<double>(seen_by_version(joined, version));
    const double wanted = static_cast<double>(sent.size()) * weight / sum;
    const double allowed = static_cast<double>(sent.size()) / 1000;
    verdict.figure(
        fmt::format("cart {}: asked {:.0f} of {}, answered by it {:.0f}, seen by it {:.0f}, may "
                    "differ by {:.0f}",
                    version, wanted, sent.size(), answered, seen, allowed));
    verdict.expect(std::abs(answered - wanted) <= allowed && std::abs(seen - wanted) <= allowed,
                   fmt::format("cart {} got {:.2f} % instead of {:.2f} %", version,
                               sent.empty() ? 0 : 100 * seen / static_cast<double>(sent.size()),
                               100 * weight / sum));
  }
}

std::optional<Duration> moved_after(const std::vector<Sent>& sent, TimePoint edited,
                                    TimePoint until, std::string_view wanted) {
  std::optional<Duration> out;
  for (const Sent& one : sent) {
    if (one.begun < edited || one.begun >= until || !one.answered()) continue;
    if (!out) out = Duration::zero();
    if (version_of(one) != wanted) out = std::max(*out, Duration(one.begun - edited));
  }
  return out;
}

std::optional<Duration> first_after(const std::vector<Sent>& sent, TimePoint edited,
                                    std::string_view version) {
  std::optional<Duration> out;
  for (const Sent& one : sent) {
    if (one.begun < edited || !one.answered() || version_of(one) != version) continue;
    const Duration after = one.begun - edited;
    out = out ? std::min(*out, after) : after;
  }
  return out;
}

KillToll count_toll(const std::vector<Sent>& sent, const std::vector<Sighting>& sightings,
                    std::string_view victim, TimePoint gone) {
  std::set<std::uint64_t> elsewhere;
  for (const Sighting& sighting : sightings) {
    if (sighting.service != "cart" || sighting.instance == victim) continue;
    elsewhere.insert(sighting.numbers.begin(), sighting.numbers.end());
  }
  KillToll out;
  for (const Sent& one : sent) {
    if (one.answered()) continue;
    const bool late = one.begun > gone;
    const bool other = elsewhere.contains(one.number);
    if (!late && !other) {
      ++out.in_flight_failed;
      continue;
    }
    ++out.unexcused;
    if (out.words.size() < kWordsTold) {
      out.words.push_back(fmt::format(
          "number {}, begun {:.1f} ms {} {} was gone{}: {}", one.number,
          std::abs(std::chrono::duration<double, std::milli>(one.begun - gone).count()),
          late ? "after" : "before", victim, other ? " and seen elsewhere" : "", one.failure));
    }
  }
  return out;
}

}  // namespace weft::demo
