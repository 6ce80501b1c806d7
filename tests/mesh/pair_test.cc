// Two sidecars that know each other by certificate: the caller's outbound side and the callee's
// inbound side.

#include "tests/mesh/pair.h"

#include <gtest/gtest.h>

namespace weft::mesh_test {
namespace {

struct Pair : public ::testing::Test {
  Authority authority{"cluster.local"};
  Authority stranger{"elsewhere.example"};
  Origin origin{Origin::echoes()};
};

TEST_F(Pair, CarriesIdentityAndTrace) {
  Proxy server({inbound(authority.material("server", authority.root))},
               {cluster("app", {origin.address()})});
  Proxy client({outbound()},
               {to_server(authority.material("client", authority.root), server.address())});
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const Wire::Message answer =
      ask(client, "/pay", "traceparent: 00-" + trace + "-00f067aa0ba902b7-01\r\n", "POST",
          std::string(100'000, 'p'));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body.size(), 100'000U);
  const Wire::Message seen = origin.last();
  EXPECT_NE(seen.field("traceparent").find(trace), std::string::npos);
  EXPECT_EQ(seen.field("traceparent").find("00f067aa0ba902b7"), std::string::npos)
      << "each hop is a span of its own";
  EXPECT_EQ(seen.field("x-weft-peer"), "") << "the application is told nothing of the mesh";
  EXPECT_TRUE(server.metric_reaches(1, "weft_requests_total",
                                    {"web-v2", "spiffe://cluster.local/ns/shop/sa/client"}));
  EXPECT_TRUE(server.metric_reaches(1, "weft_handshakes_total", {"server", "ok"}));
  EXPECT_TRUE(client.metric_reaches(1, "weft_handshakes_total", {"client", "ok"}));
}

TEST_F(Pair, RefusesAClientWithoutCertificate) {
  Proxy server({inbound(authority.material("server", authority.root))},
               {cluster("app", {origin.address()})});
  TlsMaterial bare;
  bare.version = "bare";
  bare.roots_pem = authority.root;
  Proxy client({outbound()}, {to_server(bare, server.address())});
  EXPECT_EQ(ask(client, "/").status(), 503);
  EXPECT_EQ(origin.requests(), 0U);
  EXPECT_TRUE(server.metric_reaches(1, "weft_handshakes_total", {"server", "no_certificate"}));
}

TEST_F(Pair, RefusesAnotherTrustDomain) {
  Proxy server({inbound(authority.material("server", authority.root))},
               {cluster("app", {origin.address()})});
  Proxy client({outbound()},
               {to_server(stranger.material("client", authority.root), server.address())});
  EXPECT_EQ(ask(client, "/").status(), 503);
  EXPECT_EQ(origin.requests(), 0U);
  EXPECT_TRUE(server.metric_reaches(1, "weft_handshakes_total", {"server", "unknown_authority"}));
}

TEST_F(Pair, TheClientRefusesAServerOfTheWrongIdentity) {
  Proxy server({inbound(authority.material("impostor", authority.root))},
               {cluster("app", {origin.address()})});
  Proxy client({outbound()},
               {to_server(authority.material("client", authority.root), server.address())});
  EXPECT_EQ(ask(client, "/").status(), 503);
  EXPECT_EQ(origin.requests(), 0U);
  EXPECT_TRUE(client.metric_reaches(1, "weft_handshakes_total", {"client", "identity"}));
}

TEST_F(Pair, TheRootKeyThatOneClusterTrustsIsItsOwn) {
  TlsMaterial shown = authority.material("server");
  shown.chain_pem += authority.root;
  Proxy server({inbound(shown)}, {cluster("app", {origin.address()})});
  TlsMaterial rootless = authority.material("client");
  rootless.roots_pem.clear();
  config::ClusterConfig right = to_server(rootless, server.address());
  right.tls->settings.root_spki_sha256 = {authority.key.spki_sha256()};
  // The same in everything else, so that only this can make another TLS context.
  config::ClusterConfig wrong = cluster("wrong", {server.address()});
  wrong.tls = right.tls;
  wrong.tls->settings.root_spki_sha256 = {stranger.key.spki_sha256()};
  wrong.mesh_peer = true;
  wrong.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  config::ListenerConfig listener =
      http_listener("in", routes({to("/wrong", "wrong"), to("/", "server")}));
  Proxy client({listener}, {right, wrong});
  EXPECT_EQ(ask(client, "/").status(), 200);
  EXPECT_EQ(ask(client, "/wrong").status(), 503);
  EXPECT_EQ(origin.requests(), 1U);
}

TEST_F(Pair, RefusesPlaintext) {
  Proxy server({inbound(authority.material("server", authority.root))},
               {cluster("app", {origin.address()})});
  EXPECT_EQ(ask(server, "/").status(), 0);
  EXPECT_EQ(origin.requests(), 0U);
  EXPECT_TRUE(server.metric_reaches(1, "weft_handshakes_total", {"server", "plaintext"}));
}

// HTTP/1 to HTTP/2 and back, and HTTP/2 all the way, without TLS.
TEST(Protocols, CarriesHttp1ToHttp2AndBack) {
  Origin origin(Origin::echoes());
  Proxy inner({http_listener("in", routes({to("/", "app")}))},
              {cluster("app", {origin.address()})});
  config::ClusterConfig middle_cluster = cluster("inner", {inner.address()});
  middle_cluster.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  Proxy middle({http_listener("in", routes({to("/", "inner")}))}, {middle_cluster});
  config::ClusterConfig outer_cluster = cluster("middle", {middle.address()});
  outer_cluster.http.protocol = config::UpstreamHttp::Protocol::kHttp2;
  Proxy outer({http_listener("in", routes({to("/", "middle")}))}, {outer_cluster});
  Wire wire = outer.dial();
  const std::string body(1024 * 1024, 'b');
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask(wire, "/", {}, "POST", body).body == body);
  EXPECT_EQ(ask(wire, "/").status(), 200);
  EXPECT_EQ(ask(wire, "/", {}, "HEAD").status(), 200);
  EXPECT_EQ(origin.last().field("host"), "shop");
}

}  // namespace
}  // namespace weft::mesh_test
