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

std::shared_ptr<Library> Library::make(const Options& options) {
  return std::shared_ptr<Library>(new Library(options));
}

Status Library::open() {
  if (sha256_ != nullptr) return {};
  prepare_openssl();
  clear_openssl_errors();
  Handle<ossl_lib_ctx_st> native(OSSL_LIB_CTX_new());
  if (native == nullptr)
    return fail(openssl_error(Fault::kInternal, "OpenSSL: no library context"));
  Handle<ossl_provider_st> provider(OSSL_PROVIDER_load(native.get(), "default"));
  if (provider == nullptr)
    return fail(openssl_error(Fault::kInternal, "OpenSSL: no default provider"));
  sha256_.reset(EVP_MD_fetch(native.get(), "SHA256", nullptr));
  if (sha256_ == nullptr) return fail(openssl_error(Fault::kInternal, "OpenSSL: no SHA-256"));
  native_ = std::move(native);
  provider_ = std::move(provider);
  return {};
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
