#pragma once
// LiveEndpoint: one address's live state on one worker: its pool, its load, its failures.
//
// Owner: LiveCluster. Thread: its worker. When connection settings change the old pool drains
// beside a new one; an endpoint that leaves the configuration is retired when its last permit and
// connection have gone.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/config/cluster_config.h"
#include "sidecar/core/dialer.h"
#include "sidecar/core/turn.h"
#include "sidecar/upstream/cluster.h"
#include "sidecar/upstream/endpoint_load.h"
#include "sidecar/upstream/outlier_detector.h"
#include "sidecar/upstream/pool.h"
#include "tls/context.h"

namespace weft::upstream {

class LiveCluster;

class LiveEndpoint final : public Endpoint, public Pool::Owner {
 public:
  LiveEndpoint(LiveCluster& cluster, Turn& turn, Connector& connector,
               std::shared_ptr<const config::Endpoint> settings);
  ~LiveEndpoint() override;

  // Endpoint
  [[nodiscard]] const config::Endpoint& config() const override { return *settings_; }
  [[nodiscard]] const EndpointLoad& load() const override { return load_; }
  [[nodiscard]] bool ejected() const override { return outlier_.ejected(); }
  [[nodiscard]] telemetry::PeerId peer() const override { return peer_; }
  [[nodiscard]] const std::string& address_text() const override { return address_text_; }

  void set(std::shared_ptr<const config::Endpoint> settings);
  // Its cluster's labels have changed.
  void name_peer();
  // Its connections come from this address, which is somebody else's (see ConnectOptions).
  void set_source(const IpAddress& source) { source_ = std::make_unique<IpAddress>(source); }
  // Connections made so far are not fit any more (TLS, protocol): they finish, new ones are made.
  void renew_pool();
  // No longer configured.
  void leave();
  // A place under the cluster's connection limit has become free.
  void poke();
  [[nodiscard]] bool gone() const {
    return leaving_ && load_.active() == 0 && pool_->empty() && old_pools_.empty();
  }

  [[nodiscard]] Acquired acquire(TicketHolder& holder, config::Priority priority) {
    return pool_->acquire(holder, priority);
  }
  // Has as many connections ready as its cluster wants.
  void keep_warm();
  // A connection for the holder alone. Raw: for bytes that are not the cluster's protocol, so a
  // sidecar of the mesh is not told that they are.
  enum class Bytes : std::uint8_t { kHttp, kRaw };
  [[nodiscard]] std::unique_ptr<Dial> dial_alone(const Caller& caller, DialHolder& holder,
                                                 Bytes bytes = Bytes::kHttp);
  [[nodiscard]] Pool& pool() { return *pool_; }
  [[nodiscard]] const Pool& pool() const { return *pool_; }
  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] OutlierState& outlier() { return outlier_; }
  // What its health checks say, where there are any. Assumed: nobody knows better, since its
  // cluster is new to checks. Pending: it is new, and others are known to be well.
  enum class Checked : std::uint8_t { kAssumed, kPending, kPasses, kFails };
  [[nodiscard]] Checked checked() const { return checked_; }
  void set_checked(Checked checked);

  [[nodiscard]] EndpointLoad& load() { return load_; }
  // When it came, became ready, or came back: slow start counts from here.
  [[nodiscard]] TimePoint ready_since() const { return ready_since_; }
  void return_to_service();
  [[nodiscard]] std::uint64_t session() const { return session_; }
  [[nodiscard]] std::uint32_t active_requests() const { return load_.active(); }
  void end_request();

  // Pool::Owner
  [[nodiscard]] std::unique_ptr<Dial> dial(DialHolder& holder) override;
  [[nodiscard]] http::Protocol protocol_of(const Transport& transport) const override;
  [[nodiscard]] http::ConnectionOptions connection_options() const override;
  [[nodiscard]] bool multiplexes() const override;
  [[nodiscard]] bool spent(std::uint64_t handed_out) override;
  [[nodiscard]] Duration connection_age() override;
  [[nodiscard]] Duration pending_timeout() const override;
  [[nodiscard]] bool take_connection(bool needed) override;
  void give_connection() override;
  [[nodiscard]] bool take_pending(config::Priority priority) override;
  void give_pending(Duration waited, Pool::Left why) override;
  void on_pool_changed() override;
  void on_pool_drained(Pool& pool) override;

  std::uint64_t successes = 0;
  std::uint64_t failures = 0;

 private:
  // Whether nobody there has an identity, in a cluster where that is for each to say.
  [[nodiscard]] bool in_the_clear() const;

  LiveCluster& cluster_;
  Turn& turn_;
  Connector& connector_;
  std::shared_ptr<const config::Endpoint> settings_;
  std::unique_ptr<IpAddress> source_;  // null for nearly all: the cluster's own
  std::string address_text_;
  std::uint64_t session_;  // by which a session names it
  telemetry::PeerId peer_ = telemetry::PeerId::kUnknown;
  OutlierState outlier_;
  EndpointLoad load_;
  TimePoint ready_since_;
  Checked checked_ = Checked::kAssumed;
  bool leaving_ = false;
  std::unique_ptr<Pool> pool_;
  std::vector<std::unique_ptr<Pool>> old_pools_;
};

}  // namespace weft::upstream
