// What the planner tells sidecars whose app's traffic the kernel redirects, put to work: each runs
// exactly what it is told, but for its ports, and is told by a PROXY header where a connection was
// bound for, as there is no redirect here. Loopback addresses stand for those of pods; those of
// Services are nobody's.

#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "control/planner/planner.h"
#include "tests/control/objects.h"
#include "tests/mesh/pair.h"
#include "xds/from_proto.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;
using control::Node;

// "127.99.3.N", of this process alone.
std::string pod_address(int number) {
  const int process = ::getpid();
  return "127." + std::to_string(192 + (process / 256) % 60) + "." + std::to_string(process % 256) +
         "." + std::to_string(number);
}

std::string pod(const std::string& name, int number, const std::string& ports) {
  return "---\napiVersion: weft.dev/v1alpha1\nkind: Workload\nmetadata: {name: " + name +
         "-a, namespace: shop, labels: {app: " + name +
         "}}\nspec: {address: " + pod_address(number) +
         ", redirect: true, serviceAccount: " + name + ", ports: [" + ports + "]}\n";
}

std::string service_at(const std::string& name, const std::string& address,
                       const std::string& port) {
  return "---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name +
         ", namespace: shop}\nspec: {clusterIP: " + address + ", selector: {app: " + name +
         "}, ports: [" + port + "]}\n";
}

Origin::Serve greets_first() {
  return [](Origin&, Wire& wire) {
    if (!wire.send("220 ready\r\n")) return;
    (void)wire.send("250 " + wire.read_to("\r\n"));
  };
}

// A mesh of redirected pods; `web` calls.
class Captured : public ::testing::Test {
 protected:
  // Where the connections of a caller come from.
  enum class Side : std::uint8_t { kInbound, kOutbound };

  std::string mesh_text() const {
    const auto at = [](const Origin& origin) { return std::to_string(origin.port()); };
    return service_at("cart", "10.96.0.10", "{name: http, port: 80, targetPort: 8080}") +
           service_at("rest", "10.96.0.11", "{name: http, port: 80, targetPort: 8080}") +
           service_at("mail", "10.96.0.12", "{name: tcp-mail, port: 2525}") +
           service_at("odd", "10.96.0.13", "{name: odd, port: 9999}") +
           service_at("web", "10.96.0.14", "{name: http, port: 80, targetPort: 8080}") +
           service_at("db", "None", "{name: tcp-db, port: 7000}") +
           pod("cart", 1, "{name: http, port: 8080, appPort: " + at(cart_) + "}") +
           pod("rest", 2, "{name: http, port: 8080, appPort: " + at(rest_) + "}") +
           pod("mail", 3, "{name: tcp-mail, port: 2525, appPort: " + at(mail_) + "}") +
           pod("odd", 4, "{name: odd, port: 9999, appPort: " + at(mail_) + "}") +
           pod("web", 5, "{name: http, port: 8080, appPort: " + at(web_) + "}") +
           pod("db", 6, "{name: tcp-db, port: 7000, appPort: " + at(db_) + "}") + R"(---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec:
  parentRefs: [{group: "", kind: Service, name: cart}]
  rules:
  - backendRefs: [{name: cart, port: 80}]
    filters: [{type: ResponseHeaderModifier, responseHeaderModifier: {set: [{name: x-route, value: cart}]}}]
---
apiVersion: weft.dev/v1alpha1
kind: MeshConfig
metadata: {name: default}
spec: {outbound: {unknown: )" +
           std::string(deny_ ? "Deny" : "Allow") + "}, accessLog: {mode: \"Off\"}}\n";
  }

  // The sidecar of that pod with one of its listeners, named "in".
  std::unique_ptr<Proxy> start(const std::string& name, Side side) {
    const auto mesh = control::testing::mesh_of(mesh_text());
    const auto set = control::plan(
        mesh, Node::parse("sidecar~127.0.0.1~" + name + "-a.shop~shop.svc.cluster.local"));
    std::map<std::string, config::RouteConfig> tables;
    std::map<std::string, std::shared_ptr<const config::EndpointSet>> endpoints;
    std::vector<config::ListenerConfig> listeners;
    std::vector<config::ClusterConfig> clusters;
    for (const auto& [type, table] : set->types) {
      for (const auto& [key, resource] : table->resources) {
        xds::Findings findings;
        auto read = xds::decode(resource->body, {.unknown = xds::UnknownFields::kRefuse}, findings);
        EXPECT_TRUE(read.has_value()) << key;
        if (!read) continue;
        if (auto* routes = std::get_if<config::RouteConfig>(&*read)) tables[key] = *routes;
        if (auto* cluster = std::get_if<config::ClusterConfig>(&*read))
          clusters.push_back(*cluster);
        if (auto* ends = std::get_if<config::EndpointSet>(&*read))
          endpoints[key] = std::make_shared<const config::EndpointSet>(std::move(*ends));
        if (auto* listener = std::get_if<config::ListenerConfig>(&*read)) {
          if (listener->name == (side == Side::kInbound ? "inbound" : "outbound"))
            listeners.push_back(*listener);
        }
      }
    }
    const TlsMaterial material = authority_.material(name);
    const auto secure = [&](std::optional<config::TlsReference>& tls) {
      if (!tls) return;
      tls->inline_material = material;
      tls->certificate_secret.clear();
      tls->validation_secret.clear();
    };
    for (config::ClusterConfig& cluster : clusters) {
      if (cluster.discovery == config::ClusterConfig::Discovery::kEds) {
        cluster.discovery = config::ClusterConfig::Discovery::kStatic;
        cluster.inline_endpoints = endpoints[cluster.name];
      }
      secure(cluster.tls);
    }
    config::ListenerConfig& listener = listeners.at(0);
    listener.name = "in";
    for (config::FilterChain& chain : listener.chains) {
      secure(chain.tls);
      auto* http = std::get_if<config::HttpSettings>(&chain.what);
      if (http == nullptr || http->route_config_name.empty()) continue;
      http->inline_routes =
          std::make_shared<config::RouteConfig>(tables.at(http->route_config_name));
      http->route_config_name.clear();
    }
    auto rest = std::make_shared<config::FilterChain>(*listener.default_chain);
    secure(rest->tls);
    listener.default_chain = std::move(rest);
    if (side == Side::kInbound) {
      // Peers call the pod's own address and port, where the listener is itself.
      const auto& workload = *mesh->workloads.at({"shop", name + "-a"});
      listener.use_original_dst = false;
      listener.address = SocketAddress(workload.address, workload.ports.at(0).port);
      if (told_) {
        listener.proxy_protocol.emplace();
        listener.proxy_protocol->required = false;
      }
    } else {
      listener.address = SocketAddress(IpAddress::v4(0x7f000001), 0);
      listener.proxy_protocol.emplace();
      listener.proxy_protocol->required = false;
    }
    return std::make_unique<Proxy>(listeners, clusters);
  }

  // A connection of web's app to there.
  Wire call(const std::string& address, std::uint16_t port) {
    if (web_sidecar_ == nullptr) web_sidecar_ = start("web", Side::kOutbound);
    Wire wire = web_sidecar_->dial();
    EXPECT_TRUE(
        wire.send("PROXY TCP4 10.1.1.1 " + address + " 1000 " + std::to_string(port) + "\r\n"));
    return wire;
  }
  Wire::Message get(const std::string& address, std::uint16_t port, const std::string& host) {
    Wire wire = call(address, port);
    EXPECT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: " + host + "\r\n\r\n"));
    return wire.read_message(true);
  }

  Authority authority_{"cluster.local"};
  Origin cart_{Origin::replies(200, "cart")};
  Origin rest_{Origin::replies(200, "rest")};
  Origin web_{Origin::replies(200, "web itself")};
  Origin mail_{greets_first()};
  Origin db_{greets_first()};
  bool deny_ = false;
  bool told_ = false;  // a PROXY header says where a call on the way in was bound for
  std::unique_ptr<Proxy> web_sidecar_;
};

TEST_F(Captured, TheAddressDecidesAndNotTheHost) {
  const auto cart = start("cart", Side::kInbound);
  const auto rest = start("rest", Side::kInbound);
  for (const char* host : {"cart", "rest.shop", "10.96.0.11", "elsewhere.example"}) {
    const Wire::Message answer = get("10.96.0.10", 80, host);
    EXPECT_EQ(answer.body, "cart") << host;
    EXPECT_EQ(answer.field("x-route"), "cart") << host;
    EXPECT_NE(cart_.last().head.find(std::string("host: ") + host), std::string::npos);
  }
  EXPECT_EQ(get("10.96.0.11", 80, "cart").body, "rest");
  EXPECT_EQ(cart->metric("weft_handshakes_total", {"server", "ok"}), 1) << "one, kept";
}

TEST_F(Captured, APodsOwnAddressIsMeshedAndUnrouted) {
  const auto cart = start("cart", Side::kInbound);
  const Wire::Message answer = get(pod_address(1), 8080, "cart");
  EXPECT_EQ(answer.body, "cart");
  EXPECT_EQ(answer.field("x-route"), "") << "routes are for the Service's address";
  EXPECT_EQ(cart->metric("weft_handshakes_total", {"server", "ok"}), 1);
  EXPECT_EQ(web_sidecar_->metric("weft_unknown_destinations_total"), 0);
}

// The certificate is good and of the mesh, but not whose pod that address is.
TEST_F(Captured, APodsOwnAddressIsOnlyThatPods) {
  Proxy impostor({[&] {
                   config::ListenerConfig listener = inbound(authority_.material("rest"));
                   listener.address = SocketAddress(IpAddress::parse(pod_address(1)).value(), 8080);
                   return listener;
                 }()},
                 {cluster("app", {rest_.address()})});
  const Wire::Message answer = get(pod_address(1), 8080, "cart");
  EXPECT_EQ(answer.status(), 503);
  EXPECT_EQ(rest_.requests(), 0U);
}

TEST_F(Captured, AHeadlessServicesPeerIsExactlyTheOneThatWasCalled) {
  const auto db = start("db", Side::kInbound);
  Wire wire = call(pod_address(6), 7000);
  EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  EXPECT_TRUE(wire.send("EHLO\r\n"));
  EXPECT_EQ(wire.read_all(), "250 EHLO\r\n");
  EXPECT_EQ(web_sidecar_->metric("weft_protocol_detected_total", {"tcp", "declared"}), 1)
      << "nobody waited for first bytes";
  EXPECT_EQ(db->metric("weft_handshakes_total", {"server", "ok"}), 1);
}

TEST_F(Captured, AServerThatSpeaksFirstIsHeardAtOnceWhereItWasDeclared) {
  const auto mail = start("mail", Side::kInbound);
  Wire wire = call("10.96.0.12", 2525);
  EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  EXPECT_EQ(web_sidecar_->metric("weft_protocol_detected_total", {"tcp", "declared"}), 1);
}

TEST_F(Captured, AServerThatSpeaksFirstIsHeardAlsoWhereNobodyDeclaredIt) {
  const auto odd = start("odd", Side::kInbound);
  for (int i = 0; i < 3; ++i) {
    Wire wire = call("10.96.0.13", 9999);
    EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  }
  EXPECT_EQ(web_sidecar_->metric("weft_protocol_detected_total", {"tcp", "timeout"}), 1);
  EXPECT_EQ(web_sidecar_->metric("weft_protocol_detected_total", {"tcp", "remembered"}), 2);
  EXPECT_EQ(odd->metric("weft_handshakes_total", {"server", "ok"}), 3);
}

// As a peer's sidecar calls it: over mTLS, at a port that no Workload tells of.
TEST_F(Captured, APortThatNobodyDeclaredIsTheAppsAllTheSame) {
  told_ = true;
  const auto cart = start("cart", Side::kInbound);
  Origin undeclared(greets_first());
  config::ListenerConfig entry = tcp_listener("in", "cart");
  entry.proxy_protocol.emplace();
  config::ClusterConfig to_cart = to_server(
      authority_.material("web"), SocketAddress(IpAddress::parse(pod_address(1)).value(), 8080));
  to_cart.name = "cart";
  to_cart.tls->settings.peer_names[0].value = "spiffe://cluster.local/ns/shop/sa/cart";
  to_cart.http.protocol = config::UpstreamHttp::Protocol::kHttp1;
  to_cart.proxy_header = ProxyHeader::Version::kV2;
  to_cart.mesh_peer = true;  // bytes of no protocol: without ALPN
  Proxy caller({entry}, {to_cart});
  for (int i = 0; i < 2; ++i) {
    Wire wire = caller.dial();
    ASSERT_TRUE(wire.send("PROXY TCP4 10.1.1.1 127.0.0.1 1000 " +
                          std::to_string(undeclared.port()) + "\r\n"));
    EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
    ASSERT_TRUE(wire.send("EHLO\r\n"));
    EXPECT_EQ(wire.read_all(), "250 EHLO\r\n");
  }
  EXPECT_EQ(undeclared.connections(), 2U);
  EXPECT_EQ(cart->metric("weft_handshakes_total", {"server", "ok"}), 2);
}

TEST_F(Captured, APodCallsItselfByItsService) {
  const auto itself = start("web", Side::kInbound);
  EXPECT_EQ(get("10.96.0.14", 80, "web").body, "web itself");
  EXPECT_EQ(itself->metric("weft_handshakes_total", {"server", "ok"}), 1);
}

TEST_F(Captured, StrangersAreCalledAsTheyAreAndCounted) {
  const Origin stranger(Origin::replies(200, "a stranger"));
  EXPECT_EQ(get("127.0.0.1", stranger.port(), "example").body, "a stranger");
  Origin greeting(greets_first());
  Wire wire = call("127.0.0.1", greeting.port());
  EXPECT_EQ(wire.read_to("\r\n"), "220 ready\r\n");
  EXPECT_EQ(web_sidecar_->metric("weft_unknown_destinations_total", {"allowed"}), 2);
}

TEST_F(Captured, StrangersAreRefusedWhereTheMeshSaysSo) {
  deny_ = true;
  Origin stranger(Origin::replies(200, "a stranger"));
  const Wire::Message answer = get("127.0.0.1", stranger.port(), "example");
  EXPECT_EQ(answer.status(), 403);
  Wire wire = call("127.0.0.1", stranger.port());
  ASSERT_TRUE(wire.send("\x01\x02\x03"));
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_EQ(stranger.connections(), 0U);
  EXPECT_EQ(web_sidecar_->metric("weft_unknown_destinations_total", {"denied"}), 2);
  const auto cart = start("cart", Side::kInbound);
  EXPECT_EQ(get(pod_address(1), 8080, "cart").body, "cart") << "a pod is no stranger";
}

TEST_F(Captured, WhoCallsTheListenerItselfIsNotPassedOnToIt) {
  (void)call("10.96.0.10", 80);
  Wire wire = web_sidecar_->dial();
  ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  EXPECT_EQ(wire.read_all(), "");
  EXPECT_EQ(web_sidecar_->metric("weft_downstream_connections_total", {"loop"}), 1);
}

TEST_F(Captured, NobodyGetsInInTheClear) {
  const auto cart = start("cart", Side::kInbound);
  Proxy plain({tcp_listener("in", "cart")},
              {cluster("cart", {SocketAddress(IpAddress::parse(pod_address(1)).value(), 8080)})});
  Wire caller = plain.dial();
  ASSERT_TRUE(caller.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
  EXPECT_EQ(caller.read_all(), "");
  EXPECT_EQ(cart_.requests(), 0U);
}

}  // namespace
}  // namespace weft::mesh_test
