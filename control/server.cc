#include "control/server.h"

#include <algorithm>
#include <utility>

#include "control/admission.h"
#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

// Of the API server, which keeps its connections.
constexpr std::size_t kWebhookConnectionsMax = 256;

TlsSettings door_settings(bool http1 = false) {
  TlsSettings settings;
  settings.version_min = TlsSettings::Version::kTls13;
  settings.version_max = TlsSettings::Version::kTls13;
  settings.alpn = {"h2"};
  if (http1) settings.alpn.push_back("http/1.1");
  // A newcomer has no certificate yet: it shows its join token instead.
  settings.require_peer_certificate = false;
  return settings;
}

injection::InjectionContext injection_of(const Authority& authority,
                                         injection::InjectionContext context) {
  context.trust_domain = authority.trust_domain();
  context.roots_sha256 = {authority.root_spki_sha256()};
  return context;
}

}  // namespace

Server::Server(Turn& turn, MeshCatalog& catalog, Authority& authority, const Options& options)
    : authority_(authority),
      options_(options),
      renewal_(turn.timers(), *this),
      tls_door_(turn, {.name = "xds", .connections_max = options.connections_max}),
      plain_door_(turn, {.name = "plaintext xds", .connections_max = options.connections_max}),
      webhook_(injection_of(authority, options.injection), options.wall_clock),
      webhook_door_(turn, {.name = "webhook",
                           .connections_max = kWebhookConnectionsMax,
                           .http1 = true,
                           .body_bytes_max = Webhook::kBodyMax}),
      certificates_(turn, authority) {
  const auto admit_at = [&catalog](DoorKind kind) {
    return
        [&catalog, kind](const xds::NodeInfo& node) { return admit(catalog.mesh(), kind, node); };
  };
  xds::AdsServer::Options ads = options.ads;
  plain_ads_ = std::make_unique<xds::AdsServer>(turn, catalog, admit_at(DoorKind::kPlain), ads);
  ads.certificate_required = true;
  tls_ads_ = std::make_unique<xds::AdsServer>(turn, catalog, admit_at(DoorKind::kTls), ads);
  webhook_.serve(webhook_door_.service());
  certificates_.add_to(tls_door_.service());
  tls_ads_->serve(tls_door_.service());
  plain_ads_->serve(plain_door_.service());
}

Server::~Server() = default;

Status Server::start() {
  library_ = tls::Library::make({.wall_clock = options_.wall_clock});
  if (Status made = renew(); !made) return made;
  plan_renewal();
  return {};
}

Status Server::listen(net::Loop& loop, const SocketAddress& tls) {
  return tls_door_.listen(loop, tls);
}

Status Server::listen_plain(net::Loop& loop, const SocketAddress& address) {
  if (!address.is_unix() && !(address.is_ip() && address.ip().is_loopback())) {
    WEFT_LOG(kWarn, "plaintext xds on {} tells the mesh's configuration to whoever reaches it",
             address.to_string());
  }
  return plain_door_.listen(loop, address);
}

Status Server::listen_webhook(net::Loop& loop, const SocketAddress& address) {
  return webhook_door_.listen(loop, address);
}

void Server::set_watcher(xds::AdsServer::Watcher* watcher) {
  tls_ads_->set_watcher(watcher);
  plain_ads_->set_watcher(watcher);
}

// ---- its certificate ----

Status Server::renew() {
  // The API server calls a revision's webhooks by the name of its Service.
  std::string service(Authority::kOwnAccount);
  const std::string& revision = options_.injection.revision;
  if (revision != injection::InjectionContext().revision) service += "-" + revision;
  Result<TlsMaterial> material = authority_.make_own_material(options_.own_lifetime, service);
  if (!material) return fail(material.error());
  const Result<tls::Certificate> leaf =
      tls::parse_certificate(material->chain_pem, "own certificate");
  if (!leaf) return fail(leaf.error());
  // With the root, so that a newcomer can compare it with the digest in its join token.
  material->chain_pem += authority_.root_pem();
  Result<std::shared_ptr<const tls::ServerContext>> context =
      tls::ServerContext::make(*material, door_settings(), library_);
  if (!context) return fail(context.error());
  Result<std::shared_ptr<const tls::ServerContext>> webhook =
      tls::ServerContext::make(*material, door_settings(true), library_);
  if (!webhook) return fail(webhook.error());
  const WallTime now = options_.wall_clock();
  expires_ = leaf->not_after;
  renew_at_ = now + (expires_ - now) / 2;
  tls_door_.set_context(std::move(*context));
  webhook_door_.set_context(std::move(*webhook));
  return {};
}

void Server::plan_renewal() {
  renewal_.arm(
      std::clamp<Duration>(renew_at_ - options_.wall_clock(), std::chrono::seconds(1), kLookEvery));
}

void Server::on_timer(Timer&) {
  if (options_.wall_clock() < renew_at_) return plan_renewal();
  if (Status renewed = renew(); !renewed) {
    WEFT_LOG(kError, "the control plane's certificate cannot be renewed: {}",
             renewed.error().detail);
    renewal_.arm(kRetry);
    return;
  }
  WEFT_LOG(kInfo, "the control plane's certificate was renewed");
  plan_renewal();
}

// ---- the end ----

void Server::drain() {
  renewal_.cancel();
  tls_ads_->drain();
  plain_ads_->drain();
  tls_door_.drain();
  plain_door_.drain();
  webhook_door_.drain();
}

bool Server::idle() const {
  return tls_door_.connections() + plain_door_.connections() + webhook_door_.connections() == 0;
}

}  // namespace weft::control
