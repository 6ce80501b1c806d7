#pragma once
// Verifier: whether to believe the certificate a peer shows: first its chain, then its name.
//
// Chain: RFC 5280 by OpenSSL against the context's roots, remembered in the worker's ChainCache.
// Without roots but with digests of root keys, the root is taken from what the peer shows. Name: a
// leaf with a SPIFFE ID, and every leaf where a spiffe:// name is asked for, must be an X.509-SVID
// of the trust domain its root names; then any of the accepted names must match. Roots that name no
// trust domain (public ones) bind nothing. Owner: a context. Thread: its worker's.

#include <cstdint>
#include <string>
#include <vector>

#include "sidecar/core/result.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/tls_config.h"
#include "tls/chain_cache.h"
#include "tls/handshake_result.h"
#include "tls/openssl_handles.h"

namespace weft::tls {

class Library;

struct Verdict {
  HandshakeResult result = HandshakeResult::kOk;
  std::string detail;  // why not, for people
  SpiffeId peer;       // empty for a good peer without a SPIFFE ID
};

class Verifier final {
 public:
  static constexpr int kChainDepthMax = 8;  // intermediates between a leaf and a root

  // Refuses matchers that cannot be matched. `roots_pem` is only remembered as a digest.
  static Result<Verifier> make(std::vector<SanMatcher> accepted, std::string_view roots_pem,
                               std::vector<std::string> root_spki_sha256 = {});

  // The same roots, other names.
  [[nodiscard]] Result<Verifier> accepting(std::vector<SanMatcher> accepted) const;

  // Judges the chain in `store`, which is prepared with the context's roots and purpose. Where the
  // verdict is bad, the error set in `store` chooses the alert that the peer gets.
  [[nodiscard]] Verdict verify(x509_store_ctx_st& store, bool is_server, Library& library) const;

 private:
  Verifier() = default;
  [[nodiscard]] Status set_accepted(std::vector<SanMatcher> accepted);
  [[nodiscard]] bool chain_is_good(x509_store_ctx_st& store, bool is_server, Library& library,
                                   Verdict& verdict, std::string& trust_domain) const;
  [[nodiscard]] bool check_chain(x509_store_ctx_st& store) const;
  void judge_name(const x509_st& leaf, const std::string& trust_domain, Verdict& verdict) const;

  std::vector<SanMatcher> accepted_;
  std::vector<std::string> root_spki_sha256_;
  bool wants_svid_ = false;
  ChainCache::Digest roots_digest_{};
};

}  // namespace weft::tls
