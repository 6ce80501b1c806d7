#pragma once
// Issue: make certificates: self-signed roots, intermediates and workload leaves. The signing half
// of the control plane's CA, and the tests' source of certificates good and bad.
//
// make_root, sign_intermediate and sign_leaf follow X.509-SVID; build_certificate does what it is
// told, even if it is wrong. Serials are 16 random bytes (two bits of them fixed) and are not
// stored (decisions A7). Every certificate begins 60 s before now, so that a peer whose clock is a
// little behind believes it. Thread: any.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/clock.h"
#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "tls/key.h"

namespace weft::tls {

inline constexpr Duration kBackdated = std::chrono::seconds(60);

struct RootOptions {
  std::string trust_domain = "cluster.local";
  Duration lifetime = std::chrono::hours(24 * 3650);
  int path_length = 1;  // how many intermediates may stand between the root and a leaf
  WallTime now = read_wall_clock();
};
// The certificate in PEM. It carries "spiffe://<trust domain>", so that it can vouch for names of
// that domain only.
[[nodiscard]] Result<std::string> make_root(const Key& key, const RootOptions& options);

// Who signs: a private key and its certificate.
struct Issuer {
  const Key& key;
  std::string_view certificate_pem;
};

struct IntermediateOptions {
  std::string trust_domain = "cluster.local";
  Duration lifetime = std::chrono::hours(24 * 365);
  WallTime now = read_wall_clock();
};
[[nodiscard]] Result<std::string> sign_intermediate(const Issuer& issuer, const Key& subject,
                                                    const IntermediateOptions& options);

struct LeafOptions {
  SpiffeId id;
  std::vector<std::string> dns_names;  // for servers that plain clients call as well
  Duration lifetime = std::chrono::hours(24);
  WallTime now = read_wall_clock();
};
// The leaf alone, in PEM. Never outlives its issuer; an id outside the issuer's trust domain is
// refused.
[[nodiscard]] Result<std::string> sign_leaf(const Issuer& issuer, const Key& subject,
                                            const LeafOptions& options);

// Exactly what is written here, right or wrong.
struct CertificateSpec {
  std::string organization;
  std::string common_name;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;
  std::string key_usage;           // "critical,digitalSignature"; empty: the extension is absent
  std::string extended_key_usage;  // "serverAuth,clientAuth"
  std::string basic_constraints;   // "critical,CA:FALSE"
  std::string name_constraints;    // "critical,permitted;URI:.example"
  std::string digest = "SHA256";
  WallTime not_before{};
  WallTime not_after{};
};
// Self-signed with the subject's own key when there is no issuer.
[[nodiscard]] Result<std::string> build_certificate(const CertificateSpec& spec, const Key& subject,
                                                    const std::optional<Issuer>& issuer);

}  // namespace weft::tls
