#include "tls/verifier.h"

#include <openssl/evp.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/certificate.h"
#include "tls/library.h"
#include "tls/openssl_error.h"
#include "tls/primitives.h"
#include "tls/subject_names.h"

namespace weft::tls {

namespace {

constexpr std::string_view kSpiffeScheme = "spiffe://";

// A case-folded look, so that "SPIFFE://…" is judged as the malformed SPIFFE ID that it is.
bool looks_like_spiffe(std::string_view uri) {
  return uri.size() >= kSpiffeScheme.size() &&
         equals_ignore_case(uri.substr(0, kSpiffeScheme.size()), kSpiffeScheme);
}

std::string trust_domain_of(const x509_st& ca) {
  for (const std::string& uri : names_of(ca).uris) {
    if (!looks_like_spiffe(uri)) continue;
    const Result<SpiffeId> id = SpiffeId::parse(uri);
    return id ? std::string(id->trust_domain())
              : std::string("?");  // an unreadable domain matches none
  }
  return {};
}

// Digest of everything the outcome of the chain check depends on, apart from the time.
bool digest_of(x509_store_ctx_st& store, bool is_server, const ChainCache::Digest& roots,
               Library& library, ChainCache::Digest& digest) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  const std::uint8_t role = is_server ? 1 : 0;
  bool good = context != nullptr && EVP_DigestInit_ex2(context, library.sha256(), nullptr) == 1 &&
              EVP_DigestUpdate(context, roots.data(), roots.size()) == 1 &&
              EVP_DigestUpdate(context, &role, 1) == 1;
  const auto add = [&](X509* certificate) {
    unsigned char* der = nullptr;
    const int size =
        i2d_X509(certificate, &der);  // a copy of the bytes as they came, not a new encoding
    const std::uint32_t length = size > 0 ? static_cast<std::uint32_t>(size) : 0;
    good = good && size > 0 && EVP_DigestUpdate(context, &length, sizeof length) == 1 &&
           EVP_DigestUpdate(context, der, length) == 1;
    OPENSSL_free(der);
  };
  add(X509_STORE_CTX_get0_cert(&store));
  STACK_OF(X509)* others = X509_STORE_CTX_get0_untrusted(&store);
  for (int i = 0; i < sk_X509_num(others); ++i) add(sk_X509_value(others, i));
  good = good && EVP_DigestFinal_ex(context, digest.data(), nullptr) == 1;
  EVP_MD_CTX_free(context);
  return good;
}

std::string spki_sha256_of(const x509_st& certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(&certificate), &der);
  if (size <= 0) return {};
  std::string digest = sha256_hex(
      std::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return digest;
}

std::string describe(const SubjectNames& names) {
  if (!names.uris.empty()) return "'" + escape(names.uris.front()) + "'";
  if (!names.dns_names.empty()) return "'" + escape(names.dns_names.front()) + "'";
  return "a certificate without a name";
}

}  // namespace

Result<Verifier> Verifier::make(std::vector<SanMatcher> accepted, std::string_view roots_pem,
                                std::vector<std::string> root_spki_sha256) {
  Verifier verifier;
  if (Status good = verifier.set_accepted(std::move(accepted)); !good)
    return tl::unexpected(good.error());
  verifier.root_spki_sha256_ = std::move(root_spki_sha256);
  std::string trusted(roots_pem);
  for (const std::string& pin : verifier.root_spki_sha256_) trusted += "\n" + pin;
  const std::string digest = tls::sha256(trusted);
  std::memcpy(verifier.roots_digest_.data(), digest.data(), verifier.roots_digest_.size());
  return verifier;
}

Status Verifier::set_accepted(std::vector<SanMatcher> accepted) {
  wants_svid_ = false;
  for (const SanMatcher& matcher : accepted) {
    if (Status good = check_matcher(matcher); !good) return good;
    if (matcher.type == SanMatcher::Type::kUri && looks_like_spiffe(matcher.value))
      wants_svid_ = true;
  }
  accepted_ = std::move(accepted);
  return {};
}

Result<Verifier> Verifier::accepting(std::vector<SanMatcher> accepted) const {
  Verifier verifier = *this;
  if (Status good = verifier.set_accepted(std::move(accepted)); !good)
    return tl::unexpected(good.error());
  return verifier;
}

Verdict Verifier::verify(x509_store_ctx_st& store, bool is_server, Library& library) const {
  Verdict verdict;
  std::string trust_domain;
  if (!chain_is_good(store, is_server, library, verdict, trust_domain)) return verdict;
  judge_name(*X509_STORE_CTX_get0_cert(&store), trust_domain, verdict);
  // OpenSSL has no alert of its own for this error, so the peer gets certificate_unknown (46).
  X509_STORE_CTX_set_error(
      &store, verdict.result == HandshakeResult::kOk ? X509_V_OK : X509_V_ERR_PERMITTED_VIOLATION);
  return verdict;
}

bool Verifier::chain_is_good(x509_store_ctx_st& store, bool is_server, Library& library,
                             Verdict& verdict, std::string& trust_domain) const {
  const WallTime now = library.wall_now();
  ChainCache::Digest digest;
  const bool digested = digest_of(store, is_server, roots_digest_, library, digest);
  if (digested) {
    if (const ChainCache::Entry* known = library.chains().find(digest, now); known != nullptr) {
      trust_domain = known->trust_domain;
      return true;
    }
  }
  X509_VERIFY_PARAM_set_time(
      X509_STORE_CTX_get0_param(&store),
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  if (!check_chain(store)) {
    const int error = X509_STORE_CTX_get_error(&store);
    verdict.result = result_of_chain_error(error);
    verdict.detail = std::string(X509_verify_cert_error_string(error)) + ", at depth " +
                     std::to_string(X509_STORE_CTX_get_error_depth(&store)) + " of the chain of " +
                     describe(names_of(*X509_STORE_CTX_get0_cert(&store)));
    return false;
  }
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(&store);
  ChainCache::Entry entry{.valid_from = WallTime::min(), .valid_until = WallTime::max()};
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    const X509& certificate = *sk_X509_value(chain, i);
    entry.valid_from = std::max(entry.valid_from, not_before_of(certificate));
    entry.valid_until = std::min(entry.valid_until, not_after_of(certificate));
    if (i == 0) continue;
    // Every CA on the way that names a trust domain must name the same one.
    std::string named = trust_domain_of(certificate);
    if (named.empty()) continue;
    entry.trust_domain =
        entry.trust_domain.empty() || entry.trust_domain == named ? std::move(named) : "?";
  }
  trust_domain = entry.trust_domain;
  if (digested) library.chains().insert(digest, std::move(entry));
  return true;
}

bool Verifier::check_chain(x509_store_ctx_st& store) const {
  if (root_spki_sha256_.empty()) return X509_verify_cert(&store) == 1;
  // Whoever shows the root has proved nothing yet: the chain must still lead to it.
  STACK_OF(X509)* trusted = sk_X509_new_null();
  STACK_OF(X509)* shown = X509_STORE_CTX_get0_untrusted(&store);
  bool found = false;
  for (int i = 0; trusted != nullptr && i < sk_X509_num(shown); ++i) {
    X509* certificate = sk_X509_value(shown, i);
    if (X509_check_ca(certificate) == 0) continue;
    const std::string spki = spki_sha256_of(*certificate);
    const bool pinned =
        !spki.empty() && std::find(root_spki_sha256_.begin(), root_spki_sha256_.end(), spki) !=
                             root_spki_sha256_.end();
    if (pinned) found = sk_X509_push(trusted, certificate) > 0 || found;
  }
  if (found) X509_STORE_CTX_set0_trusted_stack(&store, trusted);
  const bool good = X509_verify_cert(&store) == 1;
  if (found) X509_STORE_CTX_set0_trusted_stack(&store, nullptr);
  sk_X509_free(trusted);
  return good;
}

void Verifier::judge_name(const x509_st& leaf, const std::string& trust_domain,
                          Verdict& verdict) const {
  const SubjectNames names = names_of(leaf);
  const auto refuse = [&](HandshakeResult result, std::string detail) {
    verdict.result = result;
    verdict.detail = std::move(detail);
  };
  const bool shows_svid = std::any_of(names.uris.begin(), names.uris.end(), looks_like_spiffe);
  if (shows_svid || wants_svid_ || names.malformed) {
    Result<SpiffeId> id = check_svid(leaf, names);
    if (!id) return refuse(HandshakeResult::kBadSvid, id.error().detail);
    if (!trust_domain.empty() && id->trust_domain() != trust_domain) {
      return refuse(HandshakeResult::kWrongIdentity,
                    "'" + id->uri() + "' is signed by the root of '" + trust_domain + "'");
    }
    verdict.peer = std::move(*id);
  }
  if (accepted_.empty()) return;
  const bool accepted =
      std::any_of(accepted_.begin(), accepted_.end(),
                  [&](const SanMatcher& matcher) { return matches(matcher, names); });
  if (accepted) return;
  verdict.peer = SpiffeId();
  refuse(HandshakeResult::kWrongIdentity,
         "the peer is " + describe(names) + ", which is not an accepted name");
}

}  // namespace weft::tls
