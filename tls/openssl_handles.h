#pragma once
// Handles: OpenSSL objects owned by unique_ptr, and the names of OpenSSL's types for our own
// headers.
//
// Headers of this room never include OpenSSL, so that nobody who includes them depends on it.
// Thread: that of their owner.

#include <memory>

struct asn1_string_st;
struct bio_st;
struct evp_md_st;
struct evp_pkey_st;
struct ossl_lib_ctx_st;
struct ossl_provider_st;
struct ssl_ctx_st;
struct ssl_st;
struct x509_st;
struct x509_store_ctx_st;
struct x509_store_st;
struct X509_req_st;

namespace weft::tls {

struct Release {
  void operator()(bio_st* object) const;
  void operator()(evp_md_st* object) const;
  void operator()(evp_pkey_st* object) const;
  void operator()(ossl_lib_ctx_st* object) const;
  void operator()(ossl_provider_st* object) const;
  void operator()(ssl_ctx_st* object) const;
  void operator()(ssl_st* object) const;
  void operator()(x509_st* object) const;
  void operator()(x509_store_st* object) const;
  void operator()(X509_req_st* object) const;
};

template <typename T>
using Handle = std::unique_ptr<T, Release>;

// Tells OpenSSL, once per process and before its first use, to read no openssl.cnf: what weft does
// is in weft's configuration. Every way into this room calls it.
void prepare_openssl();

}  // namespace weft::tls
