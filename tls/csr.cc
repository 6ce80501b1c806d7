#include "tls/csr.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/openssl_error.h"
#include "tls/subject_names_native.h"

namespace weft::tls {

namespace {

int refuse_to_ask(char*, int, int, void*) { return -1; }

struct FreeExtensions {
  void operator()(STACK_OF(X509_EXTENSION) * list) const {
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  }
};
using Extensions = std::unique_ptr<STACK_OF(X509_EXTENSION), FreeExtensions>;

bool asks_for_a_ca(const STACK_OF(X509_EXTENSION) * extensions) {
  auto* constraints = static_cast<BASIC_CONSTRAINTS*>(
      X509V3_get_d2i(extensions, NID_basic_constraints, nullptr, nullptr));
  const bool ca = constraints != nullptr && constraints->ca != 0;
  BASIC_CONSTRAINTS_free(constraints);
  return ca;
}

bool asks_to_sign_certificates(const STACK_OF(X509_EXTENSION) * extensions) {
  auto* usage =
      static_cast<ASN1_BIT_STRING*>(X509V3_get_d2i(extensions, NID_key_usage, nullptr, nullptr));
  // Bits by their number in RFC 5280 4.2.1.3: 5 is keyCertSign, 6 is cRLSign.
  const bool signs = usage != nullptr && (ASN1_BIT_STRING_get_bit(usage, 5) != 0 ||
                                          ASN1_BIT_STRING_get_bit(usage, 6) != 0);
  ASN1_BIT_STRING_free(usage);
  return signs;
}

Status check_extensions(const STACK_OF(X509_EXTENSION) * extensions) {
  for (int i = 0; i < sk_X509_EXTENSION_num(extensions); ++i) {
    const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(sk_X509_EXTENSION_value(extensions, i)));
    switch (nid) {
      case NID_subject_alt_name:
      case NID_key_usage:
      case NID_ext_key_usage:
      case NID_basic_constraints:
      case NID_subject_key_identifier:
        break;
      default: {
        const char* name = nid == NID_undef ? "an unknown extension" : OBJ_nid2ln(nid);
        return fail(Fault::kInvalid, std::string("CSR: it asks for ") + name);
      }
    }
  }
  if (asks_for_a_ca(extensions)) return fail(Fault::kInvalid, "CSR: it asks for CA:TRUE");
  if (asks_to_sign_certificates(extensions))
    return fail(Fault::kInvalid, "CSR: it asks for keyCertSign or cRLSign");
  return {};
}

}  // namespace

Result<std::string> make_csr(const Key& key, const SpiffeId& id) {
  WEFT_ASSERT(key.has_private() && !id.empty());
  clear_openssl_errors();
  const Handle<X509_req_st> request(X509_REQ_new());
  const std::vector<std::string> uris{id.uri()};
  const std::vector<std::string> none;
  // The subject stays empty: the identity is the URI, and the issuer writes its own subject.
  X509_EXTENSION* names =
      make_names_extension({.uris = uris, .dns_names = none, .addresses = none}, true);
  const Extensions extensions(sk_X509_EXTENSION_new_null());
  if (names == nullptr || sk_X509_EXTENSION_push(extensions.get(), names) <= 0) {
    X509_EXTENSION_free(names);
    return fail(openssl_error(Fault::kInternal, "cannot make a CSR"));
  }
  const EVP_MD* digest = key.type() == Key::Type::kEd25519 ? nullptr : EVP_sha256();
  if (X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_add_extensions(request.get(), extensions.get()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), digest) <= 0) {
    return fail(openssl_error(Fault::kInternal, "cannot make a CSR"));
  }
  const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509_REQ(bio.get(), request.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

Result<CsrInfo> parse_csr(std::string_view pem) {
  prepare_openssl();
  clear_openssl_errors();
  if (pem.size() > CsrInfo::kPemBytesMax) return fail(Fault::kInvalid, "CSR: longer than 16 KiB");
  const Handle<bio_st> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Handle<X509_req_st> request(
      PEM_read_bio_X509_REQ(bio.get(), nullptr, &refuse_to_ask, nullptr));
  if (request == nullptr) return fail(openssl_error(Fault::kInvalid, "CSR: not a request in PEM"));
  EVP_PKEY* native = X509_REQ_get_pubkey(request.get());
  if (native == nullptr) return fail(openssl_error(Fault::kInvalid, "CSR: unreadable public key"));
  // The kind and size of the key are judged before it is used: a huge one would make the check
  // below expensive.
  Result<Key> key = Key::from_native(Handle<evp_pkey_st>(native), false);
  if (!key) return fail(Fault::kInvalid, "CSR: " + key.error().detail);
  if (X509_REQ_verify(request.get(), key->native()) != 1) {
    return fail(openssl_error(Fault::kInvalid, "CSR: its signature is not by its own key"));
  }
  CsrInfo info;
  info.public_key = std::move(*key);
  const Extensions extensions(X509_REQ_get_extensions(request.get()));
  if (extensions != nullptr) {
    if (Status good = check_extensions(extensions.get()); !good)
      return tl::unexpected(good.error());
    info.names = names_of(*extensions);
  }
  clear_openssl_errors();
  if (info.names.malformed)
    return fail(Fault::kInvalid, "CSR: its alternative names cannot be read");
  return info;
}

Status check_csr_names(const CsrInfo& csr, const SpiffeId& allowed) {
  if (csr.names.uris.size() != 1 || csr.names.uris.front() != allowed.uri()) {
    const std::string asked =
        csr.names.uris.empty() ? "no URI" : "'" + escape(csr.names.uris.front()) + "'";
    return fail(Fault::kDenied,
                "CSR: it asks for " + asked + " where only '" + allowed.uri() + "' is allowed");
  }
  if (csr.names.count() != 1)
    return fail(Fault::kDenied, "CSR: it asks for more names than '" + allowed.uri() + "'");
  return {};
}

}  // namespace weft::tls
