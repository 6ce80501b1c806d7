#include "sidecar/core/slab.h"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "sidecar/core/out_of_memory.h"

namespace weft {

namespace {

// A sanitizer has to see every block come and go.
#ifdef WEFT_SANITIZED
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

constexpr std::size_t kStep = 64;
constexpr std::size_t kRecordClass = kSlabSizeMax / kStep;
constexpr std::size_t kClasses = kRecordClass + 1;
constexpr std::size_t kNoClass = kClasses;
// What one thread keeps per size class; beyond it memory goes back to the allocator.
constexpr std::size_t kKeptBytesPerClass = 256 * 1024;

constexpr std::size_t class_of(std::size_t size) {
  if (!kPooled || size == 0) return kNoClass;
  if (size <= kSlabSizeMax) return (size - 1) / kStep;
  return size > kSlabRecordMin && size <= kSlabRecordMax ? kRecordClass : kNoClass;
}

constexpr std::size_t size_of(std::size_t index) {
  return index == kRecordClass ? kSlabRecordMax : (index + 1) * kStep;
}

struct Free {
  Free* next;
};

struct Lists {
  std::array<Free*, kClasses> heads{};
  std::array<std::size_t, kClasses> bytes{};
  // Taken by this thread and not given back by it. A block that another thread took uses it up as
  // well; that costs one of our own a way through malloc, and no more.
  std::array<std::size_t, kClasses> taken{};
  bool closed = false;

  ~Lists() {
    closed = true;
    for (Free*& head : heads) {
      while (head != nullptr) {
        Free* next = head->next;
        std::free(head);
        head = next;
      }
    }
  }
};

Lists& lists() {
  thread_local Lists instance;
  return instance;
}

struct alignas(16) Header {
  std::size_t size;
};

}  // namespace

void* slab_allocate(std::size_t size) {
  if (const std::size_t index = class_of(size); index != kNoClass) {
    Lists& mine = lists();
    ++mine.taken[index];
    if (Free* head = mine.heads[index]; head != nullptr) {
      mine.heads[index] = head->next;
      mine.bytes[index] -= size_of(index);
      return head;
    }
    size = size_of(index);
  }
  void* memory = std::malloc(size);
  if (memory == nullptr && size != 0) end_out_of_memory();
  return memory;
}

void slab_free(void* memory, std::size_t size) {
  if (const std::size_t index = class_of(size); memory != nullptr && index != kNoClass) {
    Lists& mine = lists();
    // Kept for the next who takes one here. A thread that only buries what others made keeps
    // nothing: it would hold up to the limit of every class for nobody.
    const bool is_wanted = mine.taken[index] > 0;
    if (is_wanted) --mine.taken[index];
    if (is_wanted && !mine.closed && mine.bytes[index] < kKeptBytesPerClass) {
      auto* freed = static_cast<Free*>(memory);
      freed->next = mine.heads[index];
      mine.heads[index] = freed;
      mine.bytes[index] += size_of(index);
      return;
    }
  }
  std::free(memory);
}

std::size_t slab_kept_bytes() {
  const Lists& mine = lists();
  return std::accumulate(mine.bytes.begin(), mine.bytes.end(), std::size_t{0});
}

void* slab_malloc(std::size_t size) {
  if (size > SIZE_MAX - sizeof(Header)) return nullptr;
  auto* header = static_cast<Header*>(slab_allocate(size + sizeof(Header)));
  header->size = size;
  return header + 1;
}

void* slab_calloc(std::size_t count, std::size_t size) {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* memory = slab_malloc(count * size);
  if (memory != nullptr) std::memset(memory, 0, count * size);
  return memory;
}

void* slab_realloc(void* memory, std::size_t size) {
  if (memory == nullptr) return slab_malloc(size);
  if (size == 0) {
    slab_release(memory);
    return nullptr;
  }
  const std::size_t old = (static_cast<Header*>(memory) - 1)->size;
  void* moved = slab_malloc(size);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, memory, old < size ? old : size);
  slab_release(memory);
  return moved;
}

void slab_release(void* memory) {
  if (memory == nullptr) return;
  Header* header = static_cast<Header*>(memory) - 1;
  slab_free(header, header->size + sizeof(Header));
}

}  // namespace weft
