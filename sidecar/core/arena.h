#pragma once
// Arena: memory for one request's head, freed all at once. The first block is 4 KiB from the
// thread's pool.
//
// Views into an Arena live as long as it does. Owner: a RequestHead or ResponseHead. Bounded by
// whoever fills it (the codec's head limits); the arena itself only counts.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sidecar/core/block.h"
#include "sidecar/core/slab.h"

namespace weft {

class Arena final : public SlabAllocated<Arena> {
 public:
  Arena() = default;
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  [[nodiscard]] void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t));
  // A copy of `text` that lives as long as the arena.
  [[nodiscard]] std::string_view copy(std::string_view text);
  // Room for `size` characters to be written by the caller.
  [[nodiscard]] std::span<char> text(std::size_t size);
  template <typename T>
  [[nodiscard]] T* array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
  }
  [[nodiscard]] std::size_t bytes_used() const { return used_total_; }

 private:
  BlockRef current_;
  std::vector<BlockRef> full_;  // only heads beyond one block pay for this
  std::size_t used_total_ = 0;
};

}  // namespace weft
