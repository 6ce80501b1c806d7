#include "tests/mesh/mesh.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <future>
#include <sstream>

namespace weft::mesh_test {

config::ClusterConfig cluster(std::string name, std::vector<SocketAddress> endpoints) {
  config::ClusterConfig config;
  config.name = name;
  auto set = std::make_shared<config::EndpointSet>();
  set->cluster = std::move(name);
  for (SocketAddress& address : endpoints) {
    config::Endpoint endpoint;
    endpoint.address = std::move(address);
    set->endpoints.push_back(std::move(endpoint));
  }
  config.inline_endpoints = std::move(set);
  config.labels.service = config.name;
  return config;
}

config::Route to(std::string prefix, std::string cluster) {
  config::Route route;
  route.path.how = config::PathMatch::How::kPrefix;
  route.path.text = {.how = config::TextMatch::How::kPrefix, .value = std::move(prefix)};
  config::ForwardAction action;
  action.clusters.push_back({.cluster = std::move(cluster), .weight = 1, .edits = {}});
  route.action = std::move(action);
  return route;
}

config::ForwardAction& forward(config::Route& route) {
  return std::get<config::ForwardAction>(route.action);
}

config::RouteConfig routes(std::vector<config::Route> routes) {
  config::RouteConfig config;
  config.name = "routes";
  config::VirtualHost host;
  host.name = "all";
  host.domains = {"*"};
  host.routes = std::move(routes);
  config.virtual_hosts.push_back(std::move(host));
  return config;
}

namespace {

config::ListenerConfig listener_with(std::string name, config::FilterChain chain) {
  config::ListenerConfig listener;
  listener.name = std::move(name);
  listener.address = SocketAddress(IpAddress::v4(INADDR_LOOPBACK), 0);
  listener.direction = config::Direction::kOutbound;
  chain.name = "only";
  listener.chains.push_back(std::move(chain));
  return listener;
}

}  // namespace

config::ListenerConfig http_listener(std::string name, config::RouteConfig routes) {
  config::HttpSettings http;
  http.inline_routes = std::make_shared<config::RouteConfig>(std::move(routes));
  config::FilterChain chain;
  chain.what = std::move(http);
  return listener_with(std::move(name), std::move(chain));
}

config::ListenerConfig tcp_listener(std::string name, std::string cluster) {
  config::TcpSettings tcp;
  tcp.clusters.push_back({.cluster = std::move(cluster), .weight = 1, .edits = {}});
  config::FilterChain chain;
  chain.what = std::move(tcp);
  return listener_with(std::move(name), std::move(chain));
}

config::HttpSettings& http_of(config::ListenerConfig& listener) {
  return std::get<config::HttpSettings>(listener.chains.front().what);
}

sidecar::Start start_of(std::vector<config::ListenerConfig> listeners,
                        std::vector<config::ClusterConfig> clusters) {
  sidecar::Start start;
  start.drain.timeout = std::chrono::seconds(2);
  start.listeners = std::move(listeners);
  start.clusters = std::move(clusters);
  return start;
}

Proxy::Proxy(std::vector<config::ListenerConfig> listeners,
             std::vector<config::ClusterConfig> clusters)
    : Proxy(start_of(std::move(listeners), std::move(clusters))) {}

Proxy::Proxy(sidecar::Start start)
    : sidecar_(std::make_unique<sidecar::Sidecar>(std::move(start))) {
  const Status started = sidecar_->start();
  if (!started) ADD_FAILURE() << "the proxy does not start: " << started.error().detail;
  thread_ = std::thread([this] { (void)sidecar_->run(); });
}

Proxy::~Proxy() {
  if (thread_.joinable()) {
    sidecar_->shut_down();
    thread_.join();
  }
}

SocketAddress Proxy::address(std::string_view listener) {
  SocketAddress address;
  on_loop([&](sidecar::Sidecar& sidecar) { address = sidecar.listening_at(listener); });
  return address;
}

std::uint16_t Proxy::port(std::string_view listener) { return address(listener).port(); }

void Proxy::on_loop(const std::function<void(sidecar::Sidecar&)>& call) {
  std::promise<void> done;
  sidecar_->loop().post([&] {
    call(*sidecar_);
    done.set_value();
  });
  done.get_future().wait();
}

std::string Proxy::metrics() {
  std::string text;
  on_loop([&](sidecar::Sidecar& sidecar) { text = sidecar.metrics(); });
  return text;
}

double Proxy::metric(std::string_view family, const std::vector<std::string>& with) {
  std::istringstream lines(metrics());
  double sum = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(family) ||
        (line.size() > family.size() && line[family.size()] != '{' && line[family.size()] != ' ')) {
      continue;
    }
    bool all = true;
    for (const std::string& part : with) all = all && line.find(part) != std::string::npos;
    if (all) sum += std::stod(line.substr(line.rfind(' ')));
  }
  return sum;
}

bool Proxy::metric_reaches(double value, std::string_view family,
                           const std::vector<std::string>& with) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (metric(family, with) < value) {
    if (std::chrono::steady_clock::now() > until) return false;
  }
  return true;
}

bool Proxy::ready() {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  std::string missing;
  while (std::chrono::steady_clock::now() < until) {
    missing.clear();
    on_loop([&](sidecar::Sidecar& sidecar) {
      for (const std::string& what : sidecar.waits_for()) missing += what + "; ";
    });
    if (missing.empty()) return true;
  }
  ADD_FAILURE() << "still waits for " << missing;
  return false;
}

void Proxy::drain() { sidecar_->shut_down(); }

void Proxy::join() { thread_.join(); }

void Proxy::end() {
  join();
  sidecar_.reset();
}

Wire::Message ask(Wire& wire, std::string_view target, std::string_view fields,
                  std::string_view method, std::string_view body) {
  std::string text = std::string(method) + " " + std::string(target) +
                     " HTTP/1.1\r\nhost: shop\r\n" + std::string(fields);
  if (!body.empty() || method == "POST")
    text += "content-length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  if (!wire.send(text + std::string(body))) return {};
  return wire.read_message(true, method == "HEAD");
}

Wire::Message ask(Proxy& proxy, std::string_view target, std::string_view fields,
                  std::string_view method, std::string_view body) {
  Wire wire = proxy.dial();
  return ask(wire, target, fields, method, body);
}

}  // namespace weft::mesh_test
