#include "sidecar/net/library.h"

#include <ares.h>
#include <uv.h>

#include <cstdlib>

#include "sidecar/core/out_of_memory.h"

namespace weft::net {

void install_allocators() {
  (void)uv_replace_allocator(malloc_or_end, realloc_or_end, calloc_or_end, std::free);
  // Later calls of ares_library_init count, and keep these.
  (void)ares_library_init_mem(ARES_LIB_INIT_ALL, malloc_or_end, std::free, realloc_or_end);
}

}  // namespace weft::net
