// What a context refuses to be made of, in words that name the part; and what two ends agree on.
#include "tls/context.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/tls/mesh_pair.h"

namespace weft::tls::testing {
namespace {

using Version = TlsSettings::Version;

class Contexts : public ::testing::Test {
 protected:
  Cast cast_;
  TlsMaterial material_ = cast_.authority.material(cast_.server_identity);

  std::string server_error() {
    const auto made = ServerContext::make(material_, cast_.server_settings, cast_.library);
    return made ? "made" : made.error().detail;
  }
  std::string client_error() {
    const auto made = ClientContext::make(material_, cast_.client_settings, cast_.library);
    return made ? "made" : made.error().detail;
  }
};

TEST_F(Contexts, OpenTheirLibraryAndNobodyElseDoes) {
  EXPECT_EQ(cast_.library->native(), nullptr) << "no configuration has asked for TLS";
  EXPECT_EQ(server_error(), "made");
  const auto* native = cast_.library->native();
  EXPECT_NE(native, nullptr);
  EXPECT_EQ(client_error(), "made");
  EXPECT_EQ(cast_.library->native(), native) << "they share it";
}

TEST_F(Contexts, NameThePartThatIsWrong) {
  const TlsMaterial good = material_;
  EXPECT_EQ(server_error(), "made");
  material_.key_pem = cast_.client_identity.key_pem;
  EXPECT_EQ(server_error(), "chain does not match key");
  material_ = good;
  material_.key_pem = "nonsense";
  EXPECT_EQ(server_error().substr(0, 31), "key: not a private key in PEM: ") << server_error();
  material_.key_pem = "";
  EXPECT_EQ(server_error(), "key: missing, though there is a chain");
  material_ = good;
  material_.chain_pem = "nonsense";
  EXPECT_EQ(server_error(), "chain: no certificate in it");
  material_.chain_pem = "";
  EXPECT_EQ(server_error(), "chain: missing, though there is a key");
  material_.key_pem = "";
  EXPECT_EQ(server_error(), "chain: a server needs a certificate and a key");
  EXPECT_EQ(client_error(), "made") << "a client may show none";
  material_ = good;
  material_.roots_pem = "nonsense";
  EXPECT_EQ(server_error(), "roots: no certificate in it");
  material_.roots_pem = "";
  EXPECT_EQ(server_error(), "roots: none, so no peer could be verified");
  material_.roots_pem = good.chain_pem;
  EXPECT_EQ(server_error(), "roots: certificate 1 is not a CA");
}

TEST_F(Contexts, NameTheSettingThatIsWrong) {
  cast_.client_settings.version_min = Version::kTls13;
  cast_.client_settings.version_max = Version::kTls12;
  EXPECT_EQ(client_error(), "tls versions: the lowest is above the highest");
  cast_.client_settings = client_settings();
  cast_.client_settings.cipher_suites = {"ECDHE-ECDSA-AES128-GCM-SHA256", "NO-SUCH-SUITE"};
  EXPECT_EQ(client_error(), "cipher suites: 'NO-SUCH-SUITE' is unknown or too weak");
  cast_.client_settings.cipher_suites = {"ALL:!aNULL"};
  EXPECT_EQ(client_error(), "cipher suites: 'ALL:!aNULL' is not a name");
  cast_.client_settings.cipher_suites = {
      "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]"};
  EXPECT_EQ(client_error(), "made");
  cast_.client_settings.curves = {"P-256", "sect571r1"};
  EXPECT_EQ(client_error(), "curves: 'sect571r1' is none of X25519, P-256, P-384, P-521");
  cast_.client_settings.curves = {"P-256"};
  cast_.client_settings.alpn = {""};
  EXPECT_EQ(client_error(), "alpn: a name has 1 to 255 bytes");
  cast_.client_settings.alpn = {std::string(256, 'a')};
  EXPECT_EQ(client_error(), "alpn: a name has 1 to 255 bytes");
  cast_.client_settings.alpn = {};
  cast_.client_settings.peer_names = {uri(".*", SanMatcher::How::kRegex)};
  EXPECT_NE(client_error().find("regular expressions are not supported"), std::string::npos);
}

TEST_F(Contexts, RefuseAWeakKey) {
  const auto odd =
      build_certificate(cast_.authority.good_spec("server"), Key::generate(Key::Type::kRsa).value(),
                        cast_.authority.issuer());
  ASSERT_TRUE(odd.has_value());
  material_.chain_pem = *odd;
  EXPECT_EQ(server_error(), "chain does not match key");
}

struct Negotiation {
  std::vector<std::string> server;
  std::vector<std::string> client;
  std::string agreed;  // or the server's complaint
};

TEST_F(Contexts, AgreeOnTheServersFirstProtocolThatTheClientOffers) {
  const std::string refused = "nothing_in_common (tls handshake)";
  for (const Negotiation& n :
       {Negotiation{{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
        Negotiation{{"http/1.1", "h2"}, {"h2", "http/1.1"}, "http/1.1"},
        Negotiation{{"h2"}, {"http/1.1"}, refused}, Negotiation{{"h2"}, {}, ""},
        Negotiation{{}, {"h2"}, ""}, Negotiation{{}, {}, ""}}) {
    cast_.server_settings.alpn = n.server;
    cast_.client_settings.alpn = n.client;
    MeshPair pair(cast_.client(), cast_.server());
    pair.run();
    if (n.agreed == refused) {
      EXPECT_EQ(pair.server.story(), refused);
      EXPECT_EQ(pair.client.story(), "refused_by_peer (tls handshake)");
      EXPECT_NE(pair.client.failure->detail.find("no application protocol"), std::string::npos);
    } else {
      ASSERT_EQ(pair.server.story(), "ready");
      EXPECT_EQ(pair.server.stream->tls().alpn, n.agreed);
      EXPECT_EQ(pair.client.stream->tls().alpn, n.agreed);
    }
  }
}

TEST_F(Contexts, AgreeOnAVersionOrOnNothing) {
  cast_.server_settings.version_min = Version::kTls13;
  cast_.client_settings.version_max = Version::kTls12;
  MeshPair pair(cast_.client(), cast_.server());
  pair.run();
  EXPECT_EQ(pair.server.story(), "nothing_in_common (tls handshake)");
  EXPECT_EQ(pair.client.story(), "refused_by_peer (tls handshake)");
}

TEST_F(Contexts, UseTheNamedSuiteOfTls12) {
  cast_.client_settings.version_max = Version::kTls12;
  cast_.client_settings.cipher_suites = {"ECDHE-ECDSA-CHACHA20-POLY1305"};
  MeshPair pair(cast_.client(), cast_.server());
  pair.run();
  EXPECT_EQ(pair.client.stream->tls().cipher, "ECDHE-ECDSA-CHACHA20-POLY1305");
}

TEST_F(Contexts, SendNoAddressAsServerName) {
  cast_.client_settings.server_name = "10.1.2.3";
  MeshPair pair(cast_.client(), cast_.server());
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready");
  EXPECT_EQ(pair.server.stream->tls().server_name, "");
}

TEST_F(Contexts, LetAConnectionNameAnotherServer) {
  MeshPair pair(cast_.client(), cast_.server(), {.client = {.server_name = "other.name"}});
  pair.run();
  EXPECT_EQ(pair.server.stream->tls().server_name, "other.name");
}

TEST_F(Contexts, ThatAreAlikeJudgeEachByItsOwnNames) {
  auto first = cast_.client();
  TlsSettings others = cast_.client_settings;
  others.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/somebody")};
  others.server_name = "somebody.shop";
  auto stranger = ClientContext::like(first, others).value();
  EXPECT_EQ(stranger->server_name(), "somebody.shop");
  EXPECT_EQ(stranger->version(), first->version());
  EXPECT_EQ(stranger->base().get(), first.get());
  const auto story = [&](const std::shared_ptr<const ClientContext>& client) {
    MeshPair pair(client, cast_.server());
    pair.run();
    return pair.client.story();
  };
  EXPECT_EQ(story(first), "ready");
  EXPECT_EQ(story(stranger), "wrong_identity (tls identity)");
  EXPECT_EQ(story(first), "ready") << "not judged by what the other one accepts";
  // Made like one that was made like another, whoever of them lives.
  TlsSettings named = cast_.client_settings;
  named.server_name = "server.shop";
  const auto last = ClientContext::like(stranger, named).value();
  EXPECT_EQ(last->base().get(), first.get()) << "no chain of them";
  first.reset();
  stranger.reset();
  MeshPair pair(last, cast_.server());
  pair.run();
  EXPECT_EQ(pair.client.story(), "ready");
  EXPECT_EQ(pair.server.stream->tls().server_name, "server.shop");
}

TEST_F(Contexts, ThatAreAlikeAreRefusedWhatTheyWouldBeAlone) {
  TlsSettings settings = cast_.client_settings;
  settings.peer_names = {uri(".*", SanMatcher::How::kRegex)};
  const auto bad = ClientContext::like(cast_.client(), settings);
  ASSERT_FALSE(bad);
  EXPECT_NE(bad.error().detail.find("regular expressions are not supported"), std::string::npos);
  material_.roots_pem = "";
  cast_.client_settings.verify_peer = false;
  cast_.client_settings.peer_names.clear();
  const auto trusting =
      ClientContext::make(material_, cast_.client_settings, cast_.library).value();
  settings = cast_.client_settings;
  settings.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/server")};
  const auto names = ClientContext::like(trusting, settings);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().detail, "roots: none, so peer names would prove nothing");
}

TEST_F(Contexts, LiveOnWithTheirConnectionsAfterARotation) {
  auto server = cast_.server();
  MeshPair pair(cast_.client(), server);
  server.reset();
  pair.run();
  cast_.library.reset();
  pair.client.say("still");
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready, heard still");
}

}  // namespace
}  // namespace weft::tls::testing
