#include "tls/library.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>

#include "sidecar/core/assert.h"
#include "sidecar/core/slab.h"
#include "tls/openssl_error.h"

namespace weft::tls {

bool install_allocator() {
#ifdef WEFT_SANITIZED
  return true;
#else
  return CRYPTO_set_mem_functions(
             [](std::size_t size, const char*, int) { return slab_malloc(size); },
             [](void* memory, std::size_t size, const char*, int) {
               return slab_realloc(memory, size);
             },
             [](void* memory, const char*, int) { slab_release(memory); }) == 1;
#endif
}

Result<std::shared_ptr<Library>> Library::make(const Options& options) {
  prepare_openssl();
  clear_openssl_errors();
  std::shared_ptr<Library> library(new Library(options));
  library->native_.reset(OSSL_LIB_CTX_new());
  if (library->native_ == nullptr)
    return fail(openssl_error(Fault::kInternal, "OpenSSL: no library context"));
  library->provider_.reset(OSSL_PROVIDER_load(library->native(), "default"));
  if (library->provider_ == nullptr)
    return fail(openssl_error(Fault::kInternal, "OpenSSL: no default provider"));
  library->sha256_.reset(EVP_MD_fetch(library->native(), "SHA256", nullptr));
  if (library->sha256_ == nullptr)
    return fail(openssl_error(Fault::kInternal, "OpenSSL: no SHA-256"));
  return library;
}

Library::~Library() = default;

std::span<std::uint8_t> Library::read_room() {
  if (read_block_ && !read_block_->shared()) read_block_->used = 0;
  if (!read_block_ || read_block_->capacity() - read_block_->used < kRecordMax) {
    read_block_ = BlockRef::make(Block::kLarge);
    read_block_->used = 0;
  }
  return {read_block_->data() + read_block_->used, read_block_->capacity() - read_block_->used};
}

void Library::take_read(Buffer& target, std::size_t size) {
  WEFT_ASSERT(size <= read_block_->capacity() - read_block_->used);
  target.append(read_block_, read_block_->used, size);
  read_block_->used += size;
}

}  // namespace weft::tls
