#pragma once
// Slab: per-thread free lists for objects that come and go with every request, and for the
// libraries under us.
//
// Sizes up to kSlabSizeMax are rounded up to 64 bytes and recycled, and so are buffers for one TLS
// record, which OpenSSL takes and gives back with every read and write; others go to malloc. Memory
// is given back on the thread that frees it, whichever made it, so an object may die on another
// loop; but a thread keeps no more than it took itself, or TLS contexts, which the main loop makes
// and workers bury, would fill the lists of every worker.
// Under sanitizers everything is plain malloc. SlabAllocated<T> gives a class its operator new;
// slab_malloc and friends have malloc's shape, for OpenSSL.

#include <cstddef>

namespace weft {

inline constexpr std::size_t kSlabSizeMax = 4096;
// A record's 16 KiB with its head, its padding and whatever a library adds (RFC 8446 section 5).
inline constexpr std::size_t kSlabRecordMin = 16 * 1024;
inline constexpr std::size_t kSlabRecordMax = 20 * 1024;

[[nodiscard]] void* slab_allocate(std::size_t size);
void slab_free(void* memory, std::size_t size);

// With a size in front of the memory, for callers that do not know it when they free.
[[nodiscard]] void* slab_malloc(std::size_t size);
[[nodiscard]] void* slab_calloc(std::size_t count, std::size_t size);
[[nodiscard]] void* slab_realloc(void* memory, std::size_t size);
void slab_release(void* memory);

// What the lists of this thread hold.
[[nodiscard]] std::size_t slab_kept_bytes();

template <typename T>
class SlabAllocated {
 public:
  static void* operator new(std::size_t size) { return slab_allocate(size); }
  static void operator delete(void* memory, std::size_t size) { slab_free(memory, size); }
};

}  // namespace weft
