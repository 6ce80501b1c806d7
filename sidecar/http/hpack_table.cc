#include "sidecar/http/hpack_table.h"

#include <cstring>
#include <new>

#include "sidecar/core/assert.h"
#include "sidecar/core/slab.h"

namespace weft::http {

namespace {

constexpr std::uint32_t kRingMin = 16;

}  // namespace

HpackTable::Entry* HpackTable::Entry::make(std::string_view name, std::string_view value,
                                           const Traits& traits) {
  void* memory = slab_allocate(sizeof(Entry) + name.size() + value.size());
  auto* entry = new (memory) Entry;
  entry->name_size_ = static_cast<std::uint32_t>(name.size());
  entry->value_size_ = static_cast<std::uint32_t>(value.size());
  entry->traits_ = traits;
  char* texts = reinterpret_cast<char*>(entry + 1);
  if (!name.empty()) std::memcpy(texts, name.data(), name.size());
  if (!value.empty()) std::memcpy(texts + name.size(), value.data(), value.size());
  return entry;
}

void HpackTable::Entry::unmake(Entry* entry) {
  slab_free(entry, sizeof(Entry) + entry->name_size_ + entry->value_size_);
}

const HpackTable::Entry* HpackTable::insert(std::string_view name, std::string_view value,
                                            const Traits& traits) {
  const std::size_t bytes = cost(name.size(), value.size());
  if (bytes > bytes_max_) {
    clear();
    return nullptr;
  }
  Entry* entry = Entry::make(name, value, traits);
  while (bytes_ + bytes > bytes_max_) evict_oldest();
  if (count_ == capacity_) grow();
  ring_[inserted_++ & (capacity_ - 1)] = entry;
  ++count_;
  bytes_ += bytes;
  return entry;
}

void HpackTable::set_bytes_max(std::size_t bytes_max) {
  bytes_max_ = bytes_max;
  while (bytes_ > bytes_max_) evict_oldest();
  if (count_ == 0) clear();
}

void HpackTable::clear() {
  while (count_ != 0) evict_oldest();
  if (ring_ != nullptr) slab_free(static_cast<void*>(ring_), capacity_ * sizeof *ring_);
  ring_ = nullptr;
  capacity_ = 0;
}

void HpackTable::evict_oldest() {
  WEFT_ASSERT(count_ != 0);
  Entry* entry = ring_[(inserted_ - count_) & (capacity_ - 1)];
  --count_;
  bytes_ -= cost(entry->name_size_, entry->value_size_);
  Entry::unmake(entry);
}

void HpackTable::grow() {
  const std::uint32_t capacity = capacity_ == 0 ? kRingMin : capacity_ * 2;
  auto** ring = static_cast<Entry**>(slab_allocate(capacity * sizeof *ring_));
  for (std::uint32_t number = inserted_ - count_; number != inserted_; ++number)
    ring[number & (capacity - 1)] = ring_[number & (capacity_ - 1)];
  if (ring_ != nullptr) slab_free(static_cast<void*>(ring_), capacity_ * sizeof *ring_);
  ring_ = ring;
  capacity_ = capacity;
}

}  // namespace weft::http
