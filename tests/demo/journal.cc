#include "tests/demo/journal.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace weft::demo {

namespace {

constexpr std::size_t kFailuresTold = 3;

// Who of one service saw a number; a request of a healthy mesh is seen once.
using SeenBy = std::unordered_map<std::uint64_t, std::vector<const std::string*>>;

// Those from the first to the last number sent.
struct Range {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  [[nodiscard]] bool contains(std::uint64_t number) const {
    return number >= first && number <= last;
  }
};

Range range_of(const std::vector<Sent>& sent) {
  if (sent.empty()) return {};
  const auto [least, most] = std::ranges::minmax_element(sent, {}, &Sent::number);
  return {least->number, most->number};
}

std::map<std::string, SeenBy> by_service(const std::vector<Sighting>& sightings, Range range) {
  std::map<std::string, SeenBy> out;
  for (const Sighting& sighting : sightings) {
    SeenBy& seen = out[sighting.service];
    for (const std::uint64_t number : sighting.numbers) {
      if (range.contains(number)) seen[number].push_back(&sighting.instance);
    }
  }
  return out;
}

}  // namespace

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

Joined join(const std::vector<Sent>& sent, const std::vector<Sighting>& sightings,
            const std::vector<std::string>& steps) {
  Joined out;
  const std::map<std::string, SeenBy> services = by_service(sightings, range_of(sent));
  std::unordered_map<std::uint64_t, const Sent*> by_number;
  for (const Sent& one : sent) by_number.emplace(one.number, &one);

  for (const auto& [service, seen] : services) {
    out.services[service] = seen.size();
    for (const auto& [number, instances] : seen) {
      if (instances.size() > 1) ++out.twice;
      if (!by_number.contains(number)) ++out.strange;
      ++out.seen[*instances.front()];
    }
  }
  const auto seen_by = [&](const std::string& service, std::uint64_t number) {
    const auto found = services.find(service);
    static const std::vector<const std::string*> kNobody;
    if (found == services.end()) return kNobody;
    const auto who = found->second.find(number);
    return who == found->second.end() ? kNobody : who->second;
  };
  for (const Sent& one : sent) {
    ++out.sent;
    if (!one.answered()) {
      ++out.failed;
      if (out.failures.size() < kFailuresTold) {
        out.failures.push_back(fmt::format("number {}: {}", one.number, one.failure));
      }
      continue;
    }
    ++out.answered;
    const bool whole = std::ranges::none_of(
        steps, [&](const std::string& step) { return seen_by(step, one.number).empty(); });
    if (!whole) ++out.lost;
    const auto carts = seen_by("cart", one.number);
    const bool right = std::ranges::any_of(
        carts, [&](const std::string* instance) { return *instance == one.cart; });
    if (!carts.empty() && !right) ++out.elsewhere;
  }
  return out;
}

std::string Joined::text() const {
  std::string origins;
  for (const auto& [service, count] : services) {
    origins += fmt::format("{}{} {}", origins.empty() ? "" : ", ", service, grouped(count));
    std::string parts;
    for (const auto& [instance, part] : seen) {
      if (instance.starts_with(service + "-")) {
        parts += fmt::format("{}{} {}", parts.empty() ? "" : " + ", instance, grouped(part));
      }
    }
    if (parts.find('+') != std::string::npos) origins += " (" + parts + ")";
  }
  return fmt::format(
      "sent {}, answered {}, failed {}; seen by {}; answered and not seen {}, seen twice {}, never "
      "sent {}{}",
      grouped(sent), grouped(answered), grouped(failed), origins.empty() ? "nobody" : origins,
      grouped(lost), grouped(twice), grouped(strange),
      elsewhere == 0 ? std::string() : fmt::format(", seen elsewhere {}", grouped(elsewhere)));
}

}  // namespace weft::demo
