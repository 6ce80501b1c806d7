#pragma once
// Interner: values that are equal get one small number, for as long as the process lives. Bounded:
// when it is full, every new value gets the number it was told for "other".
//
// Thread: intern() takes a lock (configuration time, or once per connection; never per request);
// at() takes none and may be called by any thread with a number it was handed. Peers may fill only
// three quarters, so that what strangers send never takes the room that our own configuration
// needs.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "sidecar/core/assert.h"

namespace weft::telemetry {

enum class Origin : std::uint8_t { kConfiguration, kPeer };

// `Stored` is kept; `Key` is what is looked up and can be made from a Stored (std::string and
// std::string_view).
template <typename Stored, typename Key, typename Hash>
class Interner final {
 public:
  static constexpr std::uint32_t kChunk = 256;
  static constexpr std::uint32_t kChunksMax = 256;
  static constexpr std::uint32_t kMax = kChunk * kChunksMax;

  Interner(std::uint32_t max, std::uint32_t other) : max_(max), other_(other) {
    WEFT_ASSERT(max <= kMax);
  }
  Interner(const Interner&) = delete;
  Interner& operator=(const Interner&) = delete;

  [[nodiscard]] std::uint32_t intern(const Key& key, Origin origin) {
    const std::lock_guard lock(mutex_);
    Numbers& numbers = numbers_of(key);
    if (const auto known = numbers.find(key); known != numbers.end()) return known->second;
    const std::uint32_t limit = origin == Origin::kPeer ? max_ / 4 * 3 : max_;
    if (size_ >= limit) {
      overflows_.fetch_add(1, std::memory_order_relaxed);
      return other_;
    }
    const std::uint32_t number = size_;
    Chunk* chunk = chunks_[number / kChunk].load(std::memory_order_relaxed);
    if (chunk == nullptr) {
      owned_[number / kChunk] = std::make_unique<Chunk>();
      chunk = owned_[number / kChunk].get();
      chunks_[number / kChunk].store(chunk, std::memory_order_release);
    }
    Stored& slot = (*chunk)[number % kChunk];
    slot = Stored(key);
    numbers.emplace(Key(slot), number);
    ++size_;
    return number;
  }

  // REQUIRES: `number` came from intern().
  [[nodiscard]] const Stored& at(std::uint32_t number) const {
    WEFT_ASSERT(number < kMax);
    const Chunk* chunk = chunks_[number / kChunk].load(std::memory_order_acquire);
    WEFT_ASSERT(chunk != nullptr);
    return (*chunk)[number % kChunk];
  }

  // How often a value found no room.
  [[nodiscard]] std::uint64_t overflows() const {
    return overflows_.load(std::memory_order_relaxed);
  }

 private:
  using Chunk = std::array<Stored, kChunk>;
  using Numbers = std::unordered_map<Key, std::uint32_t, Hash>;
  // One table of all would grow at once: 2 ms for the 10,000 peers of a large mesh, on a worker's
  // loop. In parts the longest wait is for one of them, of a thousand values at most.
  static constexpr unsigned kPartBits = 6;

  // The tables themselves take the low bits of a hash, more or less.
  [[nodiscard]] Numbers& numbers_of(const Key& key) {
    constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;  // 2^64 over the golden ratio
    return numbers_[std::uint64_t{Hash{}(key)} * kSpread >> (64 - kPartBits)];
  }

  const std::uint32_t max_;
  const std::uint32_t other_;
  std::mutex mutex_;
  std::array<Numbers, 1U << kPartBits> numbers_;          // under mutex_
  std::uint32_t size_ = 0;                                // under mutex_
  std::array<std::unique_ptr<Chunk>, kChunksMax> owned_;  // under mutex_
  std::array<std::atomic<Chunk*>, kChunksMax>
      chunks_{};  // published; what a chunk holds never moves
  std::atomic<std::uint64_t> overflows_{0};
};

}  // namespace weft::telemetry
