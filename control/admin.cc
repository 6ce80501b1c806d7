#include "control/admin.h"

#include <utility>

#include "control/replica_watch.h"
#include "sidecar/core/log.h"
#include "telemetry/prometheus.h"

namespace weft::control {

namespace {

constexpr std::size_t kConnectionsMax = 64;
constexpr std::size_t kScrapersMax = 16;

constexpr std::string_view kIndex =
    "weft-control " WEFT_VERSION
    "\n\n"
    "GET  /ready      200 while clients are served\n"
    "GET  /metrics    Prometheus text\n"
    "GET  /mesh       who has which generation, and what is wrong, as JSON\n"
    "GET  /config     the accepted objects, as JSON\n"
    "GET  /replica    which sidecars are served here, for other replicas, as JSON\n"
    "GET  /logging    the log level; POST /logging?level=debug changes it\n";

http::Service::Options service_options() {
  return {.connections_max = kConnectionsMax, .loopback_hosts_only = true};
}

http::Reply json_reply(std::string body) {
  return {.content_type = "application/json", .body = std::move(body)};
}

http::Reply logging(const http::ServiceRequest& request) {
  if (request.head.method == http::Method::kPost) {
    std::string_view query = request.head.query();
    if (query.starts_with("level=")) query.remove_prefix(6);
    const Result<LogLevel> level = parse_log_level(query);
    if (!level) return {.status = 400, .body = level.error().detail + "\n"};
    set_log_level(*level);
  }
  return {.body = std::string(name_of(log_level())) + "\n"};
}

}  // namespace

Admin::Admin(Turn& turn, Source& source)
    : source_(source),
      service_(turn, service_options()),
      metrics_service_(turn, {.connections_max = kScrapersMax}) {
  using http::Reply;
  using http::ServiceRequest;
  service_.handle("GET", "/",
                  [](const ServiceRequest&) { return Reply{.body = std::string(kIndex)}; });
  service_.handle("GET", "/ready", [this](const ServiceRequest&) {
    const std::string state = source_.state();
    return Reply{.status = static_cast<std::uint16_t>(state == "LIVE" ? 200 : 503),
                 .body = state + "\n"};
  });
  for (http::Service* service : {&service_, &metrics_service_}) {
    service->handle("GET", "/metrics", [this](const ServiceRequest&) { return metrics_page(); });
  }
  service_.handle("GET", "/mesh",
                  [this](const ServiceRequest&) { return json_reply(source_.mesh_page()); });
  service_.handle("GET", "/config",
                  [this](const ServiceRequest&) { return json_reply(source_.config_page()); });
  service_.handle("GET", ReplicaWatch::kPage,
                  [this](const ServiceRequest&) { return json_reply(source_.replica_page()); });
  service_.handle("GET,POST", "/logging", logging);
}

Admin::~Admin() = default;

http::Reply Admin::metrics_page() {
  return {.content_type = std::string(telemetry::kPrometheusContentType),
          .body = source_.metrics()};
}

Status Admin::listen_metrics(net::Loop& loop, const SocketAddress& address) {
  Result<net::OwnedFd> socket = net::bind_listener(address);
  if (!socket) return fail(socket.error().fault, "metrics: " + socket.error().detail);
  metrics_acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(*socket), metrics_door_,
                                                      net::Acceptor::Options{});
  return {};
}

SocketAddress Admin::metrics_address() const {
  return metrics_acceptor_ == nullptr ? SocketAddress() : metrics_acceptor_->address();
}

Status Admin::listen(net::Loop& loop, const SocketAddress& address) {
  if (!address.is_unix() && !(address.is_ip() && address.ip().is_loopback())) {
    WEFT_LOG(kWarn, "admin pages on {} can be reached from other machines", address.to_string());
  }
  Result<net::OwnedFd> socket = net::bind_listener(address);
  if (!socket) return fail(socket.error().fault, "admin: " + socket.error().detail);
  // Descriptors in reserve keep the pages reachable when the process has run out of them.
  acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(*socket), *this,
                                              net::Acceptor::Options{.reserve_descriptors = 2});
  return {};
}

SocketAddress Admin::address() const {
  return acceptor_ == nullptr ? SocketAddress() : acceptor_->address();
}

}  // namespace weft::control
