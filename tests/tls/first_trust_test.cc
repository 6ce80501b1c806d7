// First trust: no root is known yet, only the digest of its key; the peer shows the root itself.

#include <gtest/gtest.h>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

class FirstTrust : public ::testing::Test {
 protected:
  FirstTrust() { shows(cast_.authority); }

  void shows(const Authority& root) {
    cast_.server_identity = cast_.authority.leaf("server");
    cast_.server_identity.chain_pem += root.root_pem();
  }
  std::string client_says(std::string digest) {
    TlsSettings settings = cast_.client_settings;
    settings.root_spki_sha256 = {std::string(64, 'a'), std::move(digest)};
    const auto client = ClientContext::make({.version = "first"}, settings, cast_.library);
    EXPECT_TRUE(client.has_value()) << client.error().detail;
    TlsSettings open = cast_.server_settings;
    open.require_peer_certificate = false;
    const auto server =
        ServerContext::make(cast_.authority.material(cast_.server_identity), open, cast_.library);
    MeshPair pair(*client, *server);
    pair.run();
    return pair.client.story();
  }
  [[nodiscard]] std::string own() const { return cast_.authority.key().spki_sha256(); }
  Cast cast_;
};

TEST_F(FirstTrust, BelievesAChainToTheRootWithThatKey) { EXPECT_EQ(client_says(own()), "ready"); }

TEST_F(FirstTrust, BelievesNoOtherRoot) {
  EXPECT_EQ(client_says(Authority().key().spki_sha256()), "untrusted (tls handshake)");
}

TEST_F(FirstTrust, IsNotMovedByARootThatDidNotSignTheChain) {
  const Authority stranger;
  shows(stranger);
  EXPECT_EQ(client_says(stranger.key().spki_sha256()), "untrusted (tls handshake)");
  EXPECT_EQ(client_says(own()), "untrusted (tls handshake)") << "the root was not shown";
}

TEST_F(FirstTrust, TakesNoLeafForARoot) {
  const Key key = Key::from_private_pem(cast_.server_identity.key_pem).value();
  EXPECT_EQ(client_says(key.spki_sha256()), "untrusted (tls handshake)");
}

TEST_F(FirstTrust, StillAsksForTheName) {
  cast_.client_settings.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/somebody")};
  EXPECT_EQ(client_says(own()), "wrong_identity (tls identity)");
}

TEST_F(FirstTrust, DoesNotHaveAnyRoleOnceTheRootsAreKnown) {
  const Authority stranger;
  TlsSettings settings = cast_.client_settings;
  settings.root_spki_sha256 = {own()};
  const auto client = ClientContext::make({.version = "known", .roots_pem = stranger.root_pem()},
                                          settings, cast_.library);
  ASSERT_TRUE(client.has_value());
  MeshPair pair(*client, cast_.server());
  pair.run();
  EXPECT_EQ(pair.client.story(), "untrusted (tls handshake)");
}

}  // namespace
}  // namespace weft::tls::testing
