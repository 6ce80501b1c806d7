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

std::uint64_t eight_bytes_at(const char* at) {
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
  for (; at < last; at += sizeof(std::uint64_t)) hash = mixed(hash, eight_bytes_at(at));
  return mixed(hash, eight_bytes_at(last));
}

void append_string(std::string_view text, std::string& out) {
  append_hpack_integer(0, 7, text.size(), out);
  out.append(text);
}

// `name_index` 0: with its name.
void append_literal(std::uint8_t pattern, unsigned prefix_bits, std::size_t name_index,
                    std::string_view name, std::string_view value, std::string& out) {
  append_hpack_integer(pattern, prefix_bits, name_index, out);
  if (name_index == 0) append_string(name, out);
  append_string(value, out);
}

void append_indexed(std::size_t index, std::string& out) {
  append_hpack_integer(kIndexedField, 7, index, out);
}

}  // namespace

// What is known of a field from its name alone, and of its index; in one register.
struct HpackEncoder::Known {
  HeaderId id = HeaderId::kOther;
  Pseudo pseudo = Pseudo::kNone;
  std::uint8_t name_slot = 0;    // of Hints
  std::uint32_t name_index = 0;  // 0: none yet

  [[nodiscard]] bool is_name_of(const HpackTable::Entry& entry, std::string_view name) const {
    const HpackTable::Traits& traits = entry.traits();
    if (traits.id != id || traits.pseudo != pseudo) return false;
    return id != HeaderId::kOther || pseudo != Pseudo::kNone || entry.name() == name;
  }
};

// Where in the table to look: the numbers (modulo 2^16) of insertions. They may be long gone, or of
// other texts: what is found is compared.
struct HpackEncoder::Hints {
  struct Hint {
    std::uint16_t number;
    std::uint16_t tag;  // more of the hash
  };
  // By the hash of name and value. Two fields that come with every message and share a place would
  // push each other out of the table for ever; so places are sets of eight.
  using Set = std::array<Hint, 8>;
  static constexpr std::size_t kSets = 16;
  // By name: what it came with last. Every name that we know has a place of its own.
  static constexpr std::size_t kOthers = kHeaderIds + kPseudos;
  static constexpr std::size_t kNames = 128;

  // All of them older than any entry: tables are smaller than half of what the numbers count.
  explicit Hints(std::uint32_t inserted) {
    const auto never = static_cast<std::uint16_t>(inserted - 0x8000U);
    for (Set& set : fields) set.fill({never, 0});
    names.fill(never);
  }
  [[nodiscard]] static std::uint8_t slot_of(HeaderId id, std::string_view name) {
    if (id != HeaderId::kOther) return static_cast<std::uint8_t>(id);
    return static_cast<std::uint8_t>(kOthers + hash_of(name, 0) % (kNames - kOthers));
  }
  [[nodiscard]] static std::uint8_t slot_of(Pseudo pseudo) {
    return static_cast<std::uint8_t>(kHeaderIds + static_cast<std::size_t>(pseudo));
  }
  [[nodiscard]] Set& set_of(std::uint64_t hash) { return fields[hash % kSets]; }
  [[nodiscard]] static std::uint16_t tag_of(std::uint64_t hash) {
    return static_cast<std::uint16_t>(hash >> 16);
  }
  // In place of the oldest one of its set.
  void put_field(std::uint64_t hash, std::uint16_t number) {
    const auto age = [&](const Hint& hint) {
      return static_cast<std::uint16_t>(number - hint.number);
    };
    Set& set = set_of(hash);
    *std::ranges::max_element(set, {}, age) = {number, tag_of(hash)};
  }

  std::array<Set, kSets> fields;
  std::array<std::uint16_t, kNames> names;
};

HpackEncoder::HpackEncoder(std::size_t table_bytes_max)
    : own_max_(table_bytes_max),
      table_(std::min(table_bytes_max, kPeerTableBytes)),
      smallest_(table_.bytes_max()),
      announced_(kPeerTableBytes) {
  static_assert(kTableBytesMax / HpackTable::kEntryExtra <= 0x8000, "a hint tells them apart");
  WEFT_ASSERT(table_bytes_max <= kTableBytesMax);
}

HpackEncoder::~HpackEncoder() { forget_hints(); }

void HpackEncoder::set_table_max(std::size_t bytes) {
  const std::size_t used = std::min(bytes, own_max_);
  if (used == table_.bytes_max()) return;
  table_.set_bytes_max(used);
  if (table_.entries() == 0) forget_hints();
  smallest_ = std::min(smallest_, used);
}

// RFC 7541 section 4.2: the smallest size between two blocks, for what it evicted, then the last.
void HpackEncoder::begin_block(std::string& out) {
  const std::size_t size = table_.bytes_max();
  if (size == announced_ && smallest_ == announced_) return;
  if (smallest_ < std::min(size, announced_)) append_hpack_integer(kTableSize, 5, smallest_, out);
  append_hpack_integer(kTableSize, 5, size, out);
  announced_ = size;
  smallest_ = size;
}

// Of what has no entry in the static table.
void HpackEncoder::write(std::string_view name, std::string_view value, Known known,
                         Indexing indexing, std::string& out) {
  if (hints_ != nullptr) {
    // Most fields have the value that they had last.
    const Found last = find(hints_->names[known.name_slot]);
    if (last.entry != nullptr && known.is_name_of(*last.entry, name)) {
      if (indexing != Indexing::kNever && last.entry->value() == value) {
        append_indexed(last.index, out);
        return;
      }
      if (known.name_index == 0) known.name_index = last.index;
    }
  }
  write_changed(name, value, known, indexing, out);
}

void HpackEncoder::encode(std::string_view name, std::string_view value, HeaderId id,
                          Indexing indexing, std::string& out) {
  const HpackStaticMatch match = find_hpack_static(id, value);
  if (match.field != 0 && indexing != Indexing::kNever) {
    append_indexed(match.field, out);
    return;
  }
  write(name, value, {.id = id, .name_slot = Hints::slot_of(id, name), .name_index = match.name},
        indexing, out);
}

void HpackEncoder::encode(Pseudo name, std::string_view value, Indexing indexing,
                          std::string& out) {
  WEFT_ASSERT(name != Pseudo::kNone && name != Pseudo::kUnknown);
  const HpackStaticMatch match = find_hpack_static(name, value);
  if (match.field != 0 && indexing != Indexing::kNever) {
    append_indexed(match.field, out);
    return;
  }
  write(name_of(name), value,
        {.pseudo = name, .name_slot = Hints::slot_of(name), .name_index = match.name}, indexing,
        out);
}

void HpackEncoder::write_changed(std::string_view name, std::string_view value, Known known,
                                 Indexing indexing, std::string& out) {
  const bool fits = HpackTable::cost(name.size(), value.size()) <= table_.bytes_max() / kEntryPart;
  if (!fits || indexing == Indexing::kNever) {
    append_literal(indexing == Indexing::kNever ? kLiteralNever : kLiteralWithout, 4,
                   known.name_index, name, value, out);
    return;
  }
  const std::uint64_t hash = hash_of(value, known.name_slot);
  if (hints_ != nullptr) {
    for (const Hints::Hint hint : hints_->set_of(hash)) {
      if (hint.tag != Hints::tag_of(hash)) continue;
      const Found found = find(hint.number);
      if (found.entry == nullptr || !known.is_name_of(*found.entry, name)) continue;
      if (found.entry->value() != value) continue;
      hints_->names[known.name_slot] = hint.number;
      append_indexed(found.index, out);
      return;
    }
  }
  if (indexing == Indexing::kWithout) {
    append_literal(kLiteralWithout, 4, known.name_index, name, value, out);
    return;
  }
  append_literal(kLiteralIncremental, 6, known.name_index, name, value, out);
  if (hints_ == nullptr) hints_ = new (slab_allocate(sizeof(Hints))) Hints(table_.inserted());
  const auto number = static_cast<std::uint16_t>(table_.inserted());
  hints_->put_field(hash, number);
  hints_->names[known.name_slot] = number;
  table_.insert(name, value, {.id = known.id, .pseudo = known.pseudo});
}

HpackEncoder::Found HpackEncoder::find(std::uint16_t number) const {
  const auto age = static_cast<std::uint16_t>(table_.inserted() - 1 - number);
  return {table_.at(age), static_cast<std::uint32_t>(kHpackStaticEntries + 1 + age)};
}

void HpackEncoder::forget_hints() {
  if (hints_ != nullptr) slab_free(hints_, sizeof(Hints));
  hints_ = nullptr;
}

}  // namespace weft::http
