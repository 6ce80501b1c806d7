#pragma once
// HpackTable: the dynamic table of one direction of one connection. First in, first out, bounded by
// bytes; each entry counts 32 more than its texts.
//
// Owner: HpackDecoder or HpackEncoder. Thread: its loop. An entry is one piece from the thread's
// slabs, and so is the ring of pointers to them, which grows with what is in use; an empty table
// has neither. Entries stay where they are until they are evicted. Source: RFC 7541 sections 2.3.2
// and 4.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/http/hpack_field.h"

namespace weft::http {

class HpackTable final {
 public:
  static constexpr std::size_t kEntryExtra = 32;
  // What is known of the texts of an entry, so that it is found out once.
  struct Traits {
    HeaderId id = HeaderId::kOther;
    Pseudo pseudo = Pseudo::kNone;
    bool name_valid = true;
    bool value_valid = true;
  };
  class Entry;

  explicit HpackTable(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  ~HpackTable() { clear(); }
  HpackTable(const HpackTable&) = delete;
  HpackTable& operator=(const HpackTable&) = delete;

  [[nodiscard]] static std::size_t cost(std::size_t name_size, std::size_t value_size) {
    return name_size + value_size + kEntryExtra;
  }

  // Evicts what must go. The texts are copied first, so they may be those of an entry that goes. An
  // entry larger than the table leaves it empty, and comes back as nullptr.
  const Entry* insert(std::string_view name, std::string_view value, const Traits& traits);
  // Evicts what no longer fits.
  void set_bytes_max(std::size_t bytes_max);
  void clear();

  // `age` 0 is the newest. nullptr when it is beyond the oldest.
  [[nodiscard]] const Entry* at(std::size_t age) const {
    return age < count_ ? ring_[(inserted_ - 1 - age) & (capacity_ - 1)] : nullptr;
  }
  [[nodiscard]] std::size_t entries() const { return count_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t bytes_max() const { return bytes_max_; }
  // Entries that ever went in, modulo 2^32.
  [[nodiscard]] std::uint32_t inserted() const { return inserted_; }

 private:
  void evict_oldest();
  void grow();

  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  Entry** ring_ = nullptr;
  std::uint32_t capacity_ = 0;  // of the ring; a power of two
  std::uint32_t count_ = 0;
  std::uint32_t inserted_ = 0;
};

// The texts lie behind it.
class HpackTable::Entry final {
 public:
  [[nodiscard]] std::string_view name() const { return {texts(), name_size_}; }
  [[nodiscard]] std::string_view value() const { return {texts() + name_size_, value_size_}; }
  [[nodiscard]] const Traits& traits() const { return traits_; }

 private:
  friend class HpackTable;
  [[nodiscard]] static Entry* make(std::string_view name, std::string_view value,
                                   const Traits& traits);
  static void unmake(Entry* entry);
  [[nodiscard]] const char* texts() const { return reinterpret_cast<const char*>(this + 1); }

  std::uint32_t name_size_ = 0;
  std::uint32_t value_size_ = 0;
  Traits traits_;
};

}  // namespace weft::http
