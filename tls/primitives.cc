#include "tls/primitives.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "sidecar/core/assert.h"
#include "sidecar/core/strings.h"
#include "tls/openssl_handles.h"

namespace weft::tls {

std::string sha256(std::string_view bytes) {
  prepare_openssl();
  std::string digest(32, '\0');
  unsigned int size = 0;
  const int good =
      EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha256(), nullptr);
  WEFT_ASSERT(good == 1 && size == digest.size());
  return digest;
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256(bytes)); }

std::string random_bytes(std::size_t count) {
  prepare_openssl();
  std::string bytes(count, '\0');
  // Without randomness nothing that follows would be safe; there is no sensible way to go on.
  const int good =
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count));
  WEFT_ASSERT(good == 1);
  return bytes;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace weft::tls
