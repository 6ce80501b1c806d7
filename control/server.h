#pragma once
// Server: how the control plane is reached: a TLS door for sidecars (certificates and ADS) and,
// where somebody opens them, a plain one for gRPC clients (ADS only) and one over HTTPS for the API
// server's admission reviews.
//
// Its own certificate comes from the Authority and is made anew at half its life; connections that
// are there keep theirs. Decisions on who may ask are control/admission's. Owner: Control. Thread:
// its loop's. Source: decisions A8.

#include <memory>
#include <vector>

#include "control/authority.h"
#include "control/certificate_service.h"
#include "control/door.h"
#include "control/mesh_catalog.h"
#include "control/webhook.h"
#include "sidecar/core/turn.h"
#include "tls/library.h"
#include "xds/ads_server.h"

namespace weft::control {

class Server final : public TimerSink {
 public:
  // A certificate that cannot be renewed is tried again after this.
  static constexpr Duration kRetry = std::chrono::seconds(10);
  // A wall clock that was set forward is noticed after this.
  static constexpr Duration kLookEvery = std::chrono::minutes(5);

  struct Options {
    Duration own_lifetime = std::chrono::hours(24);
    std::size_t connections_max = 10'000;  // at each door
    xds::AdsServer::Options ads;
    // What the webhook puts into pods; the trust domain and the root are the Authority's.
    injection::InjectionContext injection;
    WallTime (*wall_clock)() = &read_wall_clock;
  };

  Server(Turn& turn, MeshCatalog& catalog, Authority& authority, const Options& options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  // The first certificate; before any connection.
  Status start();
  Status listen(net::Loop& loop, const SocketAddress& tls);
  Status listen_plain(net::Loop& loop, const SocketAddress& address);
  Status listen_webhook(net::Loop& loop, const SocketAddress& address);

  [[nodiscard]] Door& tls_door() { return tls_door_; }
  [[nodiscard]] Door& plain_door() { return plain_door_; }
  [[nodiscard]] Door& webhook_door() { return webhook_door_; }
  [[nodiscard]] const Webhook& webhook() const { return webhook_; }
  [[nodiscard]] const Door& tls_door() const { return tls_door_; }
  [[nodiscard]] const Door& plain_door() const { return plain_door_; }
  [[nodiscard]] const xds::AdsServer& tls_ads() const { return *tls_ads_; }
  [[nodiscard]] const xds::AdsServer& plain_ads() const { return *plain_ads_; }
  [[nodiscard]] const tls::Library& library() const { return *library_; }
  [[nodiscard]] WallTime certificate_expires() const { return expires_; }

  void set_watcher(xds::AdsServer::Watcher* watcher);
  // Of tokens that are no join tokens; it outlives the Server.
  void set_token_reviewer(TokenReviewer* reviewer) { certificates_.set_reviewer(reviewer); }

  // Streams end, connections say goodbye; idle() once they have gone.
  void drain();
  [[nodiscard]] bool idle() const;

  void on_timer(Timer& timer) override;

 private:
  Status renew();
  void plan_renewal();

  Authority& authority_;
  const Options options_;
  std::shared_ptr<tls::Library> library_;
  WallTime expires_{};
  WallTime renew_at_{};
  Timer renewal_;
  Door tls_door_;
  Door plain_door_;
  Webhook webhook_;
  Door webhook_door_;
  // After the doors, so that they end their streams while the connections are there.
  CertificateService certificates_;
  std::unique_ptr<xds::AdsServer> tls_ads_;
  std::unique_ptr<xds::AdsServer> plain_ads_;
};

}  // namespace weft::control
