#include "sidecar/readiness.h"

namespace weft::sidecar {

std::vector<std::string> Readiness::waits_for(const Sources& sources) const {
  std::vector<std::string> reasons;
  if (sources.identity != nullptr && !sources.identity->ready()) {
    const std::string why = sources.identity->stats().last_error;
    reasons.push_back("identity" + (why.empty() ? why : ": " + why));
  }
  if (sources.xds != nullptr && !sources.xds->settled()) {
    const xds::AdsClient::Stats& stats = sources.xds->client().stats();
    const std::string why =
        stats.connected ? "connected, not everything is told" : stats.last_error;
    reasons.push_back("control plane" + (why.empty() ? why : ": " + why));
  }
  const config::Snapshot* snapshot = sources.snapshot;
  if (snapshot != nullptr)
    reasons.insert(reasons.end(), snapshot->warming.begin(), snapshot->warming.end());
  const std::uint64_t now = snapshot == nullptr ? 0 : snapshot->generation;
  for (std::size_t i = 0; i < adopted_.size(); ++i) {
    if (adopted_[i] != now) reasons.push_back("worker " + std::to_string(i));
  }
  return reasons;
}

}  // namespace weft::sidecar
