#pragma once
// Authority: a small CA for tests: roots, leaves good and bad, and the material and settings made
// of them.

#include <memory>
#include <string>
#include <string_view>

#include "sidecar/core/tls_config.h"
#include "tls/context.h"
#include "tls/issue.h"
#include "tls/key.h"
#include "tls/library.h"

namespace weft::tls::testing {

struct Identity {
  std::string chain_pem;
  std::string key_pem;
};

class Authority final {
 public:
  explicit Authority(const std::string& trust_domain = "cluster.local");

  [[nodiscard]] const std::string& root_pem() const { return root_pem_; }
  [[nodiscard]] const Key& key() const { return key_; }
  [[nodiscard]] Issuer issuer() const { return {key_, root_pem_}; }

  // A leaf for "spiffe://<trust domain>/ns/shop/sa/<account>".
  [[nodiscard]] Identity leaf(const std::string& account, Duration lifetime = std::chrono::hours(1),
                              WallTime now = read_wall_clock()) const;
  // A leaf signed by an intermediate, the intermediate behind it.
  [[nodiscard]] Identity leaf_below_intermediate(const std::string& account) const;
  // Whatever `spec` says; times are filled in when they are not set.
  [[nodiscard]] Identity odd(CertificateSpec spec, Key::Type type = Key::Type::kEcP256) const;
  // The spec of a good leaf, to be bent.
  [[nodiscard]] CertificateSpec good_spec(const std::string& account) const;

  [[nodiscard]] TlsMaterial material(const Identity& identity) const;  // with this authority's root

 private:
  std::string trust_domain_;
  Key key_;
  std::string root_pem_;
};

[[nodiscard]] TlsMaterial material_of(const Identity& identity, const std::string& roots_pem);
[[nodiscard]] SanMatcher uri(std::string value, SanMatcher::How how = SanMatcher::How::kExact);
[[nodiscard]] SanMatcher dns(std::string value);

// As the planner would write them: client certificate required.
[[nodiscard]] TlsSettings server_settings();
[[nodiscard]] TlsSettings client_settings();

}  // namespace weft::tls::testing
