#pragma once
// Buffer: a chain of slices of blocks; the only way bytes change hands.
//
// Moving a Buffer, or splitting and appending one to another, moves references, not bytes. Thread:
// one; a Buffer never crosses loops. Four slices live inline, so a request in the usual shape
// allocates nothing here.

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/block.h"

namespace weft {

using Bytes = std::span<const std::uint8_t>;

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline Bytes as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class Buffer final {
 public:
  // Body pieces below this are copied into the tail block instead of keeping their own block alive
  // (decisions D1).
  static constexpr std::size_t kShareMin = 4096;

  Buffer() = default;
  explicit Buffer(std::string_view text) { append(text); }
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() = default;

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }

  // Copies into the tail block, or a new one.
  void append(Bytes bytes);
  void append(std::string_view text) { append(as_bytes(text)); }
  // Takes a reference to part of a block.
  void append(BlockRef block, std::size_t begin, std::size_t size);
  // Takes everything `other` has; small pieces are copied so that blocks are not kept alive for a
  // few bytes.
  void append(Buffer&& other);  // leaves `other` empty

  // At least `size_min` writable bytes at the end, contiguous; commit() says how many were written.
  [[nodiscard]] std::span<std::uint8_t> reserve(std::size_t size_min);
  void commit(std::size_t written);

  // The first contiguous piece; empty only when the Buffer is.
  [[nodiscard]] Bytes front() const;
  // The first `size` bytes in one piece, copying only when they span slices. REQUIRES size <=
  // this->size().
  [[nodiscard]] Bytes pull_up(std::size_t size);
  void drain(std::size_t count);
  void clear() {
    if (inline_count_ != 0) drop_slices();
  }
  // Moves the first `count` bytes out.
  [[nodiscard]] Buffer split(std::size_t count);
  // The bytes [begin, begin + size) again, while they also stay here: by reference, small pieces by
  // copy. REQUIRES begin + size <= this->size().
  [[nodiscard]] Buffer share(std::size_t begin, std::size_t size) const;

  // Fills at most `capacity` iovecs; returns how many.
  [[nodiscard]] int gather(struct iovec* vectors, int capacity) const;
  // Copies the first bytes out; returns how many.
  std::size_t copy_to(std::span<std::uint8_t> target) const;
  [[nodiscard]] std::string to_string() const;

  template <typename Visit>
  void for_each_slice(Visit visit) const {
    for (std::size_t i = head_; i < count(); ++i) {
      const Slice& slice = at(i);
      visit(Bytes{slice.block->data() + slice.begin, slice.size});
    }
  }

 private:
  struct Slice {
    BlockRef block;
    std::uint32_t begin = 0;
    std::uint32_t size = 0;
  };
  static constexpr std::size_t kInline = 4;

  // Slices [head_, count()) are live; the first kInline are inline, the rest in more_.
  [[nodiscard]] std::size_t count() const { return inline_count_ + more_.size(); }
  [[nodiscard]] const Slice& at(std::size_t i) const {
    return i < kInline ? inline_[i] : more_[i - kInline];
  }
  [[nodiscard]] Slice& at(std::size_t i) { return i < kInline ? inline_[i] : more_[i - kInline]; }
  void push(Slice slice);
  [[nodiscard]] std::span<std::uint8_t> tail_room();
  void pop_front_slice();
  void drop_slices();
  void compact();

  std::size_t size_ = 0;
  std::size_t head_ = 0;
  std::size_t inline_count_ = 0;
  Slice inline_[kInline];
  std::vector<Slice> more_;
};

}  // namespace weft
