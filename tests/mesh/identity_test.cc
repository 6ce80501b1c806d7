// A sidecar and its certificate: from the token to the first one, from each to the next, and what a
// foreign server's secrets do.

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <thread>
#include <utility>

#include "tests/mesh/control_plane.h"
#include "tests/mesh/mesh.h"
#include "tls/issue.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

const ControlPlane::Options kSecured{.security = ControlPlane::Security::kMutual};

std::vector<xds::Resource> shop(const Origin& origin) {
  return {dynamic_listener("in", "80"), dynamic_routes("80", "cart"), dynamic_cluster("cart"),
          dynamic_endpoints("cart", {origin.address()})};
}

std::string certificates(Proxy& proxy) {
  std::string text;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) { text = sidecar.certificates(); });
  return text;
}

TEST(Identity, ComesFromAJoinTokenAloneAndOpensTheControlPlane) {
  Origin origin;
  ControlPlane control(kSecured);
  const std::uint64_t told = control.tell(shop(origin));
  Proxy proxy(control.start());
  EXPECT_EQ(control.settled(told), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(control.proofs(), std::vector<std::string>{"token"});
}

TEST(Identity, IsNotAskedForBeforeTheNameOfItsIssuerIsKnown) {
  Origin origin;
  ControlPlane control(kSecured);
  const std::uint64_t told = control.tell(shop(origin));
  sidecar::Start start = control.start();
  config::ClusterConfig& issuer = start.clusters.front();
  ASSERT_EQ(issuer.name, start.mesh->ca_cluster);
  issuer.discovery = config::ClusterConfig::Discovery::kStrictDns;
  issuer.dns_family = config::ClusterConfig::DnsFamily::kV4;
  issuer.dns_targets = {
      {.host = "localhost",
       .port = std::exchange(issuer.inline_endpoints, nullptr)->endpoints.front().address.port()}};
  Proxy proxy(start);
  EXPECT_EQ(control.settled(told), "");
  ASSERT_TRUE(proxy.ready());
  EXPECT_EQ(ask(proxy, "/").status(), 200);
  EXPECT_EQ(proxy.metric("weft_certificate_renewals_total", {"result=\"ok\""}), 1);
  EXPECT_EQ(proxy.metric("weft_certificate_renewals_total", {"result=\"failed\""}), 0);
}

TEST(Identity, ShowsNoTokenToAControlPlaneOfAnotherRoot) {
  ControlPlane control(kSecured);
  ControlPlane stranger(kSecured);
  sidecar::Start start = control.start();
  start.mesh->token = stranger.join_token("cart");
  Proxy proxy(start);
  std::string why;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (why.find("certificate") == std::string::npos && std::chrono::steady_clock::now() < until) {
    proxy.on_loop([&](sidecar::Sidecar& sidecar) { why = sidecar.waits_for().front(); });
  }
  EXPECT_EQ(why.substr(0, 9), "identity:") << why;
  EXPECT_TRUE(control.proofs().empty());
}

TEST(Identity, KnowsATokenThatIsNotItsOwn) {
  ControlPlane control(kSecured);
  sidecar::Start start = control.start();
  start.mesh->token = control.join_token("payments");
  Proxy proxy(start);
  std::string why;
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (why.find("sa/payments") == std::string::npos && std::chrono::steady_clock::now() < until)
    proxy.on_loop([&](sidecar::Sidecar& sidecar) { why = sidecar.waits_for().front(); });
  EXPECT_NE(why.find("this sidecar is spiffe://cluster.local/ns/shop/sa/cart"), std::string::npos)
      << why;
  EXPECT_TRUE(control.proofs().empty());
}

// Certificates of four seconds, ten renewals, and not one request that notices.
TEST(Identity, RenewedTenTimesUnderLoadLosesNoRequest) {
  Origin origin;
  ControlPlane control({.security = ControlPlane::Security::kMutual, .certificate_lifetime = 4s});
  const std::uint64_t told = control.tell(shop(origin));
  Proxy proxy(control.start());
  EXPECT_EQ(control.settled(told), "");
  ASSERT_TRUE(proxy.ready());
  int asked = 0;
  const auto until = std::chrono::steady_clock::now() + 90s;
  Wire kept = proxy.dial();
  while (control.proofs().size() < 11 && std::chrono::steady_clock::now() < until) {
    EXPECT_EQ(ask(kept, "/").status(), 200) << "request " << asked;
    EXPECT_EQ(ask(proxy, "/").status(), 200) << "request " << asked;
    ++asked;
  }
  const std::vector<std::string> proofs = control.proofs();
  ASSERT_GE(proofs.size(), 11U);
  EXPECT_EQ(proofs.front(), "token");
  EXPECT_EQ(std::count(proofs.begin(), proofs.end(), "token"), 1) << "never again";
  EXPECT_GT(asked, 100);
  EXPECT_TRUE(proxy.metric_reaches(11, "weft_certificate_renewals_total", {"ok"}));
  EXPECT_GT(proxy.metric("weft_certificate_expiry_timestamp_seconds", {"leaf"}), 1e9);
  EXPECT_EQ(control.streams_begun(), 1U) << "the control plane's stream stays";
}

// Both ends of mTLS are renewed again and again while callers keep connections and make new ones.
TEST(Identity, RenewedOnBothSidesOfMutualTlsLosesNoRequest) {
  Origin origin;
  ControlPlane control({.security = ControlPlane::Security::kMutual, .certificate_lifetime = 4s});
  const auto start_as = [&](const std::string& account, config::ListenerConfig listener,
                            config::ClusterConfig upstream) {
    sidecar::Start start = control.start();
    start.ads.reset();
    start.mesh->token = control.join_token(account);
    start.mesh->id = SpiffeId::make("cluster.local", "shop", account).value();
    start.listeners = {std::move(listener)};
    start.clusters.push_back(std::move(upstream));
    return start;
  };
  config::TlsReference tls;
  tls.certificate_secret = "default";
  tls.validation_secret = "ROOTCA";
  tls.settings.alpn = {"h2", "http/1.1"};
  tls.settings.peer_names = {{.type = SanMatcher::Type::kUri,
                              .how = SanMatcher::How::kPrefix,
                              .value = "spiffe://cluster.local/ns/shop/",
                              .ignore_case = false}};
  config::ListenerConfig inbound = http_listener("in", routes({to("/", "app")}));
  inbound.chains.front().tls = tls;
  inbound.chains.front().tls->settings.require_peer_certificate = true;
  Proxy server(start_as("cart", inbound, cluster("app", {origin.address()})));
  ASSERT_TRUE(server.ready());
  config::ClusterConfig remote = cluster("cart", {server.address()});
  remote.tls = tls;
  remote.http.protocol = config::UpstreamHttp::Protocol::kAlpn;
  config::ClusterConfig remote_http1 = remote;
  remote_http1.name = "cart-http1";
  remote_http1.tls->settings.alpn = {"http/1.1"};
  sidecar::Start start = start_as(
      "web", http_listener("in", routes({to("/1", "cart-http1"), to("/", "cart")})), remote);
  start.clusters.push_back(remote_http1);
  Proxy client(start);
  ASSERT_TRUE(client.ready());
  std::atomic<bool> over{false};
  std::atomic<int> asked{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      Wire kept = client.dial();
      while (!over) {
        const Wire::Message answer = ask(kept, caller == 0 ? "/1" : "/");
        const Wire::Message fresh = ask(client, caller == 1 ? "/1" : "/");
        if (answer.status() != 200 || fresh.status() != 200) {
          ++wrong;
          ADD_FAILURE() << answer.head << answer.body << fresh.head << fresh.body;
          return;
        }
        asked += 2;
      }
    });
  }
  const auto until = std::chrono::steady_clock::now() + 90s;
  while (control.proofs().size() < 12 && wrong == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_GE(control.proofs().size(), 12U);
  EXPECT_EQ(wrong, 0) << "of " << asked;
}

TEST(Identity, IsReadFromFilesAndAgainWhenTheyChange) {
  ControlPlane control(kSecured);
  const std::string folder = ::testing::TempDir() + "weft-identity-" + std::to_string(::getpid());
  const tls::Key root = tls::Key::generate().value();
  const std::string root_pem = tls::make_root(root, {}).value();
  const SpiffeId id = SpiffeId::make("cluster.local", "shop", "cart").value();
  const auto write = [&](const std::string& name, const std::string& text) {
    std::ofstream(folder + name + ".new", std::ios::binary) << text;
    std::rename((folder + name + ".new").c_str(), (folder + name).c_str());
  };
  const auto renew = [&] {
    const tls::Key key = tls::Key::generate().value();
    write(".key", key.private_pem());
    write(".pem", tls::sign_leaf({root, root_pem}, key, {.id = id}).value());
  };
  write(".roots", root_pem);
  renew();
  config::ListenerConfig listener = http_listener("in", routes({to("/", "cart")}));
  config::TlsReference tls;
  tls.certificate_secret = "default";
  tls.validation_secret = "ROOTCA";
  listener.chains.front().tls = tls;
  Origin origin;
  sidecar::Start start = start_of({listener}, {cluster("cart", {origin.address()})});
  start.mesh = xds::Bootstrap::Mesh{.trust_root_file = folder + ".roots",
                                    .id = id,
                                    .certificate_file = folder + ".pem",
                                    .private_key_file = folder + ".key"};
  start.identity_look_every = 20ms;
  Proxy proxy(start);
  ASSERT_TRUE(proxy.ready());
  const std::string first = certificates(proxy);
  EXPECT_NE(first.find(id.uri()), std::string::npos) << first;
  renew();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (certificates(proxy) == first && std::chrono::steady_clock::now() < until) {
  }
  EXPECT_NE(certificates(proxy), first);
  for (const char* name : {".roots", ".pem", ".key"}) std::remove((folder + name).c_str());
}

TEST(Identity, ASecretOfAForeignServerIsUsedAndRenewed) {
  const tls::Key root = tls::Key::generate().value();
  const std::string root_pem = tls::make_root(root, {}).value();
  const SpiffeId id = SpiffeId::make("cluster.local", "shop", "cart").value();
  const auto indented = [](const std::string& pem) {
    std::string out;
    for (const char c : pem) out += c == '\n' ? std::string("\n      ") : std::string(1, c);
    return out;
  };
  const auto secret = [&] {
    const tls::Key key = tls::Key::generate().value();
    const std::string leaf = tls::sign_leaf({root, root_pem}, key, {.id = id}).value();
    return resource(xds::kSecretType, "shop-cert",
                    "name: shop-cert\ntls_certificate:\n  certificate_chain:\n    inline_string: "
                    "|\n      " +
                        indented(leaf) + "\n  private_key:\n    inline_string: |\n      " +
                        indented(key.private_pem()) + "\n");
  };
  Origin origin;
  ControlPlane control({.generations = false});
  xds::Resource listener = resource(xds::kListenerType, "in", R"(
name: in
address: {socket_address: {address: 127.0.0.1, port_value: 0}}
filter_chains:
- filters:
  - name: tcp
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
      stat_prefix: in
      cluster: cart
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        tls_certificate_sds_secret_configs:
        - {name: shop-cert, sds_config: {ads: {}, resource_api_version: V3}}
)");
  std::vector<xds::Resource> world{listener, dynamic_cluster("cart"),
                                   dynamic_endpoints("cart", {origin.address()}), secret()};
  (void)control.tell(world);
  Proxy proxy(control.start());
  ASSERT_TRUE(proxy.ready());
  const auto wait_for_another = [&](const std::string& before) {
    const auto until = std::chrono::steady_clock::now() + kPatience;
    std::string now = before;
    while ((now == before || now.find(id.uri()) == std::string::npos) &&
           std::chrono::steady_clock::now() < until)
      now = certificates(proxy);
    return now;
  };
  const std::string first = wait_for_another("");
  EXPECT_NE(first.find(id.uri()), std::string::npos) << first;
  world.back() = secret();
  (void)control.tell_and_settle(world);
  EXPECT_NE(wait_for_another(first), first);
}

}  // namespace
}  // namespace weft::mesh_test
