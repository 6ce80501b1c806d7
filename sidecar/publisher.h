#pragma once
// Publisher: joins what the sources know (files, xDS, certificates, DNS) into the next Snapshot and
// hands it to the workers.
//
// Nothing half-known is published: a cluster waits for its endpoints, a listener for its routes,
// both at most kFetchTimeout (then the cluster is empty, the routes answer 404), routes for their
// clusters (RouteSources); meanwhile the version before stays. What did not change is the same
// object in the next Snapshot. TLS contexts are built here, one set per worker, and cached by what
// they are made from. Owner: Sidecar. Thread: main loop.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/config/snapshot.h"
#include "sidecar/context_cache.h"
#include "sidecar/core/turn.h"
#include "sidecar/listener_sockets.h"
#include "sidecar/route_finish.h"
#include "sidecar/route_sources.h"
#include "sidecar/secret_sources.h"
#include "sidecar/upstream/tls_contexts.h"
#include "tls/library.h"

namespace weft::sidecar {

// What one worker is handed.
struct Adoption {
  struct Slot {
    std::string key;
    net::OwnedFd socket;  // only when the worker does not have it yet
    std::shared_ptr<const config::ListenerConfig> listener;
  };
  std::shared_ptr<const config::Snapshot> snapshot;
  std::shared_ptr<const upstream::TlsContexts> contexts;
  std::vector<Slot> slots;
};

class Publisher final : public Flushable, public TimerSink {
 public:
  static constexpr Duration kFetchTimeout = std::chrono::seconds(15);

  class Owner {
   public:
    virtual void on_adoption(std::uint32_t worker, std::shared_ptr<Adoption> adoption) = 0;
    // After the workers were handed a Snapshot.
    virtual void on_published(const config::Snapshot& snapshot) = 0;

   protected:
    ~Owner() = default;
  };

  Publisher(Turn& turn, Owner& owner, std::vector<std::shared_ptr<tls::Library>> libraries);

  // Each replaces the version before; an error refuses this one and the version before stays. A
  // listener's port is bound here, so that a port in use is an error of that listener.
  Status put(config::ListenerConfig listener);
  Status put(config::RouteConfig routes);
  Status put(config::ClusterConfig cluster);
  Status put(config::EndpointSet endpoints);
  // Of a cluster whose names were resolved.
  void put_resolved(config::EndpointSet endpoints);
  // As SecretSources::put() and put_discovered().
  void put_secret(const std::string& name, const TlsMaterial& material,
                  std::vector<SanMatcher> peer_names = {}) {
    secrets_.put(name, material, std::move(peer_names));
  }
  void put_discovered_secret(const std::string& name, const TlsMaterial& material,
                             std::vector<SanMatcher> peer_names);
  void remove_listener(std::string_view name);
  void remove_cluster(std::string_view name);
  // A source says that there are none: what is new and waits for them waits no longer. What is
  // known stays as long as somebody uses it, and what serves already is not replaced by nothing.
  void note_absent_routes(std::string_view name);
  void note_absent_endpoints(std::string_view name);
  // Lets go of routes, endpoints and secrets from sources that nothing refers to any more.
  void forget_unused();

  // Publishes at the end of this turn; many calls are one.
  void schedule() { turn_.enlist(*this); }
  // Publishes now: under the control plane's number for it, which stays until the next one
  // (decisions A5), or under the next number of our own.
  void publish(std::uint64_t generation);
  void publish();
  // While a push is half told nothing is published; letting go publishes what was put off.
  void hold();
  void let_go();

  [[nodiscard]] const std::shared_ptr<const config::Snapshot>& current() const { return current_; }
  // Every listener that was published is bound and nothing is waited for.
  [[nodiscard]] bool warm() const { return current_ != nullptr && current_->warming.empty(); }
  [[nodiscard]] SocketAddress listening_at(const config::ListenerConfig& listener) const;
  // What EDS, RDS and SDS have to be asked for; the same as long as names_version() is the same.
  [[nodiscard]] std::uint64_t names_version() const { return names_version_; }
  [[nodiscard]] std::vector<std::string> endpoint_names() const;
  [[nodiscard]] std::vector<std::string> route_names() const;
  [[nodiscard]] std::vector<std::string> secret_names() const;
  // Clusters that name their endpoints.
  [[nodiscard]] std::vector<std::shared_ptr<const config::ClusterConfig>> dns_clusters() const;

  void flush() override;
  void on_timer(Timer& timer) override;

 private:
  using Tables = std::map<std::string, std::shared_ptr<const config::RouteTable>>;
  struct ListenerSource {
    std::shared_ptr<const config::ListenerConfig> written;
    Tables inline_tables;
    // Joined with its secrets; remade when one of them changed. What is published.
    std::shared_ptr<const config::ListenerConfig> joined;
    Tables joined_tables;
    std::uint64_t joined_at = 0;
    TimePoint since{};
  };
  // One object for what was written and what is published, since there may be thousands of them.
  struct ClusterSource {
    std::shared_ptr<const config::ClusterConfig> config;  // joined with its secrets as of joined_at
    std::size_t names_written = 0;  // of its accepted peers; those of a secret come after them
    std::uint64_t joined_at = 0;
    TimePoint since{};
  };

  void join(ListenerSource& source);
  void join(ClusterSource& source);
  [[nodiscard]] bool has_routes(const ListenerSource& source) const;
  [[nodiscard]] std::shared_ptr<const config::EndpointSet> endpoints_for(
      const config::ClusterConfig& cluster) const;
  void add_listener(ListenerSource& source, config::Snapshot& snapshot);
  void add_cluster(const std::string& name, ClusterSource& source, config::Snapshot& snapshot);
  // `complete`: nothing of it is still under way.
  void publish_as(std::uint64_t generation, bool complete);
  [[nodiscard]] Status check_address(const config::ListenerConfig& listener) const;
  void hand_out();

  Turn& turn_;
  Owner& owner_;
  std::vector<ContextCache> contexts_;  // one per worker
  ListenerSockets sockets_;
  std::map<std::string, ListenerSource, std::less<>> listeners_;
  RouteFinish finish_;
  RouteSources routes_;
  std::set<std::string, std::less<>> absent_routes_;
  std::set<std::string, std::less<>> absent_endpoints_;
  std::map<std::string, ClusterSource, std::less<>> clusters_;
  std::map<std::string, std::shared_ptr<const config::EndpointSet>, std::less<>> endpoints_;
  std::map<std::string, std::shared_ptr<const config::EndpointSet>, std::less<>> resolved_;
  SecretSources secrets_;
  // Of what is known and what names it; endpoints that only move change neither.
  std::uint64_t names_version_ = 1;
  std::uint64_t forgotten_at_ = 0;
  std::shared_ptr<const config::Snapshot> current_;
  std::uint64_t generation_ = 0;
  bool numbered_ = false;  // by the control plane
  bool held_ = false;
  bool put_off_ = false;
  Timer fetch_timer_;
};

}  // namespace weft::sidecar
