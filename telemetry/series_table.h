#pragma once
// SeriesTable: metric values by key, one writer (a worker), one reader (the main loop), no locks
// and no fences.
//
// The writer finds a series with one hash look-up in a table of its own; what the reader walks are
// chunks that never move, whose entries are published by a release store of their number. Nobody
// rewrites an entry under the reader: only the reader declares one dead (retire), and only a dead
// one is cleared and used again by the writer. If the writer was just counting into an entry that
// dies, after many minutes of silence, those few counts are lost and the series starts at zero. A
// pinned entry (a connection or cluster that lives) is never retired. Bounded by `max`; `reserve`
// more for overflow keys.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace weft::telemetry {

using SeriesBits = std::array<std::uint64_t, 3>;

[[nodiscard]] inline std::uint64_t hash_of(const SeriesBits& key) {
  __extension__ using Wide = unsigned __int128;
  const auto fold = [](std::uint64_t a, std::uint64_t b) {
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  };
  // Two multiplications over three words, odd constants so that zero words do not swallow their
  // neighbours.
  return fold(
      fold(key[0] ^ 0x9e3779b97f4a7c15U, key[1] ^ 0xd1b54a32d192ed03U) ^ 0x8cb92ba72f3d8dd7U,
      key[2] ^ 0xaef17502108ef2d9U);
}

struct SeriesBitsHash {
  std::size_t operator()(const SeriesBits& key) const { return hash_of(key); }
};

// `Values` is a struct of counters with clear().
template <typename Values>
class SeriesTable final {
 public:
  struct Entry {
    // 0: alive. Else the epoch in which the reader retired it.
    std::atomic<std::uint32_t> retired{0};
    std::atomic<std::uint32_t> used{0};  // the last epoch in which the writer touched it
    std::atomic<std::uint32_t> pins{0};
    bool reserved =
        false;  // made from the reserve: never retired, so that overflow always has its place
    SeriesBits key{};
    Values values;
  };

  SeriesTable(std::uint32_t max, std::uint32_t reserve)
      : max_(max),
        capacity_(max + reserve),
        chunks_(new std::unique_ptr<Chunk>[capacity_ / kChunk + 1]) {
    index_.resize(kIndexMin);
  }

  // Writer. The entry of this key, new or old; nullptr when there is no room. A key of the reserve
  // always has room.
  Entry* find_or_add(const SeriesBits& key, std::uint32_t epoch, bool from_reserve = false) {
    const std::uint64_t hash = hash_of(key);
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    for (std::size_t i = hash & (index_.size() - 1); index_[i].number != 0;
         i = (i + 1) & (index_.size() - 1)) {
      if (index_[i].tag != tag) continue;
      Entry& entry = at(index_[i].number - 1);
      if (entry.key != key) continue;
      touch(entry, epoch);
      return &entry;
    }
    return add(key, epoch, from_reserve);
  }

  // Writer. A pinned entry stays until it is unpinned as often.
  void pin(Entry& entry) {
    // Sequentially consistent with retire(): either it sees the pin, or we see that it retired the
    // entry.
    entry.pins.store(entry.pins.load(std::memory_order_relaxed) + 1, std::memory_order_seq_cst);
    if (entry.retired.load(std::memory_order_seq_cst) != 0) revive(entry);
  }
  void unpin(Entry& entry, std::uint32_t epoch) {
    entry.used.store(epoch, std::memory_order_relaxed);
    entry.pins.store(entry.pins.load(std::memory_order_relaxed) - 1, std::memory_order_release);
  }

  // Reader. visit(const Entry&) for every living entry.
  template <typename Visit>
  void for_each(Visit visit) const {
    const std::uint32_t size = published_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < size; ++i) {
      const Entry& entry = at(i);
      if (entry.retired.load(std::memory_order_acquire) == 0) visit(entry);
    }
  }

  // Reader. Retires every entry that is not pinned and for whose key is_idle(key) says so.
  template <typename IsIdle>
  void retire(std::uint32_t epoch, IsIdle is_idle) {
    const std::uint32_t size = published_.load(std::memory_order_acquire);
    for (std::uint32_t i = 0; i < size; ++i) {
      Entry& entry = at(i);
      if (entry.retired.load(std::memory_order_acquire) != 0) continue;
      if (entry.reserved || entry.pins.load(std::memory_order_relaxed) != 0 || !is_idle(entry.key))
        continue;
      entry.retired.store(epoch, std::memory_order_seq_cst);
      // Pinned meanwhile: take it back. Its place cannot have been given away, for that waits until
      // the next epoch.
      if (entry.pins.load(std::memory_order_seq_cst) != 0)
        entry.retired.store(0, std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint32_t kChunk = 32;
  static constexpr std::size_t kIndexMin = 64;
  struct alignas(64) Aligned : Entry {};
  using Chunk = std::array<Aligned, kChunk>;
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t number = 0;  // 1 + the entry's; 0: free
  };

  [[nodiscard]] Entry& at(std::uint32_t number) {
    return (*chunks_[number / kChunk])[number % kChunk];
  }
  [[nodiscard]] const Entry& at(std::uint32_t number) const {
    return (*chunks_[number / kChunk])[number % kChunk];
  }

  void revive(Entry& entry) {
    entry.values.clear();
    entry.retired.store(0, std::memory_order_release);
  }

  void touch(Entry& entry, std::uint32_t epoch) {
    if (entry.used.load(std::memory_order_relaxed) != epoch)
      entry.used.store(epoch, std::memory_order_relaxed);
    if (entry.retired.load(std::memory_order_acquire) != 0) [[unlikely]]
      revive(entry);
  }

  Entry* add(const SeriesBits& key, std::uint32_t epoch, bool from_reserve) {
    const std::uint32_t size = published_.load(std::memory_order_relaxed);
    if (size < (from_reserve ? capacity_ : max_)) return append(key, epoch, size, from_reserve);
    if (free_.empty() && swept_ != epoch) sweep(epoch);
    if (free_.empty()) return nullptr;
    const std::uint32_t number = free_.back();
    free_.pop_back();
    Entry& entry = at(number);
    entry.key = key;
    entry.used.store(epoch, std::memory_order_relaxed);
    entry.values.clear();
    entry.retired.store(0, std::memory_order_release);
    put_in_index(number);
    return &entry;
  }

  Entry* append(const SeriesBits& key, std::uint32_t epoch, std::uint32_t number, bool reserved) {
    if (number % kChunk == 0) chunks_[number / kChunk] = std::make_unique<Chunk>();
    Entry& entry = at(number);
    entry.key = key;
    entry.reserved = reserved;
    entry.used.store(epoch, std::memory_order_relaxed);
    published_.store(number + 1, std::memory_order_release);
    if ((number + 1) * 2 > index_.size()) {
      rebuild_index(index_.size() * 2);
    } else {
      put_in_index(number);
    }
    return &entry;
  }

  // Collects the places of entries retired before this epoch. At most once per epoch, and only when
  // the table is full.
  void sweep(std::uint32_t epoch) {
    swept_ = epoch;
    const std::uint32_t size = published_.load(std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < size; ++i) {
      const std::uint32_t retired = at(i).retired.load(std::memory_order_acquire);
      if (retired != 0 && retired < epoch) free_.push_back(i);
    }
    if (!free_.empty()) rebuild_index(index_.size());
  }

  // All entries but the free ones.
  void rebuild_index(std::size_t slots) {
    index_.assign(slots, Slot{});
    const std::uint32_t size = published_.load(std::memory_order_relaxed);
    std::size_t next_free = 0;  // free_ is in order when this runs
    for (std::uint32_t i = 0; i < size; ++i) {
      if (next_free < free_.size() && free_[next_free] == i) {
        ++next_free;
        continue;
      }
      put_in_index(i);
    }
  }

  void put_in_index(std::uint32_t number) {
    const std::uint64_t hash = hash_of(at(number).key);
    std::size_t i = hash & (index_.size() - 1);
    while (index_[i].number != 0) i = (i + 1) & (index_.size() - 1);
    index_[i] = {static_cast<std::uint32_t>(hash >> 32), number + 1};
  }

  const std::uint32_t max_;
  const std::uint32_t capacity_;
  std::unique_ptr<std::unique_ptr<Chunk>[]> chunks_;
  std::atomic<std::uint32_t> published_{0};
  // The writer's alone.
  std::vector<Slot> index_;
  std::vector<std::uint32_t> free_;
  std::uint32_t swept_ = 0;
};

}  // namespace weft::telemetry
