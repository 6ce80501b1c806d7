#include "sidecar/core/arena.h"

#include <algorithm>
#include <cstring>

namespace weft {

void* Arena::allocate(std::size_t size, std::size_t alignment) {
  used_total_ += size;
  if (current_) {
    const std::size_t begin = (current_->used + alignment - 1) & ~(alignment - 1);
    if (begin + size <= current_->capacity()) {
      current_->used = begin + size;
      return current_->data() + begin;
    }
    full_.push_back(std::move(current_));
  }
  current_ = BlockRef::make(std::max(size, full_.empty() ? Block::kSmall : Block::kMedium));
  current_->used = size;
  return current_->data();
}

std::span<char> Arena::text(std::size_t size) {
  return {static_cast<char*>(allocate(size, 1)), size};
}

std::string_view Arena::copy(std::string_view text_in) {
  if (text_in.empty()) return {};
  std::span<char> room = text(text_in.size());
  std::memcpy(room.data(), text_in.data(), text_in.size());
  return {room.data(), room.size()};
}

}  // namespace weft
