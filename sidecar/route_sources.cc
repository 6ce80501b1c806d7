#include "sidecar/route_sources.h"

#include <algorithm>
#include <utility>
#include <variant>

namespace weft::sidecar {

namespace {

std::set<std::string, std::less<>> clusters_of(const config::RouteConfig& config) {
  std::set<std::string, std::less<>> names;
  for (const config::VirtualHost& host : config.virtual_hosts) {
    for (const config::Route& route : host.routes) {
      const auto* forward = std::get_if<config::ForwardAction>(&route.action);
      if (forward == nullptr) continue;
      for (const config::WeightedCluster& cluster : forward->clusters)
        names.insert(cluster.cluster);
    }
  }
  return names;
}

}  // namespace

void RouteSources::put(std::shared_ptr<const config::RouteTable> table, TimePoint now) {
  Source& source = sources_[table->name()];
  if (source.served == source.newest) source.since = now;
  source.newest_clusters = clusters_of(table->config());
  source.newest = std::move(table);
}

void RouteSources::keep_only(const std::vector<std::string>& names) {
  std::erase_if(sources_, [&](const auto& entry) {
    return !std::binary_search(names.begin(), names.end(), entry.first);
  });
}

void RouteSources::add_to(config::Snapshot& snapshot, TimePoint now, bool complete) {
  waits_ = false;
  for (auto& [name, source] : sources_) {
    const auto is_awaited = [&](const std::string& cluster) {
      return !snapshot.clusters.contains(cluster) && !source.served_clusters.contains(cluster);
    };
    const bool may_wait = !complete && source.served != nullptr && source.served != source.newest &&
                          now - source.since < kPatience;
    if (may_wait && std::ranges::any_of(source.newest_clusters, is_awaited)) {
      waits_ = true;
      snapshot.warming.push_back("routes " + name);
    } else {
      source.served = source.newest;
      source.served_clusters = source.newest_clusters;
    }
    snapshot.routes.emplace(name, source.served);
  }
}

}  // namespace weft::sidecar
