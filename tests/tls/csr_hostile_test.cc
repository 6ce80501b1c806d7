// Requests that a hostile workload would send: built with OpenSSL directly, since make_csr cannot
// make them.
#define OPENSSL_SUPPRESS_DEPRECATED  // a hostile RSA key is made of its parts
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <string>
#include <vector>

#include "tls/csr.h"

namespace weft::tls {
namespace {

const SpiffeId kCart = SpiffeId::make("cluster.local", "shop", "cart").value();
constexpr char kCartName[] = "URI:spiffe://cluster.local/ns/shop/sa/cart";

struct Extension {
  int nid;
  const char* value;
};

std::string request_of(EVP_PKEY* key, const std::vector<Extension>& wanted,
                       EVP_PKEY* signer = nullptr) {
  X509_REQ* request = X509_REQ_new();
  X509_REQ_set_pubkey(request, key);
  X509V3_CTX context;
  X509V3_set_ctx(&context, nullptr, nullptr, request, nullptr, 0);
  STACK_OF(X509_EXTENSION)* list = sk_X509_EXTENSION_new_null();
  for (const Extension& extension : wanted) {
    sk_X509_EXTENSION_push(list,
                           X509V3_EXT_nconf_nid(nullptr, &context, extension.nid, extension.value));
  }
  if (!wanted.empty()) X509_REQ_add_extensions(request, list);
  X509_REQ_sign(request, signer != nullptr ? signer : key, EVP_sha256());
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_X509_REQ(bio, request);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
  X509_REQ_free(request);
  return pem;
}

class CsrFromAHostileWorkload : public ::testing::Test {
 protected:
  EVP_PKEY* key_ = EVP_EC_gen("P-256");
  ~CsrFromAHostileWorkload() override { EVP_PKEY_free(key_); }

  bool passes(const std::vector<Extension>& wanted) {
    const Result<CsrInfo> csr = parse_csr(request_of(key_, wanted));
    return csr && check_csr_names(*csr, kCart);
  }
};

TEST_F(CsrFromAHostileWorkload, PassesOnlyAsAskedFor) {
  EXPECT_TRUE(passes({{NID_subject_alt_name, kCartName}}));
  EXPECT_TRUE(passes({{NID_subject_alt_name, kCartName},
                      {NID_key_usage, "critical,digitalSignature,keyEncipherment"},
                      {NID_ext_key_usage, "serverAuth,clientAuth"},
                      {NID_basic_constraints, "critical,CA:FALSE"}}));
}

TEST_F(CsrFromAHostileWorkload, IsRefusedForAnyOtherName) {
  EXPECT_FALSE(passes({}));
  EXPECT_FALSE(passes({{NID_subject_alt_name, "URI:spiffe://cluster.local/ns/shop/sa/web"}}));
  for (const char* more :
       {",URI:spiffe://cluster.local/ns/shop/sa/web", ",DNS:web.shop", ",IP:10.0.0.1",
        ",email:a@b.c", ",RID:1.2.3.4", ",URI:spiffe://cluster.local/ns/shop/sa/cart"}) {
    const std::string names = std::string(kCartName) + more;
    EXPECT_FALSE(passes({{NID_subject_alt_name, names.c_str()}})) << more;
  }
  EXPECT_FALSE(passes({{NID_subject_alt_name, kCartName}, {NID_subject_alt_name, "DNS:web.shop"}}));
}

TEST_F(CsrFromAHostileWorkload, IsRefusedWhenItWantsToBeACa) {
  EXPECT_FALSE(passes({{NID_subject_alt_name, kCartName}, {NID_basic_constraints, "CA:TRUE"}}));
  EXPECT_FALSE(passes({{NID_subject_alt_name, kCartName}, {NID_key_usage, "keyCertSign"}}));
  EXPECT_FALSE(
      passes({{NID_subject_alt_name, kCartName}, {NID_key_usage, "digitalSignature,cRLSign"}}));
  EXPECT_FALSE(
      passes({{NID_subject_alt_name, kCartName}, {NID_name_constraints, "permitted;DNS:."}}));
}

TEST_F(CsrFromAHostileWorkload, IsRefusedWithAKeyThatIsNotItsOwn) {
  EVP_PKEY* other = EVP_EC_gen("P-256");
  EXPECT_FALSE(parse_csr(request_of(key_, {{NID_subject_alt_name, kCartName}}, other)).has_value());
  EVP_PKEY_free(other);
}

TEST_F(CsrFromAHostileWorkload, IsRefusedWithAWeakOrHugeKey) {
  for (const unsigned int bits : {1024U, 512U}) {
    EVP_PKEY* weak = EVP_RSA_gen(bits);
    const Result<CsrInfo> csr = parse_csr(request_of(weak, {{NID_subject_alt_name, kCartName}}));
    EXPECT_FALSE(csr.has_value()) << bits;
    EVP_PKEY_free(weak);
  }
  // A modulus of 16,384 bits, signed with something else: refused for its size before any
  // arithmetic.
  BIGNUM* modulus = BN_new();
  BN_rand(modulus, 16'384, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ODD);
  RSA* rsa = RSA_new();
  BIGNUM* exponent = BN_new();
  BN_set_word(exponent, 65'537);
  RSA_set0_key(rsa, modulus, exponent, nullptr);
  EVP_PKEY* huge = EVP_PKEY_new();
  EVP_PKEY_assign_RSA(huge, rsa);
  const Result<CsrInfo> csr =
      parse_csr(request_of(huge, {{NID_subject_alt_name, kCartName}}, key_));
  ASSERT_FALSE(csr.has_value());
  EXPECT_NE(csr.error().detail.find("16384 bits"), std::string::npos) << csr.error().detail;
  EVP_PKEY_free(huge);
}

TEST_F(CsrFromAHostileWorkload, IsRefusedOnAnotherCurve) {
  EVP_PKEY* other = EVP_EC_gen("secp256k1");
  EXPECT_FALSE(parse_csr(request_of(other, {{NID_subject_alt_name, kCartName}})).has_value());
  EVP_PKEY_free(other);
}

}  // namespace
}  // namespace weft::tls
