// Clusters of type ORIGINAL_DST: where a connection was bound for is where it goes.

#include <algorithm>

#include "sidecar/core/log.h"
#include "sidecar/upstream/live_cluster.h"

namespace weft::upstream {

namespace {

using telemetry::UnknownDestination;

// What is known of who is there, at the port that was asked for.
std::shared_ptr<const config::Endpoint> settings_of(const SocketAddress& address,
                                                    const config::Endpoint* known) {
  auto settings = std::make_shared<config::Endpoint>();
  settings->address = address;
  if (known != nullptr) {
    settings->zone = known->zone;
    settings->workload = known->workload;
    settings->version = known->version;
    settings->canonical_service = known->canonical_service;
    settings->identity = known->identity;
  }
  return settings;
}

// A connection that is kept for requests to come keeps nobody: with many destinations those would
// soon be all that there is room for.
bool is_idle(const LiveEndpoint& endpoint) { return endpoint.active_requests() == 0; }

// The pod's own calls come from the address that they go to. Under it, or a loopback address, the
// sidecar's call would be taken for one more of those.
bool may_be_kept(const SocketAddress& source, const SocketAddress& destination) {
  return source.is_ip() && source.ip().is_v4() == destination.ip().is_v4() &&
         !source.ip().is_loopback() && !source.ip().is_any() && source.ip() != destination.ip();
}

}  // namespace

bool LiveCluster::passes_on() const {
  return config_ != nullptr && config_->discovery == config::ClusterConfig::Discovery::kOriginalDst;
}

// A cluster whose type changes begins anew.
void LiveCluster::set_passes_on(bool on) {
  if (on == (originals_ != nullptr)) return;
  if (on) {
    originals_ = std::make_unique<OriginalDestinations>(services_.turn.timers(), *this);
    endpoint_set_ = nullptr;
    apply_endpoints(std::make_shared<const config::EndpointSet>());
  } else {
    originals_.reset();
  }
}

LiveEndpoint* LiveCluster::original_destination(const SocketAddress& address,
                                                const SocketAddress* source) {
  const config::Endpoint* known = nullptr;
  if (config_->known_destinations) {
    known = owner_.find_known(address.ip());
    if (known == nullptr) {
      const bool denied = config_->known_destinations->deny_unknown;
      services_.shard.proxy()
          .unknown_destinations(denied ? UnknownDestination::kDenied : UnknownDestination::kAllowed)
          .add();
      WEFT_LOG_LIMITED(kInfo, "nobody of the mesh is known at {}: {}", address.to_string(),
                       denied ? "refused" : "passed on as it is");
      if (denied) return nullptr;
    }
  }
  const TimePoint now = services_.turn.now();
  OriginalDestinations::Key key{address, {}};
  if (config_->keep_source && source != nullptr && may_be_kept(*source, address)) {
    key.source = source->ip();
  }
  const auto found = originals_->entries.find(key);
  if (found == originals_->entries.end()) return add_original(key, known);
  found->second.used = now;
  LiveEndpoint& endpoint = *found->second.endpoint;
  // Addresses are used again: what was connected to somebody else is not for who is there now.
  const std::string_view identity =
      known == nullptr ? std::string_view() : std::string_view(known->identity);
  if (endpoint.config().identity != identity) {
    endpoint.set(settings_of(address, known));
    endpoint.renew_pool();
  }
  return &endpoint;
}

LiveEndpoint* LiveCluster::add_original(const OriginalDestinations::Key& key,
                                        const config::Endpoint* known) {
  auto& entries = originals_->entries;
  if (entries.size() >= OriginalDestinations::kMax) {
    auto longest = entries.end();
    for (auto at = entries.begin(); at != entries.end(); ++at) {
      if (!is_idle(*at->second.endpoint)) continue;
      if (longest == entries.end() || at->second.used < longest->second.used) longest = at;
    }
    if (longest == entries.end()) return nullptr;
    forget_original(*longest->second.endpoint);
    entries.erase(longest);
    bury_gone();
  }
  endpoints_.push_back(std::make_unique<LiveEndpoint>(*this, services_.turn, services_.connector,
                                                      settings_of(key.destination, known)));
  if (!key.source.is_any()) endpoints_.back()->set_source(key.source);
  entries.emplace(key, OriginalDestinations::Entry{.endpoint = endpoints_.back().get(),
                                                   .used = services_.turn.now()});
  if (!originals_->sweep.armed()) originals_->sweep.arm(OriginalDestinations::kKept);
  count_endpoints();
  return endpoints_.back().get();
}

void LiveCluster::forget_original(LiveEndpoint& endpoint) {
  const auto at = std::find_if(endpoints_.begin(), endpoints_.end(),
                               [&](const auto& one) { return one.get() == &endpoint; });
  WEFT_ASSERT(at != endpoints_.end());
  leaving_.push_back(std::move(*at));
  endpoints_.erase(at);
  endpoint.leave();
}

void LiveCluster::sweep_originals() {
  const TimePoint now = services_.turn.now();
  std::erase_if(originals_->entries, [&](const auto& entry) {
    LiveEndpoint& endpoint = *entry.second.endpoint;
    if (!is_idle(endpoint) || now - entry.second.used < OriginalDestinations::kKept) return false;
    forget_original(endpoint);
    return true;
  });
  if (!originals_->entries.empty()) originals_->sweep.arm(OriginalDestinations::kKept);
  bury_gone();
}

Error LiveCluster::why_none(const PickContext& context) const {
  if (!passes_on()) {
    using Discovery = config::ClusterConfig::Discovery;
    const bool by_name = config_ != nullptr && (config_->discovery == Discovery::kStrictDns ||
                                                config_->discovery == Discovery::kLogicalDns);
    if (!by_name || !endpoints_.empty()) return Cluster::why_none(context);
    return {Fault::kNameNotResolved, Side::kLocal, "no address is known for " + name_};
  }
  if (context.original_destination == nullptr || !context.original_destination->is_ip()) {
    return {Fault::kNoEndpoint, Side::kLocal,
            "where this connection was bound for is not known, for " + name_};
  }
  const SocketAddress& address = *context.original_destination;
  const bool denied = config_->known_destinations && config_->known_destinations->deny_unknown &&
                      owner_.find_known(address.ip()) == nullptr;
  if (denied) {
    return {Fault::kDenied, Side::kLocal,
            "nobody of the mesh is known at " + address.to_string() + ", and unknown is denied"};
  }
  return {Fault::kLimit, Side::kLocal,
          "more than " + std::to_string(OriginalDestinations::kMax) + " destinations of " + name_ +
              " are in use"};
}

}  // namespace weft::upstream
