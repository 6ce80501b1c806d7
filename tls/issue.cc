#include "tls/issue.h"

#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "sidecar/core/assert.h"
#include "tls/certificate.h"
#include "tls/openssl_error.h"
#include "tls/primitives.h"
#include "tls/subject_names_native.h"

namespace weft::tls {

namespace {

Error cannot(std::string_view what) { return openssl_error(Fault::kInternal, what); }

bool set_random_serial(X509* certificate) {
  std::string bytes = random_bytes(16);
  // Positive and of full length (RFC 5280 4.1.2.2 wants it positive; the top bit would be the
  // sign).
  bytes[0] = static_cast<char>((static_cast<unsigned char>(bytes[0]) & 0x7fU) | 0x40U);
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()),
                             static_cast<int>(bytes.size()), nullptr);
  const bool good = number != nullptr &&
                    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return good;
}

bool set_time(ASN1_TIME* field, WallTime time) {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return ASN1_TIME_set(field, seconds) != nullptr;
}

bool add_entry(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return true;
  return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(value.data()),
                                    static_cast<int>(value.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509V3_CTX& context, int nid, const std::string& value) {
  if (value.empty()) return true;
  X509_EXTENSION* extension = X509V3_EXT_nconf_nid(nullptr, &context, nid, value.c_str());
  const bool good = extension != nullptr && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return good;
}

bool sign(X509* certificate, const Key& key, const std::string& digest) {
  const EVP_MD* algorithm =
      key.type() == Key::Type::kEd25519 ? nullptr : EVP_get_digestbyname(digest.c_str());
  return X509_sign(certificate, key.native(), algorithm) > 0;
}

// What an issuer's certificate allows its leaves.
struct Bounds {
  SpiffeId id;
  WallTime not_after;
};

Result<Bounds> bounds_of(const Issuer& issuer) {
  Result<Certificate> certificate = parse_certificate(issuer.certificate_pem, "issuer");
  if (!certificate) return tl::unexpected(certificate.error());
  if (!certificate->is_ca) return fail(Fault::kInvalid, "issuer: not a CA certificate");
  if (!issuer.key.has_private()) return fail(Fault::kInvalid, "issuer: its private key is missing");
  if (!issuer.key.same_public_half(certificate->public_key)) {
    return fail(Fault::kInvalid, "issuer: certificate does not match key");
  }
  return Bounds{certificate->spiffe_id, certificate->not_after};
}

Result<std::string> trust_domain_uri(const std::string& trust_domain) {
  std::string uri = "spiffe://" + trust_domain;
  const Result<SpiffeId> id = SpiffeId::parse(uri);
  if (!id) return tl::unexpected(id.error());
  if (!id->path().empty()) return fail(Fault::kInvalid, "a trust domain has no path: " + uri);
  return uri;
}

}  // namespace

Result<std::string> make_root(const Key& key, const RootOptions& options) {
  Result<std::string> uri = trust_domain_uri(options.trust_domain);
  if (!uri) return uri;
  return build_certificate(
      {
          .organization = options.trust_domain,
          .common_name = "weft root of " + options.trust_domain.substr(0, 50),
          .uris = {*uri},
          .key_usage = "critical,keyCertSign,cRLSign",
          .basic_constraints = "critical,CA:TRUE,pathlen:" + std::to_string(options.path_length),
          .not_before = options.now - kBackdated,
          .not_after = options.now + options.lifetime,
      },
      key, std::nullopt);
}

Result<std::string> sign_intermediate(const Issuer& issuer, const Key& subject,
                                      const IntermediateOptions& options) {
  const Result<Bounds> bounds = bounds_of(issuer);
  if (!bounds) return tl::unexpected(bounds.error());
  Result<std::string> uri = trust_domain_uri(options.trust_domain);
  if (!uri) return uri;
  return build_certificate(
      {
          .organization = options.trust_domain,
          .common_name = "weft issuer of " + options.trust_domain.substr(0, 49),
          .uris = {*uri},
          .key_usage = "critical,keyCertSign,cRLSign",
          .basic_constraints = "critical,CA:TRUE,pathlen:0",
          .not_before = options.now - kBackdated,
          .not_after = std::min(options.now + options.lifetime, bounds->not_after),
      },
      subject, issuer);
}

Result<std::string> sign_leaf(const Issuer& issuer, const Key& subject,
                              const LeafOptions& options) {
  const Result<Bounds> bounds = bounds_of(issuer);
  if (!bounds) return tl::unexpected(bounds.error());
  if (options.id.path().empty())
    return fail(Fault::kInvalid, "a leaf needs a SPIFFE ID with a path");
  if (!bounds->id.empty() && bounds->id.trust_domain() != options.id.trust_domain()) {
    return fail(Fault::kInvalid,
                "the issuer vouches for " + bounds->id.uri() + ", not for " + options.id.uri());
  }
  if (options.lifetime <= Duration::zero())
    return fail(Fault::kInvalid, "a leaf's lifetime must be more than zero");
  if (bounds->not_after <= options.now)
    return fail(Fault::kInvalid, "issuer: its certificate has expired");
  return build_certificate(
      {
          .organization = std::string(options.id.trust_domain()),
          .uris = {options.id.uri()},
          .dns_names = options.dns_names,
          .key_usage = "critical,digitalSignature",
          .extended_key_usage = "serverAuth,clientAuth",
          .basic_constraints = "critical,CA:FALSE",
          .not_before = options.now - kBackdated,
          .not_after = std::min(options.now + options.lifetime, bounds->not_after),
      },
      subject, issuer);
}

Result<std::string> build_certificate(const CertificateSpec& spec, const Key& subject,
                                      const std::optional<Issuer>& issuer) {
  prepare_openssl();
  clear_openssl_errors();
  const Key& signer = issuer ? issuer->key : subject;
  WEFT_ASSERT(!subject.empty() && signer.has_private());
  std::vector<Handle<x509_st>> parents;
  if (issuer) {
    Result<std::vector<Handle<x509_st>>> read =
        read_certificates(issuer->certificate_pem, nullptr, "issuer");
    if (!read) return tl::unexpected(read.error());
    parents = std::move(*read);
  }

  const Handle<x509_st> certificate(X509_new());
  X509* x509 = certificate.get();
  X509_NAME* name = X509_get_subject_name(x509);
  const bool named = X509_set_version(x509, X509_VERSION_3) == 1 && set_random_serial(x509) &&
                     set_time(X509_getm_notBefore(x509), spec.not_before) &&
                     set_time(X509_getm_notAfter(x509), spec.not_after) &&
                     add_entry(name, "O", spec.organization) &&
                     add_entry(name, "CN", spec.common_name) &&
                     X509_set_pubkey(x509, subject.native()) == 1;
  if (!named) return fail(cannot("cannot fill in a certificate"));
  X509* parent = parents.empty() ? x509 : parents.front().get();
  if (X509_set_issuer_name(x509, X509_get_subject_name(parent)) != 1)
    return fail(cannot("cannot name the issuer"));

  X509V3_CTX context;
  X509V3_set_ctx(&context, parent, x509, nullptr, nullptr, 0);
  const bool extended =
      add_extension(x509, context, NID_subject_key_identifier, "hash") &&
      add_extension(x509, context, NID_authority_key_identifier, parents.empty() ? "" : "keyid") &&
      add_extension(x509, context, NID_basic_constraints, spec.basic_constraints) &&
      add_extension(x509, context, NID_key_usage, spec.key_usage) &&
      add_extension(x509, context, NID_ext_key_usage, spec.extended_key_usage) &&
      add_extension(x509, context, NID_name_constraints, spec.name_constraints);
  if (!extended) return fail(cannot("cannot add an extension"));
  const NamesToWrite names{
      .uris = spec.uris, .dns_names = spec.dns_names, .addresses = spec.addresses};
  if (!names.empty()) {
    // RFC 5280 4.2.1.6: critical when the subject is empty.
    const bool critical = X509_NAME_entry_count(name) == 0;
    X509_EXTENSION* extension = make_names_extension(names, critical);
    const bool good = extension != nullptr && X509_add_ext(x509, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    if (!good) return fail(cannot("cannot add alternative names"));
  }
  if (!sign(x509, signer, spec.digest)) return fail(cannot("cannot sign a certificate"));
  return pem_of(*x509);
}

}  // namespace weft::tls
