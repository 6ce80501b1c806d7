#pragma once
// TlsMaterial and TlsSettings: what a TLS context is made from, as plain values. config holds them,
// tls turns them into contexts, describe() redacts the key. Immutable once shared.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace weft {

// A key, its chain and the roots to judge peers by. PEM bytes only, so that any room may carry it.
struct TlsMaterial {
  std::string version;    // changes whenever any part does; contexts are cached by it
  std::string chain_pem;  // leaf first; may be empty for a client that shows no certificate
  std::string key_pem;    // never printed
  std::string
      roots_pem;  // trusted issuers; empty: verify nothing (only where the settings allow it)
};

// One accepted name of the peer, after envoy's SubjectAltNameMatcher.
struct SanMatcher {
  enum class Type : std::uint8_t { kUri, kDns, kIp, kEmail };
  enum class How : std::uint8_t { kExact, kPrefix, kSuffix, kContains, kRegex };
  Type type = Type::kUri;
  How how = How::kExact;
  std::string value;
  bool ignore_case = false;
  bool operator==(const SanMatcher&) const = default;
};

struct TlsSettings {
  enum class Version : std::uint8_t { kAuto, kTls12, kTls13 };
  Version version_min = Version::kAuto;  // auto: 1.2, or 1.3 where both ends are ours
  Version version_max = Version::kAuto;
  std::vector<std::string> cipher_suites;  // for 1.2; 1.3's are fixed
  std::vector<std::string> curves;         // empty: X25519, P-256
  std::vector<std::string>
      alpn;  // in order of preference; a server picks its first that the client offers
  std::vector<SanMatcher> peer_names;     // any one must match; empty: any name of a good chain
  std::string server_name;                // client: SNI
  bool require_peer_certificate = false;  // server
  bool verify_peer = true;                // client: false only without roots, as xDS allows
  // Without roots: a CA that the peer shows in its chain is the root if the SHA-256 of its
  // SubjectPublicKeyInfo (lower-case hex) is one of these. First trust of a join token.
  std::vector<std::string> root_spki_sha256;
  bool operator==(const TlsSettings&) const = default;
};

}  // namespace weft
