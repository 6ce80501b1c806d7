#include "sidecar/admin.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "sidecar/core/log.h"
#include "sidecar/core/strings.h"

namespace weft::sidecar {

namespace {

constexpr std::string_view kIndex =
    "weft-sidecar " WEFT_VERSION
    "\n\n"
    "GET  /ready         200 once traffic is served\n"
    "GET  /metrics       Prometheus text\n"
    "GET  /config_dump   the configuration in force\n"
    "GET  /clusters      destinations and their endpoints (?format=json)\n"
    "GET  /certs         certificates and when they expire\n"
    "GET  /dns           the pod's resolver; ?name=cart.shop.svc.cluster.local looks a name up\n"
    "GET  /traces        the last spans, as JSON\n"
    "GET  /logging       the log level; POST /logging?level=debug changes it\n"
    "GET  /faults        whether faults may be injected; POST /faults?off ends them all, ?on "
    "allows\n"
    "POST /drain         say goodbye to all clients and finish\n";

http::Service::Options service_options() {
  http::Service::Options options;
  options.loopback_hosts_only = true;
  options.connections_max = Admin::kConnectionsMax;
  return options;
}

http::Reply set_level(const http::ServiceRequest& request) {
  if (request.head.method != http::Method::kPost)
    return {.body = std::string(name_of(log_level())) + "\n"};
  std::string_view query = request.head.query();
  if (query.starts_with("level=")) query.remove_prefix(6);
  const Result<LogLevel> level = parse_log_level(query);
  if (!level) return {.status = 400, .body = level.error().detail + "\n"};
  set_log_level(*level);
  return {.body = std::string(name_of(*level)) + "\n"};
}

http::Reply set_faults(proxy::FaultSwitch& faults, const http::ServiceRequest& request) {
  if (request.head.method == http::Method::kPost) {
    const std::string_view wanted = request.head.query();
    if (wanted != "on" && wanted != "off")
      return {.status = 400, .body = "say /faults?on or /faults?off\n"};
    faults.set(wanted == "on");
    WEFT_LOG(kWarn, "faults are switched {}", wanted);
  }
  return {.body = fmt::format("{} active {}\n", faults.on() ? "on" : "off", faults.active())};
}

}  // namespace

http::Reply make_ready_page(const Admin::Source& source) {
  const std::string state = source.state();
  http::Reply reply{.status = static_cast<std::uint16_t>(state == "LIVE" ? 200 : 503),
                    .body = state + "\n"};
  if (state == "INITIALIZING") {
    for (const std::string& what : source.waits_for())
      reply.body += "waits for " + escape(what) + "\n";
  }
  return reply;
}

// One /clusters page, until every worker has told its part: what lives there. What lives nowhere is
// as it is configured.
class Admin::ClustersPage final : public http::RequestSink {
 public:
  ClustersPage(std::unique_ptr<http::ServerStream> stream, http::Method method, bool json,
               const Source& source)
      : stream_(std::move(stream)),
        method_(method),
        json_(json),
        source_(source),
        missing_(source.workers().size()) {
    stream_->set_sink(this);
  }
  void on_body(Buffer&& bytes, bool) override { stream_->consume(bytes.size()); }
  void on_trailers(http::Headers&&) override {}
  void on_sent(std::size_t) override {}
  void on_stream_fault(const Error&) override { gone_ = true; }

  // True when the page is complete.
  bool add(const Worker::States& states) {
    for (const auto& state : states) merge(state);
    if (--missing_ != 0) return false;
    for (auto& unused : source_.configured_clusters())
      clusters_.try_emplace(unused.name, std::move(unused));
    if (!gone_) http::send_reply(*stream_, method_, json_ ? as_json() : as_text());
    return true;
  }

 private:
  void merge(const upstream::ClusterSet::ClusterState& part) {
    auto [found, fresh] = clusters_.try_emplace(part.name, part);
    if (fresh) return;
    upstream::ClusterSet::ClusterState& whole = found->second;
    whole.active_requests += part.active_requests;
    whole.pending += part.pending;
    whole.connections += part.connections;
    for (std::size_t i = 0; i < std::min(whole.endpoints.size(), part.endpoints.size()); ++i) {
      whole.endpoints[i].active_requests += part.endpoints[i].active_requests;
      whole.endpoints[i].connections += part.endpoints[i].connections;
      whole.endpoints[i].successes += part.endpoints[i].successes;
      whole.endpoints[i].failures += part.endpoints[i].failures;
      whole.endpoints[i].latency = std::max(whole.endpoints[i].latency, part.endpoints[i].latency);
    }
  }
  [[nodiscard]] http::Reply as_text() const {
    http::Reply reply;
    for (const auto& [name, cluster] : clusters_) {
      reply.body += fmt::format("{} version {} active {} pending {} connections {}", escape(name),
                                escape(cluster.version), cluster.active_requests, cluster.pending,
                                cluster.connections);
      if (cluster.breaker) reply.body += " breaker " + cluster.breaker->state;
      reply.body += '\n';
      for (const auto& endpoint : cluster.endpoints) {
        reply.body +=
            fmt::format("  {} {} weight {} active {} connections {} ok {} failed {}\n",
                        endpoint.address, endpoint.state, endpoint.weight, endpoint.active_requests,
                        endpoint.connections, endpoint.successes, endpoint.failures);
      }
    }
    return reply;
  }
  [[nodiscard]] static double milliseconds_of(Duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  }
  [[nodiscard]] static nlohmann::json as_json(
      const std::optional<upstream::ClusterSet::BreakerState>& breaker) {
    if (!breaker) return nullptr;
    return {{"state", breaker->state},
            {"attempts", breaker->counts.attempts},
            {"failed", breaker->counts.failures},
            {"slow", breaker->counts.slow},
            {"in_a_row", breaker->counts.in_a_row},
            {"open_for_ms", milliseconds_of(breaker->open_for)}};
  }
  [[nodiscard]] http::Reply as_json() const {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& [name, cluster] : clusters_) {
      nlohmann::json endpoints = nlohmann::json::array();
      for (const auto& endpoint : cluster.endpoints) {
        endpoints.push_back({{"address", endpoint.address},
                             {"state", endpoint.state},
                             {"weight", endpoint.weight},
                             {"active", endpoint.active_requests},
                             {"connections", endpoint.connections},
                             {"ok", endpoint.successes},
                             {"failed", endpoint.failures},
                             {"latency_ms", milliseconds_of(endpoint.latency)}});
      }
      list.push_back({{"name", escape(name)},
                      {"version", escape(cluster.version)},
                      {"active", cluster.active_requests},
                      {"pending", cluster.pending},
                      {"connections", cluster.connections},
                      {"breaker", as_json(cluster.breaker)},
                      {"endpoints", std::move(endpoints)}});
    }
    http::Reply reply;
    reply.content_type = "application/json";
    reply.body = nlohmann::json{{"clusters", std::move(list)}}.dump(1) + "\n";
    return reply;
  }

  std::unique_ptr<http::ServerStream> stream_;
  const http::Method method_;
  const bool json_;
  const Source& source_;
  std::size_t missing_;
  bool gone_ = false;
  std::map<std::string, upstream::ClusterSet::ClusterState> clusters_;
};

Admin::Admin(net::Loop& loop, Source& source)
    : loop_(loop), source_(source), service_(loop.turn(), service_options()) {
  using http::Reply;
  using http::ServiceRequest;
  service_.handle("GET", "/",
                  [](const ServiceRequest&) { return Reply{.body = std::string(kIndex)}; });
  service_.handle("GET", "/ready",
                  [this](const ServiceRequest&) { return make_ready_page(source_); });
  service_.handle("GET", "/metrics", [this](const ServiceRequest&) {
    return Reply{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                 .body = source_.metrics()};
  });
  service_.handle("GET", "/config_dump",
                  [this](const ServiceRequest&) { return Reply{.body = source_.config_dump()}; });
  service_.handle("GET", "/certs", [this](const ServiceRequest&) {
    return Reply{.content_type = "application/json", .body = source_.certificates()};
  });
  service_.handle("GET", "/dns", [this](const ServiceRequest& request) {
    constexpr std::string_view kName = "name=";
    std::string_view wanted = request.head.query();
    if (!wanted.starts_with(kName)) wanted = {};
    return Reply{.body = source_.dns(wanted.substr(wanted.empty() ? 0 : kName.size()))};
  });
  service_.handle("GET", "/traces", [this](const ServiceRequest&) {
    return Reply{.content_type = "application/json", .body = source_.traces()};
  });
  service_.handle("GET,POST", "/logging", set_level);
  service_.handle("GET,POST", "/faults", [this](const ServiceRequest& request) {
    return set_faults(source_.faults(), request);
  });
  service_.handle("POST", "/drain", [this](const ServiceRequest&) {
    source_.begin_drain();
    return Reply{.status = 202, .body = "draining\n"};
  });
  service_.handle_stream(
      "/clusters",
      [this](std::unique_ptr<http::ServerStream> stream, http::RequestHead&& head, bool,
             Transport&) {
        const bool json = head.query().find("format=json") != std::string_view::npos;
        show_clusters(std::move(stream), head.method, json);
      },
      "GET");
}

Admin::~Admin() = default;

Status Admin::listen(const SocketAddress& address) {
  if (!address.is_unix() && !(address.is_ip() && address.ip().is_loopback())) {
    WEFT_LOG(kWarn, "admin pages on {} can be reached from other machines", address.to_string());
  }
  Result<net::OwnedFd> socket = net::bind_listener(address);
  if (!socket) return fail(socket.error());
  // A descriptor in reserve keeps the pages reachable when the process has run out of them.
  acceptor_ = std::make_unique<net::Acceptor>(loop_, std::move(*socket), *this,
                                              net::Acceptor::Options{.reserve_descriptors = 2});
  return {};
}

SocketAddress Admin::address() const {
  return acceptor_ == nullptr ? SocketAddress() : acceptor_->address();
}

void Admin::on_accept(std::unique_ptr<net::Socket> socket) {
  if (service_.connections() >= kConnectionsMax) {
    ++refused_;
    WEFT_LOG_LIMITED(kWarn, "admin pages: connection limit {} reached", kConnectionsMax);
    return;
  }
  service_.adopt(std::move(socket));
}

void Admin::show_clusters(std::unique_ptr<http::ServerStream> stream, http::Method method,
                          bool json) {
  const auto& workers = source_.workers();
  auto page = std::make_shared<ClustersPage>(std::move(stream), method, json, source_);
  pages_.push_back(page);
  for (const auto& worker : workers) {
    worker->ask_clusters([this, page](const Worker::States& states) {
      if (page->add(states)) std::erase(pages_, page);
    });
  }
}

}  // namespace weft::sidecar
