#include "sidecar/core/block.h"

#include <array>
#include <cstdlib>
#include <new>
#include <vector>

#include "sidecar/core/buffer_budget.h"
#include "sidecar/core/out_of_memory.h"

namespace weft {

namespace {

constexpr std::array<std::size_t, 3> kSizes{Block::kSmall, Block::kMedium, Block::kLarge};

// Free blocks of one thread. Under sanitizers nothing is pooled, so that a use after free is seen.
class Pool {
 public:
  ~Pool() {
    for (auto& list : free_) {
      for (void* memory : list) std::free(memory);
    }
    closed_ = true;
  }
  void* take(std::size_t size_class) {
    auto& list = free_[size_class];
    if (list.empty()) return nullptr;
    void* memory = list.back();
    list.pop_back();
    bytes_ -= kSizes[size_class];
    return memory;
  }
  bool give(void* memory, std::size_t size_class) {
#ifdef WEFT_SANITIZED
    (void)memory;
    (void)size_class;
    return false;
#else
    if (closed_ || bytes_ + kSizes[size_class] > Block::kPooledBytesMax) return false;
    free_[size_class].push_back(memory);
    bytes_ += kSizes[size_class];
    return true;
#endif
  }

 private:
  std::array<std::vector<void*>, kSizes.size()> free_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

Pool& pool() {
  thread_local Pool instance;
  return instance;
}

}  // namespace

Block* Block::make(std::size_t capacity_min) {
  std::size_t capacity = capacity_min;
  void* memory = nullptr;
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (capacity_min <= kSizes[i]) {
      capacity = kSizes[i];
      memory = pool().take(i);
      break;
    }
  }
  WEFT_ASSERT(capacity <= UINT32_MAX);
  if (memory == nullptr) memory = malloc_or_end(sizeof(Block) + capacity);
  if (BufferBudget* budget = BufferBudget::of_thread()) budget->take(capacity);
  return new (memory) Block(capacity);
}

void Block::release(Block* block) {
  if (BufferBudget* budget = BufferBudget::of_thread()) budget->give(block->capacity_);
  for (std::size_t i = 0; i < kSizes.size(); ++i) {
    if (block->capacity_ == kSizes[i]) {
      if (pool().give(block, i)) return;
      break;
    }
  }
  std::free(block);
}

}  // namespace weft
