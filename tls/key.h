#pragma once
// Key: a private key, or only its public half; generated, read from PEM, used to sign and to
// verify.
//
// A value: copies share the same immutable key. Identities use ECDSA P-256 (performance.md 2.6:
// cheapest to sign and verify with OpenSSL). Signatures are what OpenSSL writes: DER for ECDSA with
// SHA-256, 64 bytes for Ed25519, PKCS #1 v1.5 with SHA-256 for RSA. Thread: any.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "sidecar/core/result.h"
#include "tls/openssl_handles.h"

namespace weft::tls {

class Key final {
 public:
  enum class Type : std::uint8_t { kEcP256, kEcP384, kEd25519, kRsa };
  static constexpr std::size_t kPemBytesMax = 32 * 1024;
  static constexpr int kRsaBitsMin = 2048;
  static constexpr int kRsaBitsMax =
      8192;  // larger ones cost a peer or a control plane too much to check

  Key() = default;
  static Result<Key> generate(Type type = Type::kEcP256);
  // PKCS #8, SEC 1 or PKCS #1; never asks for a pass phrase. Other curves and sizes out of range
  // are refused. The key belongs to `library` (null: the process's own).
  static Result<Key> from_private_pem(std::string_view pem, ossl_lib_ctx_st* library = nullptr);
  static Result<Key> from_public_pem(std::string_view pem);
  // Takes the handle; the rules about curves and sizes are the same.
  static Result<Key> from_native(Handle<evp_pkey_st> native, bool has_private);

  [[nodiscard]] bool empty() const { return native_ == nullptr; }
  [[nodiscard]] bool has_private() const { return has_private_; }
  [[nodiscard]] Type type() const { return type_; }
  [[nodiscard]] std::string private_pem() const;  // PKCS #8. REQUIRES has_private()
  [[nodiscard]] std::string public_pem() const;
  [[nodiscard]] std::string public_der() const;   // SubjectPublicKeyInfo
  [[nodiscard]] std::string spki_sha256() const;  // hex
  [[nodiscard]] bool same_public_half(const Key& other) const;

  [[nodiscard]] Result<std::string> sign(std::string_view message) const;
  [[nodiscard]] bool verify(std::string_view message, std::string_view signature) const;

  [[nodiscard]] evp_pkey_st* native() const { return native_.get(); }

 private:
  std::shared_ptr<evp_pkey_st> native_;
  Type type_ = Type::kEcP256;
  bool has_private_ = false;
};

[[nodiscard]] std::string_view name_of(Key::Type type);

}  // namespace weft::tls
