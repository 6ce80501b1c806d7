#include <algorithm>
#include <array>
#include <cstring>

#include "sidecar/core/assert.h"
#include "sidecar/core/slab.h"
#include "sidecar/http/hpack.h"
#include "sidecar/http/hpack_integer.h"
#include "sidecar/http/hpack_static_table.h"

namespace weft::http {

namespace {

// RFC 9113 section 6.5.2: the size of a peer's table that has not said another one.
constexpr std::size_t kPeerTableBytes = 4096;
// What takes more than this part of the table pushes too much out of it to be worth an entry.
constexpr std::size_t kEntryPart = 4;

constexpr std::uint8_t kIndexedField = 0x80;
constexpr std::uint8_t kLiteralIncremental = 0x40;
constexpr std::uint8_t kTableSize = 0x20;
constexpr std::uint8_t kLiteralNever = 0x10;
constexpr std::uint8_t kLiteralWithout = 0x00;

std::uint64_t word_at(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

std::uint64_t mixed(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 32);
}

// Not to keep strangers from making texts with one hash: those would only lose their entries.
std::uint64_t hash_of(std::string_view text, std::uint64_t seed) {
  std::uint64_t hash = mixed(seed, text.size());
  const char* at = text.data();
  if (text.size() < sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    for (const char c : text) word = word << 8 | static_cast<unsigned char>(c);
    return mixed(hash, word);
  }
  const char* const last = at + text.size() - sizeof(std::uint64_t);
  for (; at < last; at += sizeof(std::uint64_t)) hash = mixed(hash, word_at(at));
  return mixed(hash, word_at(last));
}

void append_string(std::string_view text, std::string& out) {
  std::array<char, 1 + kHpackIntegerMore> length;
  char* const end =
      write_hpack_integer(length.data(), 0, 7, static_cast<std::uint32_t>(text.size()));
  out.append(length.data(), end).append(text);
}

void append_integer(std::uint8_t pattern, unsigned prefix_bits, std::size_t value,
                    std::string& out) {
  std::array<char, 1 + kHpackIntegerMore> bytes;
  char* const end =
      write_hpack_integer(bytes.data(), pattern, prefix_bits, static_cast<std::uint32_t>(value));
  out.append(bytes.data(), end);
}

void append_indexed(std::size_t index, std::string& out) {
  if (index < 0x7f) {
    out.push_back(static_cast<char>(kIndexedField | index));
  } else {
    append_integer(kIndexedField, 7, index, out);
  }
}

}  // namespace

struct HpackEncoder::Name {
  std::string_view text;
  HeaderId id = HeaderId::kOther;
  Pseudo pseudo = Pseudo::kNone;
  HpackStaticMatch match;

  // Known names are told apart without their text.
  [[nodiscard]] std::uint64_t hash() const {
    if (id != HeaderId::kOther) return static_cast<std::uint64_t>(id) + kPseudos;
    if (pseudo != Pseudo::kNone) return static_cast<std::uint64_t>(pseudo);
    return hash_of(text, 0);
  }
  [[nodiscard]] bool is_of(const HpackTable::Entry& entry) const {
    const HpackTable::Traits& traits = entry.traits();
    if (traits.id != id || traits.pseudo != pseudo) return false;
    return id != HeaderId::kOther || pseudo != Pseudo::kNone || entry.name() == text;
  }
};

// The number (modulo 2^16) of the last insertion of what falls on a slot. It may be long gone, or
// another text of the same hash: what is found is compared.
struct HpackEncoder::Hints {
  static constexpr std::size_t kFields = 128;
  static constexpr std::size_t kNames = 64;
  std::array<std::uint16_t, kFields> fields;
  std::array<std::uint16_t, kNames> names;
};

HpackEncoder::HpackEncoder(std::size_t table_bytes_max)
    : own_max_(table_bytes_max),
      table_(std::min(table_bytes_max, kPeerTableBytes)),
      update_smallest_(table_.bytes_max()),
      update_due_(table_.bytes_max() != kPeerTableBytes) {
  static_assert(kTableBytesMax / HpackTable::kEntryExtra <= UINT16_MAX, "a hint tells them apart");
  WEFT_ASSERT(table_bytes_max <= kTableBytesMax);
}

HpackEncoder::~HpackEncoder() { forget_hints(); }

void HpackEncoder::set_table_max(std::size_t bytes) {
  const std::size_t used = std::min(bytes, own_max_);
  if (used == table_.bytes_max()) return;
  table_.set_bytes_max(used);
  if (table_.entries() == 0) forget_hints();
  update_smallest_ = std::min(update_smallest_, used);
  update_due_ = true;
}

// RFC 7541 section 4.2: the smallest size between two blocks, for what it evicted, then the last.
void HpackEncoder::begin_block(std::string& out) {
  if (!update_due_) return;
  update_due_ = false;
  if (update_smallest_ < table_.bytes_max()) append_integer(kTableSize, 5, update_smallest_, out);
  append_integer(kTableSize, 5, table_.bytes_max(), out);
  update_smallest_ = table_.bytes_max();
}

void HpackEncoder::encode(std::string_view name, std::string_view value, HeaderId id,
                          Indexing indexing, std::string& out) {
  write({.text = name, .id = id, .match = find_hpack_static(id, value)}, value, indexing, out);
}

void HpackEncoder::encode(Pseudo name, std::string_view value, Indexing indexing,
                          std::string& out) {
  WEFT_ASSERT(name != Pseudo::kNone && name != Pseudo::kUnknown);
  write({.text = name_of(name), .pseudo = name, .match = find_hpack_static(name, value)}, value,
        indexing, out);
}

void HpackEncoder::write(const Name& name, std::string_view value, Indexing indexing,
                         std::string& out) {
  const bool never = indexing == Indexing::kNever;
  if (name.match.field != 0 && !never) {
    append_indexed(name.match.field, out);
    return;
  }
  const bool fits =
      HpackTable::cost(name.text.size(), value.size()) <= table_.bytes_max() / kEntryPart;
  const bool add = fits && indexing == Indexing::kIncremental;
  const std::uint64_t name_hash = name.hash();
  const bool look_up = fits && !never && (add || hints_ != nullptr);
  const std::size_t field_slot =
      look_up ? hash_of(value, name_hash) % Hints::kFields : Hints::kFields;
  std::size_t name_index = name.match.name;
  if (hints_ != nullptr) {
    std::size_t index = 0;
    if (field_slot != Hints::kFields) {
      const HpackTable::Entry* entry = hinted(hints_->fields[field_slot], index);
      if (entry != nullptr && name.is_of(*entry) && entry->value() == value) {
        append_indexed(index, out);
        return;
      }
    }
    if (name_index == 0) {
      const HpackTable::Entry* entry = hinted(hints_->names[name_hash % Hints::kNames], index);
      if (entry != nullptr && name.is_of(*entry)) name_index = index;
    }
  }
  if (add) {
    append_integer(kLiteralIncremental, 6, name_index, out);
  } else {
    append_integer(never ? kLiteralNever : kLiteralWithout, 4, name_index, out);
  }
  if (name_index == 0) append_string(name.text, out);
  append_string(value, out);
  if (add) insert(name, value, field_slot, name_hash % Hints::kNames);
}

const HpackTable::Entry* HpackEncoder::hinted(std::uint16_t number, std::size_t& index) const {
  const auto age = static_cast<std::uint16_t>(table_.inserted() - 1 - number);
  index = kHpackStaticEntries + 1 + age;
  return table_.at(age);
}

void HpackEncoder::insert(const Name& name, std::string_view value, std::size_t field_slot,
                          std::size_t name_slot) {
  if (hints_ == nullptr) hints_ = new (slab_allocate(sizeof(Hints))) Hints{};
  const auto number = static_cast<std::uint16_t>(table_.inserted());
  hints_->fields[field_slot] = number;
  hints_->names[name_slot] = number;
  table_.insert(name.text, value, {.id = name.id, .pseudo = name.pseudo});
}

void HpackEncoder::forget_hints() {
  if (hints_ != nullptr) slab_free(hints_, sizeof(Hints));
  hints_ = nullptr;
}

}  // namespace weft::http
