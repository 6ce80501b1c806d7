#include "tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <ctime>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/openssl_error.h"
#include "tls/primitives.h"

namespace weft::tls {

namespace {

int refuse_to_ask(char*, int, int, void*) { return -1; }

std::string text_of(const X509_NAME* name) {
  const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

WallTime wall_time_of(const ASN1_TIME* time) {
  std::tm broken_down{};
  if (ASN1_TIME_to_tm(time, &broken_down) != 1) return {};
  const std::time_t seconds = timegm(&broken_down);
  // Nanoseconds in 64 bits end in the year 2262; "99991231235959Z", which means "no end", must not
  // wrap around.
  constexpr std::time_t kLatest = 9'000'000'000;
  return WallTime(std::chrono::seconds(std::min<std::time_t>(seconds, kLatest)));
}

Result<Certificate> certificate_of(const x509_st& native, std::string_view what) {
  Certificate certificate;
  certificate.pem = pem_of(native);
  certificate.names = names_of(native);
  if (certificate.names.uris.size() == 1) {
    if (Result<SpiffeId> id = SpiffeId::parse(certificate.names.uris.front()))
      certificate.spiffe_id = std::move(*id);
  }
  certificate.subject = text_of(X509_get_subject_name(&native));
  certificate.issuer = text_of(X509_get_issuer_name(&native));
  const ASN1_INTEGER* serial = X509_get0_serialNumber(&native);
  certificate.serial = to_hex({reinterpret_cast<const char*>(ASN1_STRING_get0_data(serial)),
                               static_cast<std::size_t>(ASN1_STRING_length(serial))});
  unsigned char digest[32];
  unsigned int digest_size = 0;
  if (X509_digest(&native, EVP_sha256(), digest, &digest_size) == 1) {
    certificate.sha256 = to_hex({reinterpret_cast<const char*>(digest), digest_size});
  }
  certificate.not_before = not_before_of(native);
  certificate.not_after = not_after_of(native);
  // X509_check_ca caches what it finds in the object; the object is ours alone.
  certificate.is_ca = X509_check_ca(const_cast<x509_st*>(&native)) != 0;
  EVP_PKEY* key = X509_get_pubkey(const_cast<x509_st*>(&native));
  if (key == nullptr)
    return fail(openssl_error(Fault::kInvalid, std::string(what) + ": unreadable public key"));
  // A public root may use a key that we would not; it is only shown, so it stays empty.
  if (Result<Key> parsed = Key::from_native(Handle<evp_pkey_st>(key), false))
    certificate.public_key = std::move(*parsed);
  clear_openssl_errors();
  return certificate;
}

}  // namespace

WallTime not_before_of(const x509_st& certificate) {
  return wall_time_of(X509_get0_notBefore(&certificate));
}
WallTime not_after_of(const x509_st& certificate) {
  return wall_time_of(X509_get0_notAfter(&certificate));
}

std::string pem_of(const x509_st& certificate) {
  const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
  const int good = PEM_write_bio_X509(bio.get(), &certificate);
  WEFT_ASSERT(good == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<std::vector<Handle<x509_st>>> read_certificates(std::string_view pem,
                                                       ossl_lib_ctx_st* library,
                                                       std::string_view what) {
  prepare_openssl();
  clear_openssl_errors();
  const std::string name(what);
  if (pem.size() > kPemBytesMax) return fail(Fault::kInvalid, name + ": longer than 1 MiB");
  const Handle<bio_st> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Handle<x509_st>> list;
  for (;;) {
    X509* next = X509_new_ex(library, nullptr);
    if (PEM_read_bio_X509(bio.get(), &next, &refuse_to_ask, nullptr) == nullptr) {
      X509_free(next);
      break;
    }
    list.emplace_back(next);
    if (list.size() > kCertificatesMax)
      return fail(Fault::kInvalid, name + ": more than 1024 certificates");
  }
  // The end of the text looks like a missing start line; anything else is a damaged certificate.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return fail(
        openssl_error(Fault::kInvalid,
                      name + ": certificate " + std::to_string(list.size() + 1) + " is damaged"));
  }
  clear_openssl_errors();
  if (list.empty()) return fail(Fault::kInvalid, name + ": no certificate in it");
  return list;
}

Result<std::vector<Certificate>> parse_certificates(std::string_view pem, std::string_view what) {
  Result<std::vector<Handle<x509_st>>> natives = read_certificates(pem, nullptr, what);
  if (!natives) return tl::unexpected(natives.error());
  std::vector<Certificate> list;
  list.reserve(natives->size());
  for (const Handle<x509_st>& native : *natives) {
    Result<Certificate> certificate = certificate_of(*native, what);
    if (!certificate) return tl::unexpected(certificate.error());
    list.push_back(std::move(*certificate));
  }
  return list;
}

Result<Certificate> parse_certificate(std::string_view pem, std::string_view what) {
  Result<std::vector<Handle<x509_st>>> natives = read_certificates(pem, nullptr, what);
  if (!natives) return tl::unexpected(natives.error());
  return certificate_of(*natives->front(), what);
}

Result<SpiffeId> check_svid(const x509_st& leaf, const SubjectNames& names) {
  const auto bad = [](std::string why) {
    return fail(Fault::kTlsIdentity, "not an X.509-SVID: " + std::move(why));
  };
  if (names.malformed) return bad("its alternative names cannot be read");
  if (names.uris.size() != 1)
    return bad(std::to_string(names.uris.size()) + " URI names where exactly one must be");
  Result<SpiffeId> id = SpiffeId::parse(names.uris.front());
  if (!id) return bad(id.error().detail);
  if (id->path().empty()) return bad("its SPIFFE ID has no path");
  // These two cache what they find in the object, which belongs to one thread.
  auto* certificate = const_cast<x509_st*>(&leaf);
  // The flag as written, not X509_check_ca, which finds that CA:TRUE without keyCertSign is no CA
  // after all.
  if ((X509_get_extension_flags(certificate) & EXFLAG_CA) != 0) return bad("the leaf is a CA");
  const std::uint32_t usage = X509_get_key_usage(certificate);
  if (usage == UINT32_MAX) return bad("no key usage");
  if ((usage & KU_DIGITAL_SIGNATURE) == 0) return bad("key usage without digitalSignature");
  if ((usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0)
    return bad("key usage with keyCertSign or cRLSign");
  return id;
}

}  // namespace weft::tls
