// Who is believed and who is not, each way round, through whole handshakes; and what is remembered
// of it.
#include "tls/verifier.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/tls/mesh_pair.h"
#include "tls/subject_names.h"

namespace weft::tls::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// What server and client say when the client shows `identity`.
struct Outcome {
  std::string server;
  std::string client;
};

Outcome meet(std::shared_ptr<const ClientContext> client,
             std::shared_ptr<const ServerContext> server) {
  MeshPair pair(std::move(client), std::move(server));
  pair.run();
  return {pair.server.story(), pair.client.story()};
}

// The client has finished when a TLS 1.3 server refuses it, and learns of it in place of the first
// bytes.
constexpr char kRefusedLater[] = "ready, fault tls handshake";

class Verification : public ::testing::Test {
 protected:
  Cast cast_;

  std::string server_says_to(const Identity& client) {
    cast_.client_identity = client;
    const Outcome outcome = meet(cast_.client(), cast_.server());
    EXPECT_EQ(outcome.client, outcome.server == "ready" ? "ready" : kRefusedLater);
    return outcome.server;
  }
  std::string client_says_to(const Identity& server) {
    cast_.server_identity = server;
    const Outcome outcome = meet(cast_.client(), cast_.server());
    EXPECT_EQ(outcome.server,
              outcome.client == "ready" ? "ready" : "refused_by_peer (tls handshake)");
    return outcome.client;
  }
  Identity bent(void (*bend)(CertificateSpec&), const std::string& account = "client") {
    CertificateSpec spec = cast_.authority.good_spec(account);
    bend(spec);
    return cast_.authority.odd(spec);
  }
};

TEST_F(Verification, BelievesALeafBelowAnIntermediate) {
  EXPECT_EQ(server_says_to(cast_.authority.leaf_below_intermediate("client")), "ready");
  EXPECT_EQ(client_says_to(cast_.authority.leaf_below_intermediate("server")), "ready");
}

TEST_F(Verification, MissesAnIntermediateThatWasNotSent) {
  Identity identity = cast_.authority.leaf_below_intermediate("client");
  identity.chain_pem.resize(identity.chain_pem.find("-----BEGIN", 10));
  EXPECT_EQ(server_says_to(identity), "untrusted (tls handshake)");
}

TEST_F(Verification, WantsACertificate) {
  EXPECT_EQ(server_says_to({}), "no_certificate (tls handshake)");
  cast_.server_settings.require_peer_certificate = false;
  MeshPair pair(cast_.client(), cast_.server());
  pair.run();
  EXPECT_EQ(pair.server.story(), "ready");
  EXPECT_TRUE(pair.server.stream->tls().peer.empty());
  EXPECT_TRUE(pair.server.stream->tls().secured);
}

TEST_F(Verification, JudgesACertificateThatNeedNotBeShown) {
  cast_.server_settings.require_peer_certificate = false;
  EXPECT_EQ(server_says_to(Authority().leaf("client")), "untrusted (tls handshake)");
}

TEST_F(Verification, RefusesAnotherRoot) {
  const Authority stranger;  // of the same name and trust domain
  EXPECT_EQ(server_says_to(stranger.leaf("client")), "untrusted (tls handshake)");
  EXPECT_EQ(client_says_to(stranger.leaf("server")), "untrusted (tls handshake)");
}

TEST_F(Verification, RefusesWhatIsOutOfItsTime) {
  EXPECT_EQ(server_says_to(bent([](CertificateSpec& s) {
              s.not_before = read_wall_clock() - hours(2);
              s.not_after = read_wall_clock() - seconds(1);
            })),
            "expired (tls handshake)");
  EXPECT_EQ(
      server_says_to(bent([](CertificateSpec& s) { s.not_before = read_wall_clock() + hours(1); })),
      "not_yet_valid (tls handshake)");
  EXPECT_EQ(
      client_says_to(
          bent([](CertificateSpec& s) { s.not_after = read_wall_clock() - seconds(1); }, "server")),
      "expired (tls handshake)");
}

TEST_F(Verification, RefusesAnIdentityThatIsNotAccepted) {
  EXPECT_EQ(client_says_to(cast_.authority.leaf("thief")), "wrong_identity (tls identity)");
  cast_.server_identity = cast_.authority.leaf("server");
  cast_.server_settings.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/web")};
  EXPECT_EQ(server_says_to(cast_.authority.leaf("client")), "wrong_identity (tls identity)");
  cast_.server_settings.peer_names.push_back(uri("spiffe://cluster.local/ns/shop/sa/client"));
  EXPECT_EQ(server_says_to(cast_.authority.leaf("client")), "ready");
}

TEST_F(Verification, LetsARootVouchForItsOwnTrustDomainOnly) {
  // Two federated roots; the second one signs a name of the first's domain.
  const Authority other("other.example");
  CertificateSpec spec = cast_.authority.good_spec("client");
  const Identity forged = other.odd(spec);
  cast_.client_identity = forged;
  TlsMaterial server = cast_.authority.material(cast_.server_identity);
  server.roots_pem += other.root_pem();
  TlsSettings settings = cast_.server_settings;
  settings.peer_names.push_back(uri("spiffe://other.example/", SanMatcher::How::kPrefix));
  const auto context = ServerContext::make(server, settings, cast_.library).value();
  EXPECT_EQ(meet(cast_.client(), context).server, "wrong_identity (tls identity)");
  cast_.client_identity = other.leaf("client");
  EXPECT_EQ(meet(cast_.client(), context).server, "ready");
}

TEST_F(Verification, LetsARootWithoutTrustDomainVouchForAny) {
  const Key root_key = Key::generate().value();
  const std::string root = build_certificate({.common_name = "plain root",
                                              .key_usage = "critical,keyCertSign",
                                              .basic_constraints = "critical,CA:TRUE",
                                              .not_before = read_wall_clock() - hours(1),
                                              .not_after = read_wall_clock() + hours(1)},
                                             root_key, std::nullopt)
                               .value();
  const Key key = Key::generate().value();
  CertificateSpec spec = cast_.authority.good_spec("client");
  const Identity identity{build_certificate(spec, key, Issuer{root_key, root}).value(),
                          key.private_pem()};
  TlsMaterial server = cast_.authority.material(cast_.server_identity);
  server.roots_pem = root;
  const auto context = ServerContext::make(server, cast_.server_settings, cast_.library).value();
  cast_.client_identity = identity;
  EXPECT_EQ(meet(cast_.client(), context).server, "ready");
}

TEST_F(Verification, HoldsEverySpiffeNameToTheRulesOfSvids) {
  EXPECT_EQ(server_says_to(bent(
                [](CertificateSpec& s) { s.uris.push_back("spiffe://cluster.local/ns/a/sa/b"); })),
            "bad_svid (tls identity)");
  EXPECT_EQ(
      server_says_to(bent([](CertificateSpec& s) { s.uris = {"spiffe://cluster.local/a?b"}; })),
      "bad_svid (tls identity)");
  EXPECT_EQ(server_says_to(bent([](CertificateSpec& s) { s.uris = {"SPIFFE://cluster.local/a"}; })),
            "bad_svid (tls identity)");
  EXPECT_EQ(server_says_to(bent([](CertificateSpec& s) {
              s.uris.clear();
              s.dns_names = {"client.shop"};
            })),
            "bad_svid (tls identity)");
  EXPECT_EQ(server_says_to(bent(
                [](CertificateSpec& s) { s.key_usage = "critical,digitalSignature,keyCertSign"; })),
            "bad_svid (tls identity)");
  // Even where any name of a good chain would do.
  cast_.server_settings.peer_names.clear();
  EXPECT_EQ(server_says_to(bent(
                [](CertificateSpec& s) { s.uris.push_back("spiffe://cluster.local/ns/a/sa/b"); })),
            "bad_svid (tls identity)");
}

TEST_F(Verification, RefusesALeafForTheOtherRole) {
  EXPECT_EQ(server_says_to(bent([](CertificateSpec& s) { s.extended_key_usage = "serverAuth"; })),
            "untrusted (tls handshake)");
  EXPECT_EQ(client_says_to(
                bent([](CertificateSpec& s) { s.extended_key_usage = "clientAuth"; }, "server")),
            "untrusted (tls handshake)");
}

TEST_F(Verification, RefusesALeafSignedByALeaf) {
  const Identity middle = cast_.authority.leaf("middle");
  const Key middle_key = Key::from_private_pem(middle.key_pem).value();
  const Key key = Key::generate().value();
  const std::string pem = build_certificate(cast_.authority.good_spec("client"), key,
                                            Issuer{middle_key, middle.chain_pem})
                              .value();
  EXPECT_EQ(server_says_to({pem + middle.chain_pem, key.private_pem()}),
            "untrusted (tls handshake)");
}

TEST_F(Verification, AcceptsARealServerByItsDnsName) {
  cast_.server_identity = bent([](CertificateSpec& s) {
    s.uris.clear();
    s.dns_names = {"*.shop.example", "shop.example"};
  });
  struct Case {
    const char* wanted;
    bool accepted;
  };
  for (const Case& c :
       {Case{"www.shop.example", true}, Case{"WWW.Shop.Example", true}, Case{"shop.example", true},
        Case{"a.b.shop.example", false}, Case{"evilshop.example", false},
        Case{".shop.example", false}, Case{"example", false}}) {
    cast_.client_settings.peer_names = {dns(c.wanted)};
    const std::string said = meet(cast_.client(), cast_.server()).client;
    EXPECT_EQ(said, c.accepted ? "ready" : "wrong_identity (tls identity)") << c.wanted;
  }
}

TEST_F(Verification, VerifiesNothingOnlyWhereTold) {
  TlsMaterial client = cast_.authority.material(cast_.client_identity);
  client.roots_pem.clear();
  TlsSettings settings = cast_.client_settings;
  settings.peer_names.clear();
  EXPECT_FALSE(ClientContext::make(client, settings, cast_.library).has_value());
  settings.verify_peer = false;
  const auto context = ClientContext::make(client, settings, cast_.library).value();
  EXPECT_EQ(meet(context, cast_.server()).client, "ready");
}

TEST_F(Verification, TellsThePeerWhyByAlert) {
  cast_.client_identity = {};
  MeshPair pair(cast_.client(), cast_.server());
  pair.run();
  EXPECT_NE(pair.client.ear.fault->detail.find("certificate required"), std::string::npos)
      << pair.client.ear.fault->detail;
}

// ---- matching names ----

TEST(Names, MatchExactlyByPrefixSuffixAndPart) {
  const SubjectNames names{
      .uris = {"spiffe://a.b/ns/x/sa/y"}, .dns_names = {"Api.Shop"}, .addresses = {"10.0.0.1"}};
  using How = SanMatcher::How;
  EXPECT_TRUE(matches(uri("spiffe://a.b/ns/x/sa/y"), names));
  EXPECT_FALSE(matches(uri("spiffe://a.b/ns/x/sa/Y"), names));
  EXPECT_TRUE(matches({.value = "SPIFFE://A.B/NS/X/SA/Y", .ignore_case = true}, names));
  EXPECT_TRUE(matches(uri("spiffe://a.b/", How::kPrefix), names));
  EXPECT_FALSE(matches(uri("spiffe://a.bc/", How::kPrefix), names));
  EXPECT_TRUE(matches(uri("/sa/y", How::kSuffix), names));
  EXPECT_TRUE(matches(uri("/ns/x/", How::kContains), names));
  EXPECT_FALSE(matches(uri("10.0.0.1"), names));
  EXPECT_TRUE(matches(dns("api.shop"), names));
  EXPECT_FALSE(matches(dns("shop"), names));
  EXPECT_TRUE(matches({.type = SanMatcher::Type::kIp, .value = "10.0.0.1"}, names));
}

TEST(Names, RefuseMatchersThatCannotWork) {
  EXPECT_FALSE(check_matcher(uri(".*", SanMatcher::How::kRegex)).has_value());
  EXPECT_FALSE(check_matcher(uri("", SanMatcher::How::kPrefix)).has_value());
  EXPECT_FALSE(check_matcher({.type = SanMatcher::Type::kIp, .value = "010.0.0.1"}).has_value());
  EXPECT_TRUE(check_matcher({.type = SanMatcher::Type::kIp, .value = "::1"}).has_value());
}

// ---- the cache of chains ----

WallTime held_clock = read_wall_clock();
WallTime read_held_clock() { return held_clock; }

TEST(ChainCache, SparesTheSecondCheckOfTheSameChainOnly) {
  const Cast cast;
  const auto client = cast.client();
  const auto server = cast.server();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(meet(client, server).server, "ready");
  EXPECT_EQ(cast.library->chains().size(), 2U) << "one in each direction";
  EXPECT_EQ(cast.library->chains().hits(), 4U);
}

TEST(ChainCache, DoesNotRememberIdentities) {
  Cast cast;
  EXPECT_EQ(meet(cast.client(), cast.server()).server, "ready");
  cast.server_settings.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/somebody-else")};
  EXPECT_EQ(meet(cast.client(), cast.server()).server, "wrong_identity (tls identity)");
}

TEST(ChainCache, IsOfNoUseForOtherRoots) {
  Cast cast;
  EXPECT_EQ(meet(cast.client(), cast.server()).server, "ready");
  TlsMaterial moved = cast.authority.material(cast.server_identity);
  moved.roots_pem = Authority().root_pem();
  const auto server = ServerContext::make(moved, cast.server_settings, cast.library).value();
  EXPECT_EQ(meet(cast.client(), server).server, "untrusted (tls handshake)");
}

TEST(ChainCache, ForgetsWhatHasExpired) {
  held_clock = read_wall_clock();
  Cast cast;
  cast.library = Library::make({.wall_clock = &read_held_clock});
  cast.client_identity = cast.authority.leaf("client", hours(1), held_clock);
  const auto client = cast.client();
  const auto server = cast.server();
  EXPECT_EQ(meet(client, server).server, "ready");
  EXPECT_EQ(meet(client, server).server, "ready");
  held_clock += seconds(3599);
  EXPECT_EQ(meet(client, server).server, "ready");
  held_clock += seconds(1);
  EXPECT_EQ(meet(client, server).client, "expired (tls handshake)")
      << "the server's leaf was made at the same time";
  cast.server_identity = cast.authority.leaf("server", hours(1), held_clock);
  EXPECT_EQ(meet(client, cast.server()).server, "expired (tls handshake)");
}

TEST(ChainCache, StaysWithinItsBound) {
  Cast cast;
  cast.library = Library::make({.chain_cache_entries = 4});
  const auto server = cast.server();
  for (int i = 0; i < 10; ++i) {
    cast.client_identity = cast.authority.leaf("client");
    EXPECT_EQ(meet(cast.client(), server).server, "ready");
    EXPECT_LE(cast.library->chains().size(), 4U);
  }
}

TEST(ChainCache, RemembersNoBadChain) {
  Cast cast;
  cast.client_identity = Authority().leaf("client");
  EXPECT_EQ(meet(cast.client(), cast.server()).server, "untrusted (tls handshake)");
  EXPECT_EQ(cast.library->chains().size(), 1U) << "the server's own";
}

}  // namespace
}  // namespace weft::tls::testing
