#include "sidecar/core/shared_text.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <new>

#include "sidecar/core/assert.h"

namespace weft {

SharedText::Block* SharedText::copy(std::string_view text) {
  if (text.empty()) return nullptr;
  WEFT_ASSERT(text.size() < std::numeric_limits<std::uint32_t>::max());
  void* memory = ::operator new(sizeof(Block) + text.size());
  auto* block = new (memory) Block{.size = static_cast<std::uint32_t>(text.size())};
  std::copy(text.begin(), text.end(), reinterpret_cast<char*>(block + 1));
  return block;
}

// Whoever frees it has seen all that the others did with it.
void SharedText::let_go(Block* block) {
  if (block->holders.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  std::destroy_at(block);
  ::operator delete(block);
}

}  // namespace weft
