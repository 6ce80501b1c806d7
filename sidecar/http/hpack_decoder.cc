#include <algorithm>
#include <cstring>

#include "sidecar/core/slab.h"
#include "sidecar/http/hpack.h"
#include "sidecar/http/hpack_huffman.h"
#include "sidecar/http/hpack_integer.h"
#include "sidecar/http/hpack_static_table.h"

namespace weft::http {

namespace {

// Below this many bytes of capacity a kept piece is not worth giving back.
constexpr std::size_t kKeptCapacity = 64;

}  // namespace

// A string as it came.
struct HpackDecoder::Text {
  Bytes bytes;
  bool huffman = false;

  [[nodiscard]] std::size_t decoded_max() const {
    return huffman ? huffman_decoded_max(bytes.size()) : bytes.size();
  }
  // REQUIRES: at <= end. kShort: `size` is how many bytes are missing at least.
  [[nodiscard]] HpackRead read(const std::uint8_t*& at, const std::uint8_t* end,
                               std::size_t& missing);
  // Room for it is taken from `room` where it needs some. False when it is no text.
  [[nodiscard]] bool decode(char*& room, std::string_view& text) const;
};

// RFC 7541 section 6, taken apart and not yet understood.
struct HpackDecoder::Representation {
  enum class Kind : std::uint8_t { kIndexed, kLiteral, kTableSize };
  Kind kind = Kind::kIndexed;
  bool add = false;
  bool never_index = false;
  std::uint32_t number = 0;  // an index (of the name; 0: it is there as text), or the size
  Text name;
  Text value;
  std::size_t size = 0;  // how many bytes it has; when that is not known yet: at least
};

HpackDecoder::HpackDecoder(std::size_t table_bytes_max)
    : table_(table_bytes_max), allowed_(table_bytes_max), update_allowed_(table_bytes_max) {}

HpackDecoder::~HpackDecoder() { forget_texts(); }

HpackDecoder::Next HpackDecoder::next(Bytes& input, HpackField& field) {
  if (plain_) {
    if (input.empty()) return Next::kMore;
    const std::size_t index = input[0] ^ 0x80U;
    if (index < 0x7f) {
      if (!read_indexed(index, field)) return fail();
      in_block_ = true;
      input = input.subspan(1);
      return Next::kField;
    }
  }
  return next_of_any(input, field);
}

HpackDecoder::Next HpackDecoder::next_of_any(Bytes& input, HpackField& field) {
  forget_texts();
  while (!failed_ && !input.empty()) {
    switch (wanted_ == 0 ? take(input, field) : take_rest(input, field)) {
      case Step::kField:
        find_plain();
        return Next::kField;
      case Step::kAgain:
        break;
      case Step::kError:
        return fail();
    }
  }
  find_plain();
  return failed_ ? Next::kError : Next::kMore;
}

bool HpackDecoder::end_block() {
  in_block_ = false;
  if (plain_) return true;
  if (failed_ || wanted_ != 0 || update_due_) {
    static_cast<void>(fail());
    return false;
  }
  forget_texts();
  find_plain();
  return true;
}

void HpackDecoder::set_table_max(std::size_t bytes) {
  // RFC 7541 section 4.2: who has to shrink the table says so; that the limit went down above what
  // is in use asks nobody for anything.
  if (bytes < table_.bytes_max()) {
    update_due_ = true;
    table_.set_bytes_max(bytes);
  }
  update_allowed_ = update_due_ ? std::min(update_allowed_, bytes) : bytes;
  allowed_ = bytes;
  find_plain();
}

// ---- pieces ----

// The representation at the front of `input`.
HpackDecoder::Step HpackDecoder::take(Bytes& input, HpackField& field) {
  Representation representation;
  switch (parse(input, representation)) {
    case Parsed::kWhole:
      input = input.subspan(representation.size);
      return execute(representation, field);
    case Parsed::kShort:
      kept_.assign(as_text(input));
      wanted_ = representation.size;
      input = {};
      return Step::kAgain;
    case Parsed::kBad:
      break;
  }
  return Step::kError;
}

// As above when its front is in kept_. It is looked at again only where that tells something new,
// thus a dozen times at most however small the pieces are, and its strings but once.
HpackDecoder::Step HpackDecoder::take_rest(Bytes& input, HpackField& field) {
  const std::size_t taken = std::min(input.size(), wanted_ - kept_.size());
  kept_.append(as_text(input.first(taken)));
  input = input.subspan(taken);
  if (kept_.size() < wanted_) return Step::kAgain;
  Representation representation;
  switch (parse(as_bytes(kept_), representation)) {
    case Parsed::kWhole: {
      wanted_ = 0;
      const Step step = execute(representation, field);
      if (step == Step::kAgain) forget_texts();
      return step;
    }
    case Parsed::kShort:
      wanted_ = representation.size;
      return Step::kAgain;
    case Parsed::kBad:
      break;
  }
  return Step::kError;
}

HpackDecoder::Parsed HpackDecoder::parse(Bytes bytes, Representation& representation) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  const std::uint8_t first = *at;
  unsigned prefix_bits = 0;
  if ((first & 0x80) != 0) {
    prefix_bits = 7;
  } else if ((first & 0x40) != 0) {
    representation.kind = Representation::Kind::kLiteral;
    representation.add = true;
    prefix_bits = 6;
  } else if ((first & 0x20) != 0) {
    representation.kind = Representation::Kind::kTableSize;
    prefix_bits = 5;
  } else {
    representation.kind = Representation::Kind::kLiteral;
    representation.never_index = (first & 0x10) != 0;
    prefix_bits = 4;
  }
  std::size_t missing = 1;
  HpackRead read = read_hpack_integer(at, end, prefix_bits, representation.number);
  if (representation.kind == Representation::Kind::kLiteral) {
    if (read == HpackRead::kWhole && representation.number == 0)
      read = representation.name.read(at, end, missing);
    if (read == HpackRead::kWhole) read = representation.value.read(at, end, missing);
  }
  switch (read) {
    case HpackRead::kWhole:
      representation.size = static_cast<std::size_t>(at - bytes.data());
      return Parsed::kWhole;
    case HpackRead::kShort:
      representation.size = bytes.size() + missing;
      return Parsed::kShort;
    case HpackRead::kBad:
      break;
  }
  return Parsed::kBad;
}

HpackRead HpackDecoder::Text::read(const std::uint8_t*& at, const std::uint8_t* end,
                                   std::size_t& missing) {
  missing = 1;
  if (at == end) return HpackRead::kShort;
  huffman = (*at & 0x80) != 0;
  std::uint32_t size = 0;
  if (const HpackRead length = read_hpack_integer(at, end, 7, size); length != HpackRead::kWhole)
    return length;
  if (size > kStringMax) return HpackRead::kBad;
  const auto there = static_cast<std::size_t>(end - at);
  if (size > there) {
    missing = size - there;
    return HpackRead::kShort;
  }
  bytes = {at, size};
  at += size;
  return HpackRead::kWhole;
}

// ---- what they say ----

HpackDecoder::Step HpackDecoder::execute(const Representation& representation, HpackField& field) {
  if (representation.kind == Representation::Kind::kTableSize)
    return resize_table(representation.number) ? Step::kAgain : Step::kError;
  if (update_due_) return Step::kError;
  in_block_ = true;
  const bool read = representation.kind == Representation::Kind::kIndexed
                        ? read_indexed(representation.number, field)
                        : read_literal(representation, field);
  return read ? Step::kField : Step::kError;
}

bool HpackDecoder::resize_table(std::size_t bytes) {
  if (in_block_ || bytes > update_allowed_) return false;
  update_due_ = false;
  update_allowed_ = allowed_;
  table_.set_bytes_max(bytes);
  return true;
}

bool HpackDecoder::read_indexed(std::size_t index, HpackField& field) const {
  if (index == 0) return false;
  if (index <= kHpackStaticEntries) {
    field = kHpackStaticTable[index - 1];
    return true;
  }
  const HpackTable::Entry* entry = table_.at(index - kHpackStaticEntries - 1);
  if (entry == nullptr) return false;
  const HpackTable::Traits& traits = entry->traits();
  field.name = entry->name();
  field.value = entry->value();
  field.id = traits.id;
  field.pseudo = traits.pseudo;
  field.never_index = false;
  field.valid = traits.name_valid && traits.value_valid;
  return true;
}

bool HpackDecoder::read_literal(const Representation& representation, HpackField& field) {
  const std::size_t index = representation.number;
  const HpackTable::Entry* named = nullptr;
  HpackTable::Traits traits;
  std::string_view name;
  if (index > kHpackStaticEntries) {
    named = table_.at(index - kHpackStaticEntries - 1);
    if (named == nullptr) return false;
    traits = named->traits();
    name = named->name();
  } else if (index != 0) {
    const HpackField& entry = kHpackStaticTable[index - 1];
    traits = {.id = entry.id, .pseudo = entry.pseudo};
    name = entry.name;
  }
  // RFC 7541 section 4.4: an entry too large for the table empties it, and the name may be in
  // there.
  const bool copy_name =
      named != nullptr && representation.add &&
      HpackTable::cost(name.size(), representation.value.decoded_max()) > table_.bytes_max();
  decoded_size_ = (representation.name.huffman ? representation.name.decoded_max() : 0) +
                  (representation.value.huffman ? representation.value.decoded_max() : 0) +
                  (copy_name ? name.size() : 0);
  if (decoded_size_ != 0) decoded_ = static_cast<char*>(slab_allocate(decoded_size_));
  char* room = decoded_;
  if (copy_name) {
    std::memcpy(room, name.data(), name.size());
    name = {room, name.size()};
    room += name.size();
  }
  if (index == 0) {
    if (!representation.name.decode(room, name)) return false;
    traits.id = header_id_of(name);
    traits.pseudo = pseudo_of(name);
    traits.name_valid = is_valid_field_name(name);
  }
  std::string_view value;
  if (!representation.value.decode(room, value)) return false;
  traits.value_valid = is_valid_field_value(value);
  field = {.name = name,
           .value = value,
           .id = traits.id,
           .pseudo = traits.pseudo,
           .never_index = representation.never_index,
           .valid = traits.name_valid && traits.value_valid};
  if (!representation.add) return true;
  if (const HpackTable::Entry* entry = table_.insert(name, value, traits); entry != nullptr) {
    field.name = entry->name();
    field.value = entry->value();
  }
  return true;
}

bool HpackDecoder::Text::decode(char*& room, std::string_view& text) const {
  if (!huffman) {
    text = as_text(bytes);
    return true;
  }
  const std::optional<std::size_t> size = decode_huffman(bytes, room);
  if (!size || *size > kStringMax) return false;
  text = {room, *size};
  room += *size;
  return true;
}

// ---- memory ----

void HpackDecoder::find_plain() {
  plain_ = !failed_ && !update_due_ && decoded_ == nullptr && kept_.empty();
}

HpackDecoder::Next HpackDecoder::fail() {
  failed_ = true;
  plain_ = false;
  wanted_ = 0;
  forget_texts();
  table_.clear();
  return Next::kError;
}

void HpackDecoder::forget_texts() {
  if (decoded_ != nullptr) slab_free(decoded_, decoded_size_);
  decoded_ = nullptr;
  if (wanted_ != 0 || kept_.empty()) return;
  kept_.clear();
  if (kept_.capacity() > kKeptCapacity) kept_.shrink_to_fit();
}

}  // namespace weft::http
