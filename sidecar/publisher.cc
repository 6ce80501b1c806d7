#include "sidecar/publisher.h"

#include <algorithm>
#include <utility>

namespace weft::sidecar {

namespace {

template <typename Visit>
void for_each_chain(const config::ListenerConfig& listener, Visit visit) {
  for (const config::FilterChain& chain : listener.chains) visit(chain);
  if (listener.default_chain != nullptr) visit(*listener.default_chain);
}

// What the endpoints of a cluster are called.
const std::string& endpoints_name(const config::ClusterConfig& cluster) {
  return cluster.eds_service_name.empty() ? cluster.name : cluster.eds_service_name;
}

bool is_dns(const config::ClusterConfig& cluster) {
  return cluster.discovery == config::ClusterConfig::Discovery::kStrictDns ||
         cluster.discovery == config::ClusterConfig::Discovery::kLogicalDns;
}

}  // namespace

Publisher::Publisher(Turn& turn, Owner& owner, std::vector<std::shared_ptr<tls::Library>> libraries)
    : turn_(turn),
      owner_(owner),
      sockets_(static_cast<std::uint32_t>(libraries.size())),
      fetch_timer_(turn.timers(), *this) {
  for (std::shared_ptr<tls::Library>& library : libraries)
    contexts_.emplace_back(std::move(library));
}

// ---- sources ----

Status Publisher::put(config::ListenerConfig listener) {
  ListenerSource source;
  Status compiled;
  RouteFinish::finish(listener);
  for_each_chain(listener, [&](const config::FilterChain& chain) {
    const auto* http = std::get_if<config::HttpSettings>(&chain.what);
    if (http == nullptr || http->inline_routes == nullptr || !compiled) return;
    config::RouteConfig routes = *http->inline_routes;
    finish_.finish(routes, listener.name);
    auto table = config::RouteTable::compile(std::move(routes));
    if (!table) {
      compiled = fail(Fault::kInvalid, "route_config." + table.error().detail);
      return;
    }
    source.inline_tables.emplace(config::route_key(listener, chain, *http), std::move(*table));
  });
  if (!compiled) return compiled;
  for_each_chain(listener, [&](const config::FilterChain& chain) {
    if (chain.tls) secrets_.want_system_roots(*chain.tls);
  });
  if (Status free = check_address(listener); !free) return free;
  if (Status bound = sockets_.bind(listener); !bound)
    return fail(bound.error().fault, "address: " + bound.error().detail);
  const std::string name = listener.name;
  source.written = std::make_shared<const config::ListenerConfig>(std::move(listener));
  source.since = turn_.now();
  if (const auto before = listeners_.find(name); before != listeners_.end()) {
    // Serves until the new one is complete.
    source.joined = before->second.joined;
    source.joined_tables = before->second.joined_tables;
  }
  ++names_version_;
  listeners_.insert_or_assign(name, std::move(source));
  return {};
}

// Two listeners on one address would be one socket with two meanings.
Status Publisher::check_address(const config::ListenerConfig& listener) const {
  if (!listener.bind) return {};
  const auto addresses_of = [](const config::ListenerConfig& one) {
    std::vector<SocketAddress> addresses = one.extra_addresses;
    addresses.push_back(one.address);
    return addresses;
  };
  const std::vector<SocketAddress> wanted = addresses_of(listener);
  for (const auto& [name, other] : listeners_) {
    if (name == listener.name || !other.written->bind) continue;
    for (const SocketAddress& address : addresses_of(*other.written)) {
      const bool chosen_later = address.is_ip() && address.port() == 0;
      if (!chosen_later && std::find(wanted.begin(), wanted.end(), address) != wanted.end()) {
        return fail(Fault::kInvalid,
                    "address: " + address.to_string() + " is taken by listener '" + name + "'");
      }
    }
  }
  return {};
}

Status Publisher::put(config::RouteConfig routes) {
  const std::string name = routes.name;
  finish_.finish(routes, {});
  auto table = config::RouteTable::compile(std::move(routes));
  if (!table) return fail(table.error());
  ++names_version_;
  absent_routes_.erase(name);
  routes_.put(std::move(*table), turn_.now());
  return {};
}

Status Publisher::put(config::ClusterConfig cluster) {
  const std::string name = cluster.name;
  ClusterSource source;
  if (cluster.tls) {
    secrets_.want_system_roots(*cluster.tls);
    source.names_written = cluster.tls->settings.peer_names.size();
    // At once where all is here, as it is once the sidecar runs: no copy has to be made for it.
    if (secrets_.material_for(*cluster.tls) != nullptr) {
      secrets_.fill(*cluster.tls);
      source.joined_at = secrets_.version();
    }
  }
  source.config = std::make_shared<const config::ClusterConfig>(std::move(cluster));
  source.since = turn_.now();
  if (const auto before = clusters_.find(name); before != clusters_.end()) {
    // A change of the cluster alone does not begin the wait for its endpoints anew.
    if (endpoints_name(*before->second.config) == endpoints_name(*source.config))
      source.since = before->second.since;
  }
  ++names_version_;
  clusters_.insert_or_assign(name, std::move(source));
  return {};
}

Status Publisher::put(config::EndpointSet endpoints) {
  const std::string name = endpoints.cluster;
  absent_endpoints_.erase(name);
  auto set = std::make_shared<const config::EndpointSet>(std::move(endpoints));
  if (endpoints_.insert_or_assign(name, std::move(set)).second) ++names_version_;
  return {};
}

void Publisher::put_resolved(config::EndpointSet endpoints) {
  const std::string name = endpoints.cluster;
  if (!clusters_.contains(name)) return;
  resolved_.insert_or_assign(name,
                             std::make_shared<const config::EndpointSet>(std::move(endpoints)));
}

void Publisher::put_discovered_secret(const std::string& name, const TlsMaterial& material,
                                      std::vector<SanMatcher> peer_names) {
  ++names_version_;
  secrets_.put_discovered(name, material, std::move(peer_names));
}

void Publisher::remove_listener(std::string_view name) {
  ++names_version_;
  if (const auto found = listeners_.find(name); found != listeners_.end()) listeners_.erase(found);
}
void Publisher::remove_cluster(std::string_view name) {
  ++names_version_;
  if (const auto found = clusters_.find(name); found != clusters_.end()) clusters_.erase(found);
  if (const auto found = resolved_.find(name); found != resolved_.end()) resolved_.erase(found);
}

void Publisher::note_absent_routes(std::string_view name) {
  if (absent_routes_.emplace(name).second) ++names_version_;
}

void Publisher::note_absent_endpoints(std::string_view name) {
  if (absent_endpoints_.emplace(name).second) ++names_version_;
}

void Publisher::forget_unused() {
  if (std::exchange(forgotten_at_, names_version_) == names_version_) return;
  const auto unused = [](const std::vector<std::string>& names, const std::string& name) {
    return !std::binary_search(names.begin(), names.end(), name);
  };
  const std::vector<std::string> routes = route_names();
  routes_.keep_only(routes);
  std::erase_if(absent_routes_, [&](const auto& name) { return unused(routes, name); });
  const std::vector<std::string> endpoints = endpoint_names();
  std::erase_if(endpoints_, [&](const auto& entry) { return unused(endpoints, entry.first); });
  std::erase_if(absent_endpoints_, [&](const auto& name) { return unused(endpoints, name); });
  secrets_.keep_only(secret_names());
}

// ---- what is written, and its secrets ----

void Publisher::join(ListenerSource& source) {
  if (source.joined_at == secrets_.version()) return;
  bool needs = false;
  for_each_chain(*source.written,
                 [&](const config::FilterChain& chain) { needs = needs || chain.tls.has_value(); });
  source.joined_at = secrets_.version();
  ++names_version_;  // the version before needs its routes no longer
  if (!needs) {
    source.joined = source.written;
    return;
  }
  auto joined = std::make_shared<config::ListenerConfig>(*source.written);
  bool changed = source.joined == nullptr || source.joined->version != source.written->version;
  for (config::FilterChain& chain : joined->chains) {
    if (chain.tls) secrets_.fill(*chain.tls);
  }
  if (joined->default_chain != nullptr) {
    auto chain = std::make_shared<config::FilterChain>(*joined->default_chain);
    if (chain->tls) secrets_.fill(*chain->tls);
    joined->default_chain = std::move(chain);
  }
  if (!changed) {
    // Only other secrets moved: the same object stays, so that nobody is disturbed.
    std::vector<std::shared_ptr<const TlsMaterial>> before;
    std::vector<std::shared_ptr<const TlsMaterial>> after;
    for_each_chain(*source.joined, [&](const config::FilterChain& c) {
      before.push_back(c.tls ? c.tls->material : nullptr);
    });
    for_each_chain(*joined, [&](const config::FilterChain& c) {
      after.push_back(c.tls ? c.tls->material : nullptr);
    });
    const auto same = [](const auto& a, const auto& b) {
      return a == b || (a != nullptr && b != nullptr && a->version == b->version);
    };
    changed = !std::equal(before.begin(), before.end(), after.begin(), after.end(), same);
  }
  if (changed) source.joined = std::move(joined);
}

void Publisher::join(ClusterSource& source) {
  if (source.joined_at == secrets_.version()) return;
  source.joined_at = secrets_.version();
  if (!source.config->tls) return;
  const std::shared_ptr<const TlsMaterial> material = secrets_.material_for(*source.config->tls);
  const auto& before = source.config->tls->material;  // null: not joined yet, or not all is here
  if (before == material ||
      (before != nullptr && material != nullptr && before->version == material->version))
    return;
  auto joined = std::make_shared<config::ClusterConfig>(*source.config);
  std::vector<SanMatcher>& names = joined->tls->settings.peer_names;
  names.erase(names.begin() + static_cast<std::ptrdiff_t>(source.names_written), names.end());
  secrets_.fill(*joined->tls);
  source.config = std::move(joined);
}

// ---- publishing ----

void Publisher::flush() { publish(); }

void Publisher::on_timer(Timer&) { publish(); }

void Publisher::publish() {
  if (held_) {
    put_off_ = true;
    return;
  }
  publish_as(numbered_ ? generation_ : generation_ + 1, false);
}

void Publisher::publish(std::uint64_t generation) {
  held_ = false;
  numbered_ = true;
  publish_as(generation, true);
}

void Publisher::hold() { held_ = true; }

void Publisher::let_go() {
  held_ = false;
  if (std::exchange(put_off_, false)) schedule();
}

bool Publisher::has_routes(const ListenerSource& source) const {
  bool all = true;
  for_each_chain(*source.written, [&](const config::FilterChain& chain) {
    const auto* http = std::get_if<config::HttpSettings>(&chain.what);
    if (http == nullptr || http->inline_routes != nullptr) return;
    const bool given_up =
        source.joined == nullptr && absent_routes_.contains(http->route_config_name);
    if (!routes_.contains(http->route_config_name) && !given_up) all = false;
  });
  return all;
}

std::shared_ptr<const config::EndpointSet> Publisher::endpoints_for(
    const config::ClusterConfig& cluster) const {
  const bool discovered = cluster.discovery == config::ClusterConfig::Discovery::kEds;
  if (!discovered && cluster.inline_endpoints != nullptr) return cluster.inline_endpoints;
  if (is_dns(cluster)) {
    const auto resolved = resolved_.find(cluster.name);
    return resolved == resolved_.end() ? nullptr : resolved->second;
  }
  const auto found = endpoints_.find(endpoints_name(cluster));
  if (found != endpoints_.end()) return found->second;
  return cluster.inline_endpoints;
}

void Publisher::add_listener(ListenerSource& source, config::Snapshot& snapshot) {
  const bool late = turn_.now() - source.since >= kFetchTimeout;
  if (!has_routes(source) && !late) {
    snapshot.warming.push_back("listener " + source.written->name);
    // The version before goes on serving, with the routes that it had.
    if (source.joined == nullptr) return;
  } else {
    join(source);
    source.joined_tables = source.inline_tables;
  }
  snapshot.listeners.push_back(source.joined);
  for (const auto& [key, table] : source.joined_tables) snapshot.routes.emplace(key, table);
}

void Publisher::add_cluster(const std::string& name, ClusterSource& source,
                            config::Snapshot& snapshot) {
  std::shared_ptr<const config::EndpointSet> endpoints = endpoints_for(*source.config);
  if (endpoints == nullptr) {
    const config::ClusterEntry* before = nullptr;
    if (current_ != nullptr) {
      if (const auto found = current_->clusters.find(name); found != current_->clusters.end())
        before = &found->second;
    }
    const bool given_up =
        before == nullptr && absent_endpoints_.contains(endpoints_name(*source.config));
    const bool waits = source.config->discovery != config::ClusterConfig::Discovery::kOriginalDst &&
                       !given_up && turn_.now() - source.since < kFetchTimeout;
    if (waits) {
      snapshot.warming.push_back("cluster " + name);
      // The version before goes on, with the endpoints that it had.
      if (before != nullptr) snapshot.clusters.emplace(name, *before);
      return;
    }
    endpoints = std::make_shared<const config::EndpointSet>();
  }
  join(source);
  snapshot.clusters.emplace(name, config::ClusterEntry{source.config, std::move(endpoints)});
}

void Publisher::publish_as(std::uint64_t generation, bool complete) {
  static_cast<Flushable*>(this)->unlink();
  put_off_ = false;
  generation_ = generation;
  auto snapshot = std::make_shared<config::Snapshot>();
  snapshot->generation = generation;
  snapshot->clusters.reserve(clusters_.size());
  for (auto& [name, source] : clusters_) add_cluster(name, source, *snapshot);
  for (const auto& [name, entry] : snapshot->clusters) {
    if (config::is_eager(*entry.config)) snapshot->eager.push_back(name);
  }
  routes_.add_to(*snapshot, turn_.now(), complete);
  for (auto& [name, source] : listeners_) add_listener(source, *snapshot);
  if (snapshot->warming.empty()) {
    fetch_timer_.cancel();
  } else {
    fetch_timer_.arm(routes_.waits() ? RouteSources::kPatience : kFetchTimeout);
  }
  current_ = std::move(snapshot);
  hand_out();
  owner_.on_published(*current_);
}

void Publisher::hand_out() {
  std::vector<std::string> wanted;
  for (const auto& listener : current_->listeners) {
    if (!listener->bind) continue;
    wanted.push_back(socket_key(*listener, listener->address));
    for (const SocketAddress& address : listener->extra_addresses)
      wanted.push_back(socket_key(*listener, address));
  }
  for (std::uint32_t worker = 0; worker < contexts_.size(); ++worker) {
    auto adoption = std::make_shared<Adoption>();
    adoption->snapshot = current_;
    adoption->contexts = contexts_[worker].make(*current_);
    for (const auto& listener : current_->listeners) {
      if (!listener->bind) continue;
      const auto add = [&](const SocketAddress& address) {
        const std::string key = socket_key(*listener, address);
        adoption->slots.push_back({key, sockets_.take(key, worker), listener});
      };
      add(listener->address);
      for (const SocketAddress& address : listener->extra_addresses) add(address);
    }
    owner_.on_adoption(worker, std::move(adoption));
  }
  // Only now: a listener that has gone may have had its place taken by one of another name.
  std::vector<std::string> kept = wanted;
  for (const auto& [name, source] : listeners_) {
    // Bound, and waiting for its routes.
    kept.push_back(socket_key(*source.written, source.written->address));
    for (const SocketAddress& address : source.written->extra_addresses) {
      kept.push_back(socket_key(*source.written, address));
    }
  }
  sockets_.keep_only(kept);
}

SocketAddress Publisher::listening_at(const config::ListenerConfig& listener) const {
  return sockets_.address_of(socket_key(listener, listener.address));
}

std::vector<std::string> Publisher::endpoint_names() const {
  std::vector<std::string> names;
  for (const auto& [name, source] : clusters_) {
    if (source.config->discovery != config::ClusterConfig::Discovery::kEds) continue;
    names.push_back(endpoints_name(*source.config));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::shared_ptr<const config::ClusterConfig>> Publisher::dns_clusters() const {
  std::vector<std::shared_ptr<const config::ClusterConfig>> clusters;
  for (const auto& [name, source] : clusters_) {
    if (is_dns(*source.config)) clusters.push_back(source.config);
  }
  return clusters;
}

std::vector<std::string> Publisher::route_names() const {
  std::vector<std::string> names;
  const auto add = [&](const config::FilterChain& chain) {
    const auto* http = std::get_if<config::HttpSettings>(&chain.what);
    if (http != nullptr && http->inline_routes == nullptr) names.push_back(http->route_config_name);
  };
  for (const auto& [name, source] : listeners_) {
    for_each_chain(*source.written, add);
    // The version that serves until that one is complete still needs its own.
    if (source.joined != nullptr && source.joined->version != source.written->version)
      for_each_chain(*source.joined, add);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::vector<std::string> Publisher::secret_names() const {
  std::vector<std::string> names;
  const auto add = [&](const config::TlsReference& tls) {
    if (tls.certificate_from_sds) names.push_back(tls.certificate_secret);
    if (tls.validation_from_sds) names.push_back(tls.validation_secret);
  };
  for (const auto& [name, source] : listeners_) {
    for_each_chain(*source.written, [&](const config::FilterChain& chain) {
      if (chain.tls) add(*chain.tls);
    });
  }
  for (const auto& [name, source] : clusters_) {
    if (source.config->tls) add(*source.config->tls);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

}  // namespace weft::sidecar
