#pragma once
// Block: a reference-counted piece of memory that bytes travel in, from a per-thread pool.
//
// Reading, parsing, encrypting and writing share blocks by reference instead of copying. Counts are
// plain integers: a block never leaves the thread that made it (rule: an object belongs to one
// loop). Freed blocks of the pool's sizes are kept for reuse up to kPooledBytesMax per thread.

#include <cstddef>
#include <cstdint>
#include <utility>

#include "sidecar/core/assert.h"

namespace weft {

class Block final {
 public:
  static constexpr std::size_t kSmall = 4 * 1024;
  static constexpr std::size_t kMedium = 16 * 1024;
  static constexpr std::size_t kLarge = 64 * 1024;
  static constexpr std::size_t kPooledBytesMax = 4 * 1024 * 1024;

  [[nodiscard]] std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(this + 1); }
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] bool shared() const { return references_ > 1; }

  // How far the one who fills this block has come (a loop reading, an arena); a Buffer does not
  // look at it.
  std::size_t used = 0;

 private:
  friend class BlockRef;
  explicit Block(std::size_t capacity) : capacity_(static_cast<std::uint32_t>(capacity)) {}
  static Block* make(std::size_t capacity_min);
  static void release(Block* block);

  std::uint32_t references_ = 1;
  std::uint32_t capacity_;
};

class BlockRef final {
 public:
  BlockRef() = default;
  // A block of at least this capacity: one of the pool's sizes when it fits, else exactly as large
  // as asked.
  static BlockRef make(std::size_t capacity_min) { return BlockRef(Block::make(capacity_min)); }
  BlockRef(const BlockRef& other) : block_(other.block_) {
    if (block_ != nullptr) ++block_->references_;
  }
  BlockRef(BlockRef&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  BlockRef& operator=(BlockRef other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~BlockRef() {
    if (block_ != nullptr && --block_->references_ == 0) Block::release(block_);
  }

  [[nodiscard]] explicit operator bool() const { return block_ != nullptr; }
  [[nodiscard]] Block* get() const { return block_; }
  Block* operator->() const { return block_; }
  [[nodiscard]] bool operator==(const BlockRef& other) const { return block_ == other.block_; }

 private:
  explicit BlockRef(Block* block) : block_(block) {}
  Block* block_ = nullptr;
};

}  // namespace weft
