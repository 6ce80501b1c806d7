#pragma once
// Http2StreamTable: the streams of one session by their number. Open addressing with linear
// probing; as large as most streams at once ever needed, and no memory before the first.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "sidecar/core/assert.h"
#include "sidecar/http/http2_stream.h"

namespace weft::http {

class Http2StreamTable final {
 public:
  [[nodiscard]] Http2Stream* find(std::int32_t id) const {
    if (used_ == 0) return nullptr;
    for (std::size_t at = home(id);; at = next(at)) {
      Http2Stream* const stream = slots_[at];
      if (stream == nullptr || stream->id == id) return stream;
    }
  }

  // REQUIRES: its id is not in the table.
  void insert(Http2Stream& stream) {
    WEFT_ASSERT(stream.id > 0);
    if (2 * (used_ + 1) > capacity_) grow();
    place(stream);
    ++used_;
  }

  void erase(const Http2Stream& stream) {
    std::size_t hole = home(stream.id);
    while (slots_[hole] != &stream) {
      WEFT_ASSERT(slots_[hole] != nullptr);
      hole = next(hole);
    }
    // Whoever had to pass this place moves up, so that no probe ends too early.
    for (std::size_t at = next(hole); slots_[at] != nullptr; at = next(at)) {
      const std::size_t wanted = home(slots_[at]->id);
      if (((at - wanted) & (capacity_ - 1)) < ((at - hole) & (capacity_ - 1))) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = nullptr;
    --used_;
  }

  [[nodiscard]] std::size_t size() const { return used_; }

 private:
  static constexpr std::size_t kFirst = 8;

  // One peer opens odd or even numbers only.
  [[nodiscard]] std::size_t home(std::int32_t id) const {
    return (static_cast<std::size_t>(id) >> 1U) & (capacity_ - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (capacity_ - 1); }

  void place(Http2Stream& stream) {
    std::size_t at = home(stream.id);
    while (slots_[at] != nullptr) at = next(at);
    slots_[at] = &stream;
  }

  void grow() {
    const std::unique_ptr<Http2Stream*[]> old = std::move(slots_);
    const std::size_t before = capacity_;
    capacity_ = before == 0 ? kFirst : 2 * before;
    slots_ = std::make_unique<Http2Stream*[]>(capacity_);
    for (std::size_t i = 0; i < before; ++i) {
      if (old[i] != nullptr) place(*old[i]);
    }
  }

  std::unique_ptr<Http2Stream*[]> slots_;
  std::size_t capacity_ = 0;
  std::size_t used_ = 0;
};

}  // namespace weft::http
