#include "tests/demo/badges.h"

#include <fstream>
#include <sstream>

#include "tests/demo/shop.h"
#include "tls/certificate.h"
#include "tls/issue.h"

namespace weft::demo {

namespace {

constexpr const char* kForeignDomain = "elsewhere.example";
constexpr std::chrono::hours kLifetime{1};

}  // namespace

Result<Badges> Badges::open(const std::string& root_file) {
  std::ifstream file(root_file, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  const std::string pem = std::move(text).str();
  Result<tls::Key> key = tls::Key::from_private_pem(pem);
  if (!key) return fail(Fault::kInvalid, root_file + ": " + key.error().detail);
  Result<tls::Certificate> root = tls::parse_certificate(pem, "root");
  if (!root) return fail(Fault::kInvalid, root_file + ": " + root.error().detail);
  Badges out;
  out.key_ = std::move(*key);
  out.root_pem_ = std::move(root->pem);
  return out;
}

TlsMaterial Badges::material(std::string version, std::string chain, const tls::Key& key) const {
  return {.version = std::move(version),
          .chain_pem = std::move(chain),
          .key_pem = key.empty() ? std::string() : key.private_pem(),
          .roots_pem = root_pem_};
}

Result<TlsMaterial> Badges::member(std::string_view account) const {
  const Result<tls::Key> key = tls::Key::generate();
  if (!key) return fail(key.error());
  const Result<SpiffeId> id = SpiffeId::make(Shop::kTrustDomain, Shop::kNamespace, account);
  if (!id) return fail(id.error());
  Result<std::string> leaf =
      tls::sign_leaf({key_, root_pem_}, *key, {.id = *id, .lifetime = kLifetime});
  if (!leaf) return fail(leaf.error());
  return material("member " + std::string(account), std::move(*leaf), *key);
}

TlsMaterial Badges::nobody() const { return material("nobody", {}, {}); }

Result<TlsMaterial> Badges::stranger() const {
  const Result<tls::Key> root_key = tls::Key::generate();
  const Result<tls::Key> key = tls::Key::generate();
  if (!root_key) return fail(root_key.error());
  if (!key) return fail(key.error());
  const Result<std::string> root = tls::make_root(*root_key, {.trust_domain = kForeignDomain});
  if (!root) return fail(root.error());
  const Result<SpiffeId> id = SpiffeId::make(kForeignDomain, Shop::kNamespace, "visitor");
  if (!id) return fail(id.error());
  Result<std::string> leaf =
      tls::sign_leaf({*root_key, *root}, *key, {.id = *id, .lifetime = kLifetime});
  if (!leaf) return fail(leaf.error());
  return material("stranger", std::move(*leaf), *key);
}

Result<TlsMaterial> Badges::misnamed() const {
  const Result<tls::Key> key = tls::Key::generate();
  if (!key) return fail(key.error());
  tls::CertificateSpec spec;
  spec.organization = kForeignDomain;
  spec.uris = {std::string("spiffe://") + kForeignDomain + "/ns/shop/sa/visitor"};
  spec.key_usage = "critical,digitalSignature";
  spec.extended_key_usage = "serverAuth,clientAuth";
  spec.basic_constraints = "critical,CA:FALSE";
  spec.not_before = read_wall_clock() - tls::kBackdated;
  spec.not_after = read_wall_clock() + kLifetime;
  Result<std::string> leaf = tls::build_certificate(spec, *key, tls::Issuer{key_, root_pem_});
  if (!leaf) return fail(leaf.error());
  return material("misnamed", std::move(*leaf), *key);
}

}  // namespace weft::demo
