#include "control/kubernetes/times.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <ctime>

namespace weft::control::kube {

namespace {

std::string until_seconds(WallTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}",
                     fmt::gmtime(static_cast<std::time_t>(seconds.count())));
}

}  // namespace

std::string time_text(WallTime time) { return until_seconds(time) + "Z"; }

std::string micro_time_text(WallTime time) {
  const auto rest = time - std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{}.{:06}Z", until_seconds(time),
                     std::chrono::duration_cast<std::chrono::microseconds>(rest).count());
}

}  // namespace weft::control::kube
