// The CA gives a certificate only for the identity that the asker has proved (threats.md CP-07).

#include "control/authority.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <string>

#include "control/files.h"
#include "tests/control/temporary_directory.h"
#include "tls/csr.h"
#include "tls/issue.h"
#include "xds/join_token.h"

namespace weft::control {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::TemporaryDirectory;

WallTime now_ = read_wall_clock();
WallTime test_clock() { return now_; }

SpiffeId id_of(const std::string& account, const std::string& name_space = "shop") {
  return SpiffeId::make("cluster.local", name_space, account).value();
}

class AuthorityTest : public ::testing::Test {
 protected:
  AuthorityTest() { now_ = read_wall_clock(); }
  [[nodiscard]] Authority open() const {
    auto authority = Authority::open({.state_dir = directory_.path(), .wall_clock = &test_clock});
    EXPECT_TRUE(authority) << authority.error().detail;
    return std::move(*authority);
  }
  [[nodiscard]] std::string csr(const std::string& account) const {
    return tls::make_csr(key_, id_of(account)).value();
  }
  // "signed", or "bad_token: …".
  static std::string say(const tl::expected<Authority::Issued, SigningError>& issued) {
    if (issued) return "signed " + issued->id.uri();
    return std::string(name_of(issued.error().what)) + ": " + issued.error().detail;
  }
  std::string ask(Authority& authority, const std::string& csr, const std::string& token) const {
    return say(authority.sign(csr, {}, {.token = token}));
  }

  TemporaryDirectory directory_;
  tls::Key key_ = tls::Key::generate().value();
};

TEST_F(AuthorityTest, MakesItsRootOnceAndForItselfOnly) {
  const Authority first = open();
  const Authority second = open();
  EXPECT_EQ(first.root_pem(), second.root_pem());
  EXPECT_EQ(first.trust_domain(), "cluster.local");
  struct stat status{};
  ASSERT_EQ(::stat((directory_ / "root.pem").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(AuthorityTest, RefusesARootThatOthersCanReadOrThatIsBroken) {
  const auto why = [&] {
    auto authority = Authority::open({.state_dir = directory_.path(), .wall_clock = &test_clock});
    return authority ? std::string() : authority.error().detail;
  };
  const std::string pem = [&] {
    static_cast<void>(open());
    return read_file(directory_ / "root.pem", 100'000).value();
  }();
  ASSERT_EQ(::chmod((directory_ / "root.pem").c_str(), 0640), 0);
  EXPECT_NE(why().find("can be read by others (mode 640)"), std::string::npos) << why();
  ASSERT_TRUE(
      replace_file(directory_ / "root.pem", pem.substr(0, pem.find("-----BEGIN CERT")), 0600));
  EXPECT_NE(why().find("no certificate"), std::string::npos) << why();
  const tls::Key other = tls::Key::generate().value();
  ASSERT_TRUE(replace_file(directory_ / "root.pem",
                           other.private_pem() + pem.substr(pem.find("-----BEGIN CERT")), 0600));
  EXPECT_NE(why().find("the certificate is not the key's root"), std::string::npos) << why();
  ASSERT_TRUE(replace_file(directory_ / "root.pem", pem, 0600));
  EXPECT_EQ(why(), "");
  now_ += hours(24 * 3651);
  EXPECT_NE(why().find("the root has expired"), std::string::npos) << why();
}

TEST_F(AuthorityTest, SignsForTheBearerOfAToken) {
  Authority authority = open();
  const std::string token = authority.make_token("shop", "cart", hours(1)).value();
  const auto issued = authority.sign(csr("cart"), {}, {.token = token});
  ASSERT_TRUE(issued) << issued.error().detail;
  const tls::Certificate leaf = tls::parse_certificate(issued->leaf_pem).value();
  EXPECT_EQ(leaf.spiffe_id.uri(), "spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_FALSE(leaf.is_ca);
  EXPECT_TRUE(leaf.public_key.same_public_half(key_));
  EXPECT_LE(leaf.not_after, now_ + hours(24) + seconds(1));
  EXPECT_GE(leaf.not_after, now_ + hours(24) - seconds(1));
  // A token is good until it expires, for instances to come.
  EXPECT_EQ(ask(authority, csr("cart"), token), "signed spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(authority.signings(Signing::kSigned).value(), 2u);
}

TEST_F(AuthorityTest, SignsForTheHolderOfACertificateWhateverTokenComesAlong) {
  Authority authority = open();
  const std::string token = authority.make_token("shop", "ledger", hours(1)).value();
  EXPECT_EQ(say(authority.sign(csr("cart"), {}, {.peer = id_of("cart"), .token = token})),
            "signed spiffe://cluster.local/ns/shop/sa/cart");
  EXPECT_EQ(
      say(authority.sign(csr("ledger"), {}, {.peer = id_of("cart"), .token = token})),
      "wrong_identity: CSR: it asks for 'spiffe://cluster.local/ns/shop/sa/ledger' where only "
      "'spiffe://cluster.local/ns/shop/sa/cart' is allowed");
}

TEST_F(AuthorityTest, RefusesEveryoneElse) {
  Authority authority = open();
  const std::string token = authority.make_token("shop", "cart", minutes(10)).value();
  EXPECT_EQ(ask(authority, csr("cart"), ""),
            "no_credentials: neither a certificate nor a join token was shown");
  EXPECT_EQ(
      ask(authority, csr("ledger"), token),
      "wrong_identity: CSR: it asks for 'spiffe://cluster.local/ns/shop/sa/ledger' where only "
      "'spiffe://cluster.local/ns/shop/sa/cart' is allowed");
  EXPECT_EQ(ask(authority, csr("cart"), "hello"), "bad_token: join token: not one of weft's");
  EXPECT_EQ(ask(authority, csr("cart"), std::string(5000, 'a')), "bad_token: join token: too long");
  EXPECT_EQ(
      say(authority.sign(csr("cart"), {},
                         {.peer = SpiffeId::parse("spiffe://other/ns/shop/sa/cart").value()})),
      "wrong_identity: spiffe://other/ns/shop/sa/cart is no workload of cluster.local");
  EXPECT_EQ(say(authority.sign(csr("cart"), {},
                               {.peer = SpiffeId::parse("spiffe://cluster.local/x").value()})),
            "wrong_identity: spiffe://cluster.local/x is no workload of cluster.local");
  now_ += minutes(10);
  EXPECT_EQ(ask(authority, csr("cart"), token), "expired_token: join token: it has expired");
  now_ -= minutes(30);
  EXPECT_EQ(ask(authority, csr("cart"), token), "expired_token: join token: it is from the future");
  EXPECT_EQ(authority.signings(Signing::kSigned).value(), 0u);
  EXPECT_EQ(authority.signings(Signing::kWrongIdentity).value(), 3u);
  EXPECT_EQ(authority.signings(Signing::kExpiredToken).value(), 2u);
}

TEST_F(AuthorityTest, RefusesAnotherMeshsToken) {
  TemporaryDirectory elsewhere;
  const auto other =
      Authority::open({.state_dir = elsewhere.path(), .wall_clock = &test_clock}).value();
  Authority authority = open();
  EXPECT_EQ(ask(authority, csr("cart"), other.make_token("shop", "cart", hours(1)).value()),
            "bad_token: join token: not signed by this root");
}

TEST_F(AuthorityTest, RefusesATokenChangedAtAnyByte) {
  Authority authority = open();
  const std::string token = authority.make_token("shop", "cart", hours(1)).value();
  const std::string request = csr("cart");
  ASSERT_TRUE(ask(authority, request, token).starts_with("signed"));
  for (std::size_t i = 0; i < token.size(); ++i) {
    for (const char c : {'A', 'B', '.', '=', '\0', '\n'}) {
      std::string changed = token;
      if (changed[i] == c) continue;
      changed[i] = c;
      EXPECT_FALSE(authority.sign(request, {}, {.token = changed})) << i << " " << changed;
    }
    EXPECT_FALSE(authority.sign(request, {}, {.token = token.substr(0, i)})) << i;
  }
  EXPECT_FALSE(authority.sign(request, {}, {.token = token + "A"}));
}

TEST_F(AuthorityTest, RefusesRequestsThatAskForMore) {
  Authority authority = open();
  const auto refused = [&](const std::string& request) {
    return say(authority.sign(request, {}, {.peer = id_of("cart")}));
  };
  EXPECT_TRUE(refused("hello").starts_with("bad_request: CSR: not a request in PEM"))
      << refused("hello");
  EXPECT_TRUE(refused("").starts_with("bad_request: "));
  EXPECT_TRUE(
      refused(std::string(20'000, 'x')).starts_with("bad_request: CSR: longer than 16 KiB"));
  EXPECT_TRUE(refused(open().root_pem()).starts_with("bad_request: "));
  // Every other byte of a good one, changed, is refused or asks for the same.
  const std::string good = csr("cart");
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string changed = good;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    const auto issued = authority.sign(changed, {}, {.peer = id_of("cart")});
    if (issued) {
      EXPECT_EQ(issued->id, id_of("cart")) << i;
    }
  }
}

TEST_F(AuthorityTest, ClampsTheLifetime) {
  Authority authority = open();
  const auto lifetime = [&](Duration wanted) {
    const auto issued = authority.sign(csr("cart"), wanted, {.peer = id_of("cart")});
    const tls::Certificate leaf = tls::parse_certificate(issued->leaf_pem).value();
    EXPECT_LT(leaf.not_after - issued->expires, seconds(1));
    return std::chrono::round<seconds>(leaf.not_after - now_);
  };
  EXPECT_NEAR(static_cast<double>(lifetime(hours(1)).count()), 3600, 1);
  EXPECT_NEAR(static_cast<double>(lifetime(hours(100)).count()), 24 * 3600, 1);
  EXPECT_NEAR(static_cast<double>(lifetime(seconds(1)).count()), 10, 1);
  authority.set_leaf_lifetime_max(seconds(30));
  EXPECT_NEAR(static_cast<double>(lifetime(Duration::zero()).count()), 30, 1);
  EXPECT_NEAR(static_cast<double>(lifetime(Duration(-5)).count()), 30, 1);
}

TEST_F(AuthorityTest, MakesNoTokenForWhatIsNoIdentity) {
  const Authority authority = open();
  EXPECT_FALSE(authority.make_token("", "cart", hours(1)));
  EXPECT_FALSE(authority.make_token("shop", "cart/../root", hours(1)));
  EXPECT_EQ(authority.make_token("shop", "cart", seconds(1)).error().detail,
            "a token lasts 10s to 8760h, not 1s");
}

// X.509-SVID, decisions A7 and behaviour.md 10.
TEST_F(AuthorityTest, MakesLeavesThatNameTheIdentityAndNothingElse) {
  Authority authority = open();
  std::set<std::string> serials;
  for (int i = 0; i < 50; ++i) {
    const auto issued = authority.sign(csr("cart"), {}, {.peer = id_of("cart")});
    ASSERT_TRUE(issued);
    const tls::Certificate leaf = tls::parse_certificate(issued->leaf_pem).value();
    EXPECT_EQ(leaf.names.uris, std::vector<std::string>{id_of("cart").uri()});
    EXPECT_EQ(leaf.names.count(), 1u);
    EXPECT_EQ(leaf.subject, "O=cluster.local");
    EXPECT_EQ(leaf.public_key.type(), tls::Key::Type::kEcP256);
    EXPECT_EQ(leaf.serial.size(), 32u) << leaf.serial;  // 128 bits
    EXPECT_TRUE(serials.insert(leaf.serial).second);
    // A peer's clock may be a minute behind.
    EXPECT_LE(leaf.not_before, now_ - seconds(59));
    EXPECT_GE(leaf.not_before, now_ - seconds(61));
  }
}

TEST_F(AuthorityTest, NeverOutlivesItsRoot) {
  Authority authority = open();
  now_ += hours(24 * 3650) - minutes(10);
  const auto issued = authority.sign(csr("cart"), {}, {.peer = id_of("cart")});
  ASSERT_TRUE(issued) << issued.error().detail;
  const tls::Certificate leaf = tls::parse_certificate(issued->leaf_pem).value();
  EXPECT_EQ(leaf.not_after, authority.root_expires());
  EXPECT_EQ(issued->expires, authority.root_expires());
}

TEST_F(AuthorityTest, TellsATokensBearerWhomToTrust) {
  const Authority authority = open();
  const std::string token = authority.make_token("shop", "cart", hours(1)).value();
  const auto read = xds::read_join_token(token);
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->id, id_of("cart"));
  EXPECT_EQ(read->root_spki_sha256, authority.root_spki_sha256());
  EXPECT_EQ(std::chrono::floor<seconds>(now_ + hours(1)), read->expires);
}

TEST_F(AuthorityTest, HasACertificateOfItsOwn) {
  const Authority authority = open();
  const TlsMaterial material = authority.make_own_material(hours(1)).value();
  const tls::Certificate leaf = tls::parse_certificate(material.chain_pem).value();
  EXPECT_EQ(leaf.spiffe_id.uri(), "spiffe://cluster.local/ns/weft-system/sa/weft-control");
  // Leaf, then root: a newcomer finds in the chain what its token's digest names.
  const auto chain = tls::parse_certificates(material.chain_pem, "chain").value();
  ASSERT_EQ(chain.size(), 2u);
  EXPECT_EQ(chain[1].public_key.spki_sha256(), authority.root_spki_sha256());
  EXPECT_EQ(material.roots_pem, authority.root_pem());
  EXPECT_EQ(
      leaf.names.dns_names,
      (std::vector<std::string>{"weft-control", "weft-control.weft-system.svc", "localhost"}));
  const TlsMaterial second = authority.make_own_material(hours(1), "weft-control-v2").value();
  const tls::Certificate other = tls::parse_certificate(second.chain_pem).value();
  EXPECT_NE(std::ranges::find(other.names.dns_names, "weft-control-v2.weft-system.svc"),
            other.names.dns_names.end());
}

}  // namespace
}  // namespace weft::control
