// Keys, roots, leaves and requests: what the control plane signs, what it refuses, what a
// certificate says.
#include "tls/certificate.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/tls/identities.h"
#include "tls/csr.h"
#include "tls/issue.h"
#include "tls/key.h"
#include "tls/primitives.h"

namespace weft::tls::testing {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

const WallTime kNow = WallTime(seconds(1'900'000'000));
const SpiffeId kCart = SpiffeId::make("cluster.local", "shop", "cart").value();

// ---- keys ----

TEST(Key, SignsSoThatOnlyItsPublicHalfVerifies) {
  for (const Key::Type type :
       {Key::Type::kEcP256, Key::Type::kEcP384, Key::Type::kEd25519, Key::Type::kRsa}) {
    const Key key = Key::generate(type).value();
    const std::string signature = key.sign("a token").value();
    const Key reader = Key::from_public_pem(key.public_pem()).value();
    EXPECT_EQ(reader.type(), type);
    EXPECT_FALSE(reader.has_private());
    EXPECT_TRUE(reader.verify("a token", signature)) << name_of(type);
    EXPECT_FALSE(reader.verify("a tokem", signature));
    EXPECT_FALSE(reader.verify("a token", signature.substr(1)));
    EXPECT_FALSE(reader.verify("a token", ""));
    EXPECT_FALSE(Key::generate(type).value().verify("a token", signature));
  }
}

TEST(Key, ComesBackFromItsPem) {
  for (const Key::Type type : {Key::Type::kEcP256, Key::Type::kEd25519, Key::Type::kRsa}) {
    const Key key = Key::generate(type).value();
    const Key again = Key::from_private_pem(key.private_pem()).value();
    EXPECT_EQ(again.type(), type);
    EXPECT_TRUE(again.same_public_half(key));
    EXPECT_EQ(again.spki_sha256(), key.spki_sha256());
    EXPECT_EQ(again.spki_sha256(), sha256_hex(key.public_der()));
  }
}

TEST(Key, RefusesWhatIsNotAKeyWeUse) {
  EXPECT_FALSE(Key::from_private_pem("").has_value());
  EXPECT_FALSE(
      Key::from_private_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
          .has_value());
  EXPECT_FALSE(Key::from_private_pem(Key::generate().value().public_pem()).has_value());
  EXPECT_FALSE(Key::from_private_pem(std::string(40'000, 'A')).has_value());
  const Result<Key> encrypted = Key::from_private_pem(
      "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg=\n"
      "-----END ENCRYPTED PRIVATE KEY-----\n");
  ASSERT_FALSE(encrypted.has_value());
  EXPECT_NE(encrypted.error().detail.find("encrypted"), std::string::npos);
  // secp256k1, a curve we do not use.
  const Result<Key> foreign_curve = Key::from_public_pem(
      "-----BEGIN PUBLIC "
      "KEY-----\nMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEfrkFngO24e1Ik5voFXbtJLehkjPqPY3Q\n"
      "tXyWG8kYmpZFS3jtgvhiKusznGJYKDAXzLpIomuMYEXW21QKPmeIwA==\n-----END PUBLIC KEY-----\n");
  ASSERT_FALSE(foreign_curve.has_value());
  EXPECT_NE(foreign_curve.error().detail.find("curve"), std::string::npos)
      << foreign_curve.error().detail;
}

// ---- certificates ----

TEST(Root, NamesItsTrustDomainAndMayOnlySign) {
  const Key key = Key::generate().value();
  const std::string pem =
      make_root(
          key,
          {.trust_domain = "prod.example", .lifetime = hours(48), .path_length = 1, .now = kNow})
          .value();
  const Certificate root = parse_certificate(pem).value();
  EXPECT_EQ(root.spiffe_id.uri(), "spiffe://prod.example");
  EXPECT_EQ(root.subject, "CN=weft root of prod.example,O=prod.example");
  EXPECT_EQ(root.subject, root.issuer);
  EXPECT_TRUE(root.is_ca);
  EXPECT_EQ(root.not_before, kNow - seconds(60));
  EXPECT_EQ(root.not_after, kNow + hours(48));
  EXPECT_TRUE(root.public_key.same_public_half(key));
  EXPECT_EQ(root.pem, pem);
  EXPECT_FALSE(make_root(key, {.trust_domain = "Upper.Case"}).has_value());
  EXPECT_FALSE(make_root(key, {.trust_domain = "with/path"}).has_value());
}

TEST(Leaf, IsAnSvidWithOneUriAndALifetime) {
  const Key root_key = Key::generate().value();
  const std::string root = make_root(root_key, {.now = kNow}).value();
  const Key key = Key::generate().value();
  const std::string pem =
      sign_leaf({root_key, root}, key, {.id = kCart, .lifetime = hours(24), .now = kNow}).value();
  const Certificate leaf = parse_certificate(pem).value();
  EXPECT_EQ(leaf.spiffe_id, kCart);
  EXPECT_EQ(leaf.names.count(), 1U);
  EXPECT_EQ(leaf.issuer, "CN=weft root of cluster.local,O=cluster.local");
  EXPECT_FALSE(leaf.is_ca);
  EXPECT_EQ(leaf.not_before, kNow - seconds(60));
  EXPECT_EQ(leaf.not_after, kNow + hours(24));
  EXPECT_TRUE(leaf.public_key.same_public_half(key));
  const auto native = read_certificates(pem, nullptr, "leaf").value();
  EXPECT_EQ(check_svid(*native.front(), leaf.names).value(), kCart);
}

TEST(Leaf, HasASerialOf128RandomBits) {
  const Authority authority;
  std::set<std::string> serials;
  for (int i = 0; i < 50; ++i) {
    const Certificate leaf = parse_certificate(authority.leaf("cart").chain_pem).value();
    EXPECT_EQ(leaf.serial.size(), 32U);
    serials.insert(leaf.serial);
  }
  EXPECT_EQ(serials.size(), 50U);
}

TEST(Leaf, NeverOutlivesItsIssuer) {
  const Key root_key = Key::generate().value();
  const std::string root = make_root(root_key, {.lifetime = hours(2), .now = kNow}).value();
  const Key key = Key::generate().value();
  const std::string pem =
      sign_leaf({root_key, root}, key, {.id = kCart, .lifetime = hours(24), .now = kNow}).value();
  EXPECT_EQ(parse_certificate(pem).value().not_after, kNow + hours(2));
  EXPECT_FALSE(sign_leaf({root_key, root}, key, {.id = kCart, .now = kNow + hours(3)}).has_value());
}

TEST(Leaf, IsRefusedByAnIssuerThatMayNotSignIt) {
  const Authority authority;
  const Key key = Key::generate().value();
  const SpiffeId foreign = SpiffeId::parse("spiffe://other.example/ns/shop/sa/cart").value();
  EXPECT_FALSE(sign_leaf(authority.issuer(), key, {.id = foreign}).has_value());
  const SpiffeId domain = SpiffeId::parse("spiffe://cluster.local").value();
  EXPECT_FALSE(sign_leaf(authority.issuer(), key, {.id = domain}).has_value());
  EXPECT_FALSE(
      sign_leaf(authority.issuer(), key, {.id = kCart, .lifetime = Duration::zero()}).has_value());
  const Identity leaf = authority.leaf("cart");
  const Key leaf_key = Key::from_private_pem(leaf.key_pem).value();
  EXPECT_FALSE(sign_leaf({leaf_key, leaf.chain_pem}, key, {.id = kCart}).has_value())
      << "a leaf signs nothing";
  EXPECT_FALSE(sign_leaf({key, authority.root_pem()}, key, {.id = kCart}).has_value())
      << "not the root's key";
}

TEST(Svid, IsRefusedForEachRuleItBreaks) {
  const Authority authority;
  struct Case {
    const char* why;
    void (*bend)(CertificateSpec&);
  };
  const Case cases[] = {
      {"no URI", [](CertificateSpec& s) { s.uris.clear(); }},
      {"two URIs",
       [](CertificateSpec& s) { s.uris.push_back("spiffe://cluster.local/ns/a/sa/b"); }},
      {"not SPIFFE", [](CertificateSpec& s) { s.uris = {"https://cluster.local/ns/a/sa/b"}; }},
      {"no path", [](CertificateSpec& s) { s.uris = {"spiffe://cluster.local"}; }},
      {"query", [](CertificateSpec& s) { s.uris = {"spiffe://cluster.local/a?b"}; }},
      {"port", [](CertificateSpec& s) { s.uris = {"spiffe://cluster.local:80/a"}; }},
      {"upper case", [](CertificateSpec& s) { s.uris = {"spiffe://Cluster.local/a"}; }},
      {"upper-case scheme", [](CertificateSpec& s) { s.uris = {"SPIFFE://cluster.local/a"}; }},
      {"too long",
       [](CertificateSpec& s) { s.uris = {"spiffe://cluster.local/" + std::string(2049, 'a')}; }},
      {"NUL",
       [](CertificateSpec& s) { s.uris = {std::string("spiffe://cluster.local/a\0b", 26)}; }},
      {"header bytes",
       [](CertificateSpec& s) { s.uris = {"spiffe://cluster.local/a;By=\"b\",\r\nc"}; }},
      {"CA", [](CertificateSpec& s) { s.basic_constraints = "critical,CA:TRUE"; }},
      {"keyCertSign",
       [](CertificateSpec& s) { s.key_usage = "critical,digitalSignature,keyCertSign"; }},
      {"cRLSign", [](CertificateSpec& s) { s.key_usage = "critical,digitalSignature,cRLSign"; }},
      {"no digitalSignature", [](CertificateSpec& s) { s.key_usage = "critical,keyAgreement"; }},
      {"no key usage", [](CertificateSpec& s) { s.key_usage.clear(); }},
  };
  for (const Case& c : cases) {
    CertificateSpec spec = authority.good_spec("cart");
    c.bend(spec);
    const auto native = read_certificates(authority.odd(spec).chain_pem, nullptr, "leaf").value();
    EXPECT_FALSE(check_svid(*native.front(), names_of(*native.front())).has_value()) << c.why;
  }
}

TEST(Certificates, AreReadFromABundleInOrder) {
  const Authority authority;
  const Identity leaf = authority.leaf_below_intermediate("cart");
  const auto list =
      parse_certificates("# a comment\n" + leaf.chain_pem + "\nmore text\n" + authority.root_pem(),
                         "x")
          .value();
  ASSERT_EQ(list.size(), 3U);
  EXPECT_EQ(list[0].spiffe_id, kCart);
  EXPECT_EQ(list[1].subject, list[0].issuer);
  EXPECT_EQ(list[2].subject, list[1].issuer);
  EXPECT_EQ(list[0].sha256.size(), 64U);
}

TEST(Certificates, SayWhatIsWrongWithTheText) {
  EXPECT_EQ(parse_certificates("", "roots").error().detail, "roots: no certificate in it");
  EXPECT_EQ(parse_certificates("no PEM here", "chain").error().detail,
            "chain: no certificate in it");
  const Authority authority;
  std::string damaged = authority.root_pem();
  damaged[100] = '!';
  EXPECT_NE(parse_certificates(authority.root_pem() + damaged, "roots")
                .error()
                .detail.find("certificate 2 is damaged"),
            std::string::npos);
  EXPECT_FALSE(parse_certificates(std::string(kPemBytesMax + 1, ' '), "roots").has_value());
}

TEST(Certificates, SurviveOneWrongByteAnywhere) {
  const Authority authority;
  const std::string pem = authority.leaf("cart").chain_pem;
  for (std::size_t i = 0; i < pem.size(); ++i) {
    std::string bent = pem;
    bent[i] = static_cast<char>(bent[i] ^ 1);
    const auto certificate = parse_certificate(bent);
    EXPECT_TRUE(!certificate || certificate->sha256.size() == 64);
  }
}

// ---- requests ----

TEST(Csr, ProvesItsKeyAndAsksForOneName) {
  for (const Key::Type type : {Key::Type::kEcP256, Key::Type::kEd25519, Key::Type::kRsa}) {
    const Key key = Key::generate(type).value();
    const CsrInfo csr = parse_csr(make_csr(key, kCart).value()).value();
    EXPECT_TRUE(csr.public_key.same_public_half(key));
    EXPECT_TRUE(check_csr_names(csr, kCart).has_value());
    const Status other =
        check_csr_names(csr, SpiffeId::make("cluster.local", "shop", "web").value());
    ASSERT_FALSE(other.has_value());
    EXPECT_EQ(other.error().fault, Fault::kDenied);
  }
}

TEST(Csr, RefusesAnyByteChanged) {
  const std::string pem = make_csr(Key::generate().value(), kCart).value();
  int understood = 0;
  for (std::size_t i = 0; i < pem.size(); ++i) {
    std::string bent = pem;
    bent[i] = static_cast<char>(bent[i] ^ 2);
    const Result<CsrInfo> csr = parse_csr(bent);
    if (csr && check_csr_names(*csr, kCart)) ++understood;
  }
  // A few bytes of the text carry nothing (unused bits before the padding); no request with other
  // content passes.
  EXPECT_LE(understood, 3);
}

TEST(Csr, RefusesWhatIsNoRequest) {
  EXPECT_FALSE(parse_csr("").has_value());
  EXPECT_FALSE(parse_csr(Authority().root_pem()).has_value());
  EXPECT_FALSE(parse_csr(std::string(20'000, 'x')).has_value());
}

}  // namespace
}  // namespace weft::tls::testing
