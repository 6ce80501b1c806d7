#include "tls/openssl_handles.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <mutex>

namespace weft::tls {

void Release::operator()(bio_st* object) const { BIO_free_all(object); }
void Release::operator()(evp_md_st* object) const { EVP_MD_free(object); }
void Release::operator()(evp_pkey_st* object) const { EVP_PKEY_free(object); }
void Release::operator()(ossl_lib_ctx_st* object) const { OSSL_LIB_CTX_free(object); }
void Release::operator()(ossl_provider_st* object) const { OSSL_PROVIDER_unload(object); }
void Release::operator()(ssl_ctx_st* object) const { SSL_CTX_free(object); }
void Release::operator()(ssl_st* object) const { SSL_free(object); }
void Release::operator()(x509_st* object) const { X509_free(object); }
void Release::operator()(x509_store_st* object) const { X509_STORE_free(object); }
void Release::operator()(X509_req_st* object) const { X509_REQ_free(object); }

void prepare_openssl() {
  static std::once_flag once;
  std::call_once(once, [] { OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr); });
}

}  // namespace weft::tls
