#include "tests/tls/identities.h"

namespace weft::tls::testing {

Authority::Authority(const std::string& trust_domain)
    : trust_domain_(trust_domain), key_(Key::generate().value()) {
  root_pem_ = make_root(key_, {.trust_domain = trust_domain}).value();
}

Identity Authority::leaf(const std::string& account, Duration lifetime, WallTime now) const {
  const Key key = Key::generate().value();
  const SpiffeId id = SpiffeId::make(trust_domain_, "shop", account).value();
  return {sign_leaf(issuer(), key, {.id = id, .lifetime = lifetime, .now = now}).value(),
          key.private_pem()};
}

Identity Authority::leaf_below_intermediate(const std::string& account) const {
  const Key middle = Key::generate().value();
  const std::string middle_pem =
      sign_intermediate(issuer(), middle, {.trust_domain = trust_domain_}).value();
  const Key key = Key::generate().value();
  const SpiffeId id = SpiffeId::make(trust_domain_, "shop", account).value();
  const std::string leaf_pem = sign_leaf({middle, middle_pem}, key, {.id = id}).value();
  return {leaf_pem + middle_pem, key.private_pem()};
}

CertificateSpec Authority::good_spec(const std::string& account) const {
  return {
      .organization = trust_domain_,
      .uris = {"spiffe://" + trust_domain_ + "/ns/shop/sa/" + account},
      .key_usage = "critical,digitalSignature",
      .extended_key_usage = "serverAuth,clientAuth",
      .basic_constraints = "critical,CA:FALSE",
      .not_before = read_wall_clock() - std::chrono::minutes(1),
      .not_after = read_wall_clock() + std::chrono::hours(1),
  };
}

Identity Authority::odd(CertificateSpec spec, Key::Type type) const {
  if (spec.not_before == WallTime{}) spec.not_before = read_wall_clock() - std::chrono::minutes(1);
  if (spec.not_after == WallTime{}) spec.not_after = read_wall_clock() + std::chrono::hours(1);
  const Key key = Key::generate(type).value();
  return {build_certificate(spec, key, issuer()).value(), key.private_pem()};
}

TlsMaterial Authority::material(const Identity& identity) const {
  return material_of(identity, root_pem_);
}

TlsMaterial material_of(const Identity& identity, const std::string& roots_pem) {
  return {.version = "1",
          .chain_pem = identity.chain_pem,
          .key_pem = identity.key_pem,
          .roots_pem = roots_pem};
}

SanMatcher uri(std::string value, SanMatcher::How how) {
  return {.type = SanMatcher::Type::kUri, .how = how, .value = std::move(value)};
}

SanMatcher dns(std::string value) {
  return {.type = SanMatcher::Type::kDns, .value = std::move(value)};
}

TlsSettings server_settings() {
  TlsSettings settings;
  settings.alpn = {"h2", "http/1.1"};
  settings.peer_names = {uri("spiffe://cluster.local/", SanMatcher::How::kPrefix)};
  settings.require_peer_certificate = true;
  return settings;
}

TlsSettings client_settings() {
  TlsSettings settings;
  settings.alpn = {"h2"};
  settings.peer_names = {uri("spiffe://cluster.local/ns/shop/sa/server")};
  settings.server_name = "outbound.server.shop";
  return settings;
}

}  // namespace weft::tls::testing
