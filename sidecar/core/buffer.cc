#include "sidecar/core/buffer.h"

#include <algorithm>
#include <cstring>

namespace weft {

Buffer::Buffer(Buffer&& other) noexcept { *this = std::move(other); }

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  clear();
  size_ = std::exchange(other.size_, 0);
  head_ = std::exchange(other.head_, 0);
  inline_count_ = std::exchange(other.inline_count_, 0);
  // Slots outside [head_, inline_count_) hold nothing, on either side.
  for (std::size_t i = head_; i < inline_count_; ++i) inline_[i] = std::move(other.inline_[i]);
  if (!other.more_.empty()) more_ = std::exchange(other.more_, {});
  return *this;
}

void Buffer::push(Slice slice) {
  if (head_ == count()) compact();
  if (inline_count_ < kInline) {
    inline_[inline_count_++] = std::move(slice);
  } else {
    // A long-lived buffer that is drained at the front and filled at the back must not grow for
    // ever.
    if (head_ >= 64 && head_ * 2 >= count()) {
      compact();
      push(std::move(slice));
      return;
    }
    more_.push_back(std::move(slice));
  }
}

void Buffer::compact() {
  if (head_ == 0) return;
  const std::size_t live = count() - head_;
  for (std::size_t i = 0; i < live; ++i) at(i) = std::move(at(head_ + i));
  if (live <= kInline) {
    for (std::size_t i = live; i < inline_count_; ++i) inline_[i] = Slice{};
    inline_count_ = live;
    more_.clear();
  } else {
    more_.resize(live - kInline);
  }
  head_ = 0;
}

void Buffer::pop_front_slice() {
  at(head_) = Slice{};
  ++head_;
  if (head_ == count()) {
    head_ = 0;
    inline_count_ = 0;
    more_.clear();
  }
}

void Buffer::append(Bytes bytes) {
  while (!bytes.empty()) {
    std::span<std::uint8_t> room = tail_room();
    if (room.empty()) room = reserve(std::min(bytes.size(), Block::kLarge));
    const std::size_t n = std::min(room.size(), bytes.size());
    std::memcpy(room.data(), bytes.data(), n);
    commit(n);
    bytes = bytes.subspan(n);
  }
}

void Buffer::append(BlockRef block, std::size_t begin, std::size_t size) {
  if (size == 0) return;
  WEFT_ASSERT(begin + size <= block->capacity());
  size_ += size;
  if (head_ < count()) {
    Slice& last = at(count() - 1);
    if (last.block == block && last.begin + last.size == begin) {
      last.size += static_cast<std::uint32_t>(size);
      return;
    }
  }
  push(
      Slice{std::move(block), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(size)});
}

void Buffer::append(Buffer&& other) {
  if (empty() && count() == 0) {
    *this = std::move(other);
    return;
  }
  for (std::size_t i = other.head_; i < other.count(); ++i) {
    Slice& slice = other.at(i);
    if (slice.size < kShareMin && slice.size * 4 < slice.block->capacity()) {
      append(Bytes{slice.block->data() + slice.begin, slice.size});
    } else {
      const std::size_t begin = slice.begin;
      const std::size_t size = slice.size;
      append(std::move(slice.block), begin, size);
    }
  }
  other.clear();
}

std::span<std::uint8_t> Buffer::tail_room() {
  if (head_ == count()) return {};
  Slice& last = at(count() - 1);
  // A block that somebody else refers to is not ours to write into, wherever its end is.
  if (last.block->shared()) return {};
  const std::size_t end = last.begin + last.size;
  return {last.block->data() + end, last.block->capacity() - end};
}

std::span<std::uint8_t> Buffer::reserve(std::size_t size_min) {
  const std::span<std::uint8_t> room = tail_room();
  if (room.size() >= size_min && !room.empty()) return room;
  BlockRef block = BlockRef::make(std::max(size_min, Block::kSmall));
  const std::span<std::uint8_t> fresh(block->data(), block->capacity());
  push(Slice{std::move(block), 0, 0});
  return fresh;
}

void Buffer::commit(std::size_t written) {
  WEFT_ASSERT(head_ < count());
  Slice& last = at(count() - 1);
  WEFT_ASSERT(!last.block->shared() && last.begin + last.size + written <= last.block->capacity());
  last.size += static_cast<std::uint32_t>(written);
  size_ += written;
}

Bytes Buffer::front() const {
  for (std::size_t i = head_; i < count(); ++i) {
    const Slice& slice = at(i);
    if (slice.size != 0) return {slice.block->data() + slice.begin, slice.size};
  }
  return {};
}

Bytes Buffer::pull_up(std::size_t size) {
  WEFT_ASSERT(size <= size_);
  if (size == 0) return {};
  while (at(head_).size == 0) pop_front_slice();
  if (at(head_).size >= size) return {at(head_).block->data() + at(head_).begin, size};
  BlockRef block = BlockRef::make(size);
  copy_to({block->data(), size});
  drain(size);
  // Put the joined piece in front of what is left.
  Buffer rest = std::move(*this);
  clear();
  append(block, 0, size);
  for (std::size_t i = rest.head_; i < rest.count(); ++i) {
    Slice& slice = rest.at(i);
    const std::size_t begin = slice.begin;
    const std::size_t count_left = slice.size;
    append(std::move(slice.block), begin, count_left);
  }
  return {block->data(), size};
}

void Buffer::drain(std::size_t count_out) {
  WEFT_ASSERT(count_out <= size_);
  size_ -= count_out;
  while (count_out > 0) {
    Slice& slice = at(head_);
    if (slice.size > count_out) {
      slice.begin += static_cast<std::uint32_t>(count_out);
      slice.size -= static_cast<std::uint32_t>(count_out);
      return;
    }
    count_out -= slice.size;
    pop_front_slice();
  }
  if (size_ == 0) clear();
}

void Buffer::drop_slices() {
  for (std::size_t i = head_; i < inline_count_; ++i) inline_[i] = Slice{};
  more_.clear();
  size_ = 0;
  head_ = 0;
  inline_count_ = 0;
}

Buffer Buffer::split(std::size_t count_out) {
  WEFT_ASSERT(count_out <= size_);
  Buffer out;
  if (count_out == size_) {
    out = std::move(*this);
    clear();
    return out;
  }
  while (count_out > 0) {
    Slice& slice = at(head_);
    const std::size_t n = std::min<std::size_t>(slice.size, count_out);
    out.append(slice.block, slice.begin, n);
    drain(n);
    count_out -= n;
  }
  return out;
}

Buffer Buffer::share(std::size_t begin, std::size_t size) const {
  WEFT_ASSERT(begin <= size_ && size <= size_ - begin);
  Buffer out;
  for (std::size_t i = head_; i < count() && size > 0; ++i) {
    const Slice& slice = at(i);
    if (begin >= slice.size) {
      begin -= slice.size;
      continue;
    }
    const std::size_t n = std::min<std::size_t>(slice.size - begin, size);
    if (n < kShareMin) {
      out.append(Bytes{slice.block.get()->data() + slice.begin + begin, n});
    } else {
      out.append(slice.block, slice.begin + begin, n);
    }
    begin = 0;
    size -= n;
  }
  return out;
}

int Buffer::gather(struct iovec* vectors, int capacity) const {
  int filled = 0;
  const std::size_t end = count();
  for (std::size_t i = head_; i < end && filled < capacity; ++i) {
    const Slice& slice = at(i);
    if (slice.size == 0) continue;
    vectors[filled].iov_base = slice.block.get()->data() + slice.begin;
    vectors[filled].iov_len = slice.size;
    ++filled;
  }
  return filled;
}

std::size_t Buffer::copy_to(std::span<std::uint8_t> target) const {
  std::size_t copied = 0;
  for (std::size_t i = head_; i < count() && copied < target.size(); ++i) {
    const Slice& slice = at(i);
    const std::size_t n = std::min<std::size_t>(slice.size, target.size() - copied);
    if (n != 0) std::memcpy(target.data() + copied, slice.block.get()->data() + slice.begin, n);
    copied += n;
  }
  return copied;
}

std::string Buffer::to_string() const {
  std::string text(size_, '\0');
  copy_to({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

}  // namespace weft
