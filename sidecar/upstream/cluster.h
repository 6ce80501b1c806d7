#pragma once
// Cluster: one destination's live state on one worker: endpoints, balancer, limits, retry budget,
// ejection.
//
// Owner: ClusterSet, and every ClusterRef that an exchange holds: a removed cluster takes no new
// requests and is retired with its last reference. Thread: its worker. A Cluster keeps its identity
// while its configuration changes, so config() is good until the current event ends and no longer.
// The abstract classes here are the seam between `proxy` and this room.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/address.h"
#include "sidecar/core/dialer.h"
#include "sidecar/upstream/breaker.h"
#include "sidecar/upstream/outcome.h"
#include "sidecar/upstream/pool.h"
#include "telemetry/labels.h"
#include "telemetry/proxy_metrics.h"

namespace weft::upstream {

class Cluster;
class EndpointLoad;

// One address's live state. Stays valid while a ClusterRef or a Permit on it exists.
class Endpoint {
 public:
  virtual ~Endpoint() = default;
  [[nodiscard]] virtual const config::Endpoint& config() const = 0;
  [[nodiscard]] virtual const EndpointLoad& load() const = 0;
  [[nodiscard]] virtual bool ejected() const = 0;
  // Who answers there, for metrics and logs.
  [[nodiscard]] virtual telemetry::PeerId peer() const = 0;
  [[nodiscard]] virtual const std::string& address_text() const = 0;
};

// Whose connection is carried on, and where it was bound for: what a PROXY header upstream tells.
struct Caller {
  SocketAddress source;
  SocketAddress destination;
};

// The endpoints that an exchange has tried; asked to be avoided first.
class Tried final {
 public:
  void add(const Endpoint& endpoint) {
    if (count_ < kKept) endpoints_[count_++] = &endpoint;
  }
  [[nodiscard]] bool contains(const Endpoint& endpoint) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (endpoints_[i] == &endpoint) return true;
    }
    return false;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  static constexpr std::size_t kKept = 8;
  std::array<const Endpoint*, kKept> endpoints_{};
  std::size_t count_ = 0;
};

struct PickContext {
  const Tried* tried = nullptr;
  // For original-destination clusters: where the client wanted to go.
  const SocketAddress* original_destination = nullptr;
  // Who called: for those that keep it, whose endpoints are each one caller's.
  const SocketAddress* source = nullptr;
  // Of what the route's hash policies name; absent: anywhere on the ring.
  std::optional<std::uint64_t> hash;
  // Of the request's session (session_key.h): that endpoint before all others, while it is usable.
  std::optional<std::uint64_t> session;
};

// One request counted against the cluster's limits, one endpoint's load and the circuit breaker;
// gives everything back when it dies. Movable.
class Permit final {
 public:
  Permit() = default;
  Permit(Cluster& cluster, Endpoint& endpoint, const Breaker::Pass& pass)
      : cluster_(&cluster), endpoint_(&endpoint), pass_(pass) {}
  Permit(Permit&& other) noexcept
      : cluster_(std::exchange(other.cluster_, nullptr)),
        endpoint_(other.endpoint_),
        pass_(std::exchange(other.pass_, {})) {}
  Permit& operator=(Permit&& other) noexcept {
    if (this != &other) {
      release();
      cluster_ = std::exchange(other.cluster_, nullptr);
      endpoint_ = other.endpoint_;
      pass_ = std::exchange(other.pass_, {});
    }
    return *this;
  }
  ~Permit() { release(); }
  void release();
  [[nodiscard]] explicit operator bool() const { return cluster_ != nullptr; }

  // How the attempt ended; every finished attempt says so once.
  void report(const Outcome& outcome);
  // It is one of the few by which a half-open breaker finds out whether the destination is well.
  [[nodiscard]] bool trial() const { return pass_.trial; }
  // A trial that has no response head in time has failed, whatever becomes of it later.
  void trial_overdue();

 private:
  Cluster* cluster_ = nullptr;
  Endpoint* endpoint_ = nullptr;  // while cluster_ is there
  Breaker::Pass pass_;
};

class Cluster {
 public:
  [[nodiscard]] virtual const config::ClusterConfig& config() const = 0;

  // Null: nothing healthy. Prefers endpoints that were not tried.
  [[nodiscard]] virtual Endpoint* pick(const PickContext& context) = 0;
  // Why pick() said null.
  [[nodiscard]] virtual Error why_none(const PickContext&) const {
    return {Fault::kNoEndpoint, Side::kLocal, "no healthy endpoint in " + config().name};
  }
  // The endpoint of a session; null when it is not usable now, or not here.
  [[nodiscard]] virtual Endpoint* find_session(std::uint64_t session) = 0;
  // Whether anybody may be ready: EDS and health checks decide, and who is only ejected counts.
  [[nodiscard]] virtual bool has_ready_endpoint() const = 0;
  // One more request on `endpoint`: kCircuitOpen while the breaker refuses, kLimit beyond
  // requests_max. The balancer sees it as load until the Permit dies.
  [[nodiscard]] virtual Result<Permit> admit(Endpoint& endpoint) = 0;
  // A connection with a free stream to `endpoint`, unless each has to be one caller's alone
  // (ClusterConfig::proxy_header). Who has to wait waits by `priority`. REQUIRES endpoint to be
  // this cluster's.
  [[nodiscard]] virtual Acquired acquire(Endpoint& endpoint, TicketHolder& holder,
                                         config::Priority priority) = 0;
  // A connection of its own for a tunnel: dialed, counted against connections_max, not pooled.
  [[nodiscard]] virtual Result<std::unique_ptr<Dial>> dial(Endpoint& endpoint, const Caller& caller,
                                                           DialHolder& holder) = 0;

  // Whether admit() would say kCircuitOpen, and for how long at least.
  [[nodiscard]] virtual bool circuit_open() const = 0;
  [[nodiscard]] virtual Duration circuit_open_for() const = 0;
  // The request admitted `held` ago waits for an answer no longer: its head has come, or its end.
  // At most once for each Permit, while it is held.
  virtual void heard(Endpoint& endpoint, Duration held) = 0;
  // May one more retry be made? Counts it against the budget (or retries_max) when it says yes.
  [[nodiscard]] virtual bool admit_retry() = 0;
  virtual void retry_done() = 0;  // a retry admitted before has ended
  // One more upgrade or CONNECT: kLimit beyond tunnels_max.
  [[nodiscard]] virtual Status admit_tunnel() = 0;
  virtual void tunnel_done() = 0;  // one admitted before has ended, or became no tunnel
  // A first attempt begins: what the retry budget is a share of.
  virtual void count_request() = 0;

  // The names of this cluster in metrics and logs, resolved once.
  struct Labels {
    telemetry::ServiceId service = telemetry::ServiceId::kUnknown;
    telemetry::LabelId backend = telemetry::LabelId::kEmpty;
  };
  [[nodiscard]] virtual const Labels& labels() const = 0;
  // Attempts, retries and their refusals are counted here by whoever makes them.
  [[nodiscard]] virtual telemetry::ClusterMetrics& metrics() = 0;

 protected:
  virtual ~Cluster() = default;

 private:
  friend class ClusterRef;
  friend class Permit;
  virtual void reference() = 0;
  virtual void unreference() = 0;
  virtual void release(Endpoint& endpoint, Breaker::Pass& pass) = 0;
  virtual void note(Endpoint& endpoint, const Outcome& outcome, Breaker::Pass& pass) = 0;
  virtual void note_overdue(Breaker::Pass& pass) = 0;
};

class ClusterRef final {
 public:
  ClusterRef() = default;
  explicit ClusterRef(Cluster& cluster) : cluster_(&cluster) { cluster.reference(); }
  ClusterRef(ClusterRef&& other) noexcept : cluster_(std::exchange(other.cluster_, nullptr)) {}
  ClusterRef& operator=(ClusterRef&& other) noexcept {
    if (this != &other) {
      reset();
      cluster_ = std::exchange(other.cluster_, nullptr);
    }
    return *this;
  }
  ~ClusterRef() { reset(); }
  void reset() {
    if (cluster_ != nullptr) std::exchange(cluster_, nullptr)->unreference();
  }
  [[nodiscard]] explicit operator bool() const { return cluster_ != nullptr; }
  Cluster* operator->() const { return cluster_; }
  Cluster& operator*() const { return *cluster_; }

 private:
  Cluster* cluster_ = nullptr;
};

inline void Permit::release() {
  if (cluster_ != nullptr) std::exchange(cluster_, nullptr)->release(*endpoint_, pass_);
}

inline void Permit::report(const Outcome& outcome) {
  if (cluster_ != nullptr) cluster_->note(*endpoint_, outcome, pass_);
}

inline void Permit::trial_overdue() {
  if (cluster_ != nullptr) cluster_->note_overdue(pass_);
}

}  // namespace weft::upstream
