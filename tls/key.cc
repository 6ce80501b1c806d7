#include "tls/key.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "sidecar/core/assert.h"
#include "tls/openssl_error.h"
#include "tls/primitives.h"

namespace weft::tls {

namespace {

// OpenSSL's default asks on the terminal.
int refuse_to_ask(char*, int, int, void*) { return -1; }

Handle<bio_st> reader(std::string_view text) {
  return Handle<bio_st>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string contents_of(bio_st* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

struct DigestContext {
  EVP_MD_CTX* native = EVP_MD_CTX_new();
  DigestContext() = default;
  DigestContext(const DigestContext&) = delete;
  DigestContext& operator=(const DigestContext&) = delete;
  ~DigestContext() { EVP_MD_CTX_free(native); }
};

Result<Key::Type> type_of(EVP_PKEY* key) {
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
      return Key::Type::kEd25519;
    case EVP_PKEY_RSA: {
      const int bits = EVP_PKEY_get_bits(key);
      if (bits < Key::kRsaBitsMin || bits > Key::kRsaBitsMax) {
        return fail(Fault::kInvalid,
                    "an RSA key of " + std::to_string(bits) + " bits; 2048 to 8192 are allowed");
      }
      return Key::Type::kRsa;
    }
    case EVP_PKEY_EC: {
      // A curve spelled out in full can be one on which forging is easy (CVE-2020-0601); only names
      // are believed.
      int is_explicit = 0;
      if (EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS,
                                 &is_explicit) == 1 &&
          is_explicit != 0) {
        return fail(Fault::kInvalid, "an EC key with explicit curve parameters");
      }
      char group[64] = {};
      std::size_t size = 0;
      if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1) {
        const std::string_view name(group, size);
        if (name == "prime256v1") return Key::Type::kEcP256;
        if (name == "secp384r1") return Key::Type::kEcP384;
      }
      return fail(Fault::kInvalid, "an EC key on a curve other than P-256 and P-384");
    }
    default:
      return fail(Fault::kInvalid, "a key that is neither EC, Ed25519 nor RSA");
  }
}

}  // namespace

std::string_view name_of(Key::Type type) {
  switch (type) {
    case Key::Type::kEcP256:
      return "ECDSA P-256";
    case Key::Type::kEcP384:
      return "ECDSA P-384";
    case Key::Type::kEd25519:
      return "Ed25519";
    case Key::Type::kRsa:
      return "RSA";
  }
  return "unknown";
}

Result<Key> Key::generate(Type type) {
  prepare_openssl();
  clear_openssl_errors();
  EVP_PKEY* native = nullptr;
  switch (type) {
    case Type::kEcP256:
      native = EVP_EC_gen("P-256");
      break;
    case Type::kEcP384:
      native = EVP_EC_gen("P-384");
      break;
    case Type::kEd25519:
      native = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case Type::kRsa:
      native = EVP_RSA_gen(2048);
      break;
  }
  if (native == nullptr) return fail(openssl_error(Fault::kInternal, "cannot generate a key"));
  return from_native(Handle<evp_pkey_st>(native), true);
}

Result<Key> Key::from_private_pem(std::string_view pem, ossl_lib_ctx_st* library) {
  prepare_openssl();
  clear_openssl_errors();
  if (pem.size() > kPemBytesMax) return fail(Fault::kInvalid, "key: longer than 32 KiB");
  const Handle<bio_st> bio = reader(pem);
  Handle<evp_pkey_st> native(
      PEM_read_bio_PrivateKey_ex(bio.get(), nullptr, &refuse_to_ask, nullptr, library, nullptr));
  if (native == nullptr) {
    if (pem.find("ENCRYPTED") != std::string_view::npos) {
      clear_openssl_errors();
      return fail(Fault::kInvalid,
                  "key: it is encrypted; weft reads only keys without a pass phrase");
    }
    return fail(openssl_error(Fault::kInvalid, "key: not a private key in PEM"));
  }
  return from_native(std::move(native), true);
}

Result<Key> Key::from_public_pem(std::string_view pem) {
  prepare_openssl();
  clear_openssl_errors();
  if (pem.size() > kPemBytesMax) return fail(Fault::kInvalid, "key: longer than 32 KiB");
  const Handle<bio_st> bio = reader(pem);
  Handle<evp_pkey_st> native(PEM_read_bio_PUBKEY(bio.get(), nullptr, &refuse_to_ask, nullptr));
  if (native == nullptr)
    return fail(openssl_error(Fault::kInvalid, "key: not a public key in PEM"));
  return from_native(std::move(native), false);
}

Result<Key> Key::from_native(Handle<evp_pkey_st> native, bool has_private) {
  const Result<Type> type = type_of(native.get());
  if (!type) return fail(Fault::kInvalid, "key: " + type.error().detail);
  Key key;
  key.native_ = std::shared_ptr<evp_pkey_st>(native.release(), Release{});
  key.type_ = *type;
  key.has_private_ = has_private;
  return key;
}

std::string Key::private_pem() const {
  WEFT_ASSERT(has_private_);
  // A memory BIO of the "secure" kind wipes its buffer when it is freed.
  const Handle<bio_st> bio(BIO_new(BIO_s_secmem()));
  const int good =
      PEM_write_bio_PKCS8PrivateKey(bio.get(), native(), nullptr, nullptr, 0, nullptr, nullptr);
  WEFT_ASSERT(good == 1);
  return contents_of(bio.get());
}

std::string Key::public_pem() const {
  WEFT_ASSERT(!empty());
  const Handle<bio_st> bio(BIO_new(BIO_s_mem()));
  const int good = PEM_write_bio_PUBKEY(bio.get(), native());
  WEFT_ASSERT(good == 1);
  return contents_of(bio.get());
}

std::string Key::public_der() const {
  WEFT_ASSERT(!empty());
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(native(), &der);
  WEFT_ASSERT(size > 0);
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

std::string Key::spki_sha256() const { return sha256_hex(public_der()); }

bool Key::same_public_half(const Key& other) const {
  return !empty() && !other.empty() && EVP_PKEY_eq(native(), other.native()) == 1;
}

Result<std::string> Key::sign(std::string_view message) const {
  WEFT_ASSERT(has_private_);
  clear_openssl_errors();
  const DigestContext context;
  const EVP_MD* digest = type_ == Type::kEd25519 ? nullptr : EVP_sha256();
  const auto* data = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  if (EVP_DigestSignInit(context.native, nullptr, digest, nullptr, native()) != 1 ||
      EVP_DigestSign(context.native, nullptr, &size, data, message.size()) != 1) {
    return fail(openssl_error(Fault::kInternal, "cannot sign"));
  }
  std::string signature(size, '\0');
  auto* out = reinterpret_cast<unsigned char*>(signature.data());
  if (EVP_DigestSign(context.native, out, &size, data, message.size()) != 1) {
    return fail(openssl_error(Fault::kInternal, "cannot sign"));
  }
  signature.resize(size);
  return signature;
}

bool Key::verify(std::string_view message, std::string_view signature) const {
  if (empty()) return false;
  clear_openssl_errors();
  const DigestContext context;
  const EVP_MD* digest = type_ == Type::kEd25519 ? nullptr : EVP_sha256();
  const bool good =
      EVP_DigestVerifyInit(context.native, nullptr, digest, nullptr, native()) == 1 &&
      EVP_DigestVerify(context.native, reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1;
  clear_openssl_errors();
  return good;
}

}  // namespace weft::tls
