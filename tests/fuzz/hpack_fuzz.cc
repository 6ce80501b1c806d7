// Header blocks of one connection, read whole and in pieces, written again and read once more.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/core/assert.h"
#include "sidecar/http/hpack.h"

namespace {

using namespace weft;
using namespace weft::http;

struct Read {
  std::string name;
  std::string value;
  HeaderId id;
  Pseudo pseudo;
  bool never_index;
  bool valid;
  bool operator==(const Read&) const = default;
};

// In pieces of `step` bytes.
std::optional<std::vector<Read>> read_block(HpackDecoder& decoder, Bytes block, std::size_t step,
                                            std::size_t table_max) {
  std::vector<Read> fields;
  do {
    // Where a byte too far is seen.
    const std::vector<std::uint8_t> piece(
        block.begin(), block.begin() + static_cast<std::ptrdiff_t>(std::min(step, block.size())));
    block = block.subspan(piece.size());
    Bytes input = piece;
    HpackField field;
    HpackDecoder::Next next = HpackDecoder::Next::kMore;
    while ((next = decoder.next(input, field)) == HpackDecoder::Next::kField) {
      fields.push_back({std::string(field.name), std::string(field.value), field.id, field.pseudo,
                        field.never_index, field.valid});
      WEFT_ASSERT(field.name.size() <= HpackDecoder::kStringMax);
      WEFT_ASSERT(field.value.size() <= HpackDecoder::kStringMax);
    }
    WEFT_ASSERT(decoder.table_bytes() <= table_max);
    if (next == HpackDecoder::Next::kError) return std::nullopt;
    WEFT_ASSERT(input.empty());
  } while (!block.empty());
  if (!decoder.end_block()) return std::nullopt;
  return fields;
}

void write_and_read(HpackEncoder& encoder, HpackDecoder& decoder, const std::vector<Read>& fields) {
  std::string block;
  encoder.begin_block(block);
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const Read& field = fields[i];
    const HpackEncoder::Indexing indexing = field.never_index ? HpackEncoder::Indexing::kNever
                                            : i % 5 == 4      ? HpackEncoder::Indexing::kWithout
                                                         : HpackEncoder::Indexing::kIncremental;
    if (field.pseudo != Pseudo::kNone && field.pseudo != Pseudo::kUnknown) {
      encoder.encode(field.pseudo, field.value, indexing, block);
    } else {
      // An id stands for the lower-case name.
      const bool is_lower = field.name == name_of(field.id);
      encoder.encode(field.name, field.value, is_lower ? field.id : HeaderId::kOther, indexing,
                     block);
    }
  }
  const std::optional<std::vector<Read>> again =
      read_block(decoder, as_bytes(block), block.size(), 4096);
  WEFT_ASSERT(again.has_value() && *again == fields);
  WEFT_ASSERT(encoder.table_bytes() == decoder.table_bytes());
}

}  // namespace

// The size of the table, the size of pieces, and blocks: each a byte that says how long it is
// (above 250: what our settings say next about the table), and that much.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Bytes input(data, size);
  const auto take = [&]() -> std::size_t {
    if (input.empty()) return 0;
    const std::uint8_t byte = input.front();
    input = input.subspan(1);
    return byte;
  };
  std::size_t table_max = take() * 32;
  const std::size_t step = 1 + take();
  HpackDecoder whole(table_max);
  HpackDecoder pieces(table_max);
  HpackEncoder encoder;
  HpackDecoder reader;
  while (!input.empty()) {
    const std::size_t length = take();
    if (length > 250) {
      table_max = take() * 32;
      whole.set_table_max(table_max);
      pieces.set_table_max(table_max);
      continue;
    }
    const Bytes block = input.first(std::min(length, input.size()));
    input = input.subspan(block.size());
    const auto fields = read_block(whole, block, block.size(), table_max);
    WEFT_ASSERT(fields == read_block(pieces, block, step, table_max));
    WEFT_ASSERT(whole.table_bytes() == pieces.table_bytes());
    if (!fields) break;
    write_and_read(encoder, reader, *fields);
  }
  return 0;
}
