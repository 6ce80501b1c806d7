#include "control/model/policy_block.h"

#include "sidecar/core/strings.h"

namespace weft::control {

void PolicyBlock::duration(std::string_view key, PolicySide side, Setting<Duration>& out, bool zero,
                           Duration max) {
  Duration read{};
  reader_.rule_of_duration(key, kShortest, max, zero);
  if (!mine(key, side) || !reader_.duration(key, read)) return;
  const bool none = zero && read == Duration::zero();
  if (!none && (read < kShortest || read > max)) {
    reader_.refuse(
        key, fmt::format("want {}{} to {}, found {}", zero ? "0s for none, or " : "",
                         format_duration(kShortest), format_duration(max), format_duration(read)));
    return;
  }
  keep(key, read, out);
}

void PolicyBlock::number(std::string_view key, PolicySide side, Setting<std::uint32_t>& out,
                         std::uint32_t min, std::uint32_t max) {
  std::uint32_t read = 0;
  if (mine(key, side) && reader_.integer(key, read, min, max)) keep(key, read, out);
}

void PolicyBlock::percent(std::string_view key, PolicySide side, Setting<double>& out) {
  double read = 0;
  if (mine(key, side) && reader_.percent(key, read)) keep(key, read, out);
}

void PolicyBlock::whole_percent(std::string_view key, PolicySide side,
                                Setting<std::uint32_t>& out) {
  double share = 0;
  reader_.rule_of(key, "self.matches('^[0-9]{1,3}([.]0{1,16})?%$')", "want a whole percentage");
  if (!mine(key, side) || !reader_.percent(key, share)) return;
  const auto whole = static_cast<std::uint32_t>(share);
  if (static_cast<double>(whole) != share) reader_.refuse(key, "want a whole percentage");
  keep(key, whole, out);
}

bool PolicyBlock::mine(std::string_view key, PolicySide side) {
  if (!reader_.has(key)) return false;
  if (side == PolicySide::kRoute || widest_ == PolicySide::kDestination) return true;
  reader_.refuse(key,
                 "belongs to a destination, which all routes to it share: let the policy "
                 "name a Service or a Namespace");
  return false;
}

}  // namespace weft::control
