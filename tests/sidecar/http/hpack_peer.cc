#include "tests/sidecar/http/hpack_peer.h"

#include <algorithm>
#include <memory>

#include "sidecar/core/assert.h"
#include "sidecar/http/http1_chars.h"

namespace weft::http::hpack_test {

std::ostream& operator<<(std::ostream& out, const Pair& pair) {
  return out << pair.name << ": " << pair.value << (pair.never_index ? " (never)" : "");
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = hex_value(c);
    WEFT_ASSERT(digit >= 0);
    if (high < 0) {
      high = digit;
    } else {
      bytes += static_cast<char>(high * 16 + digit);
      high = -1;
    }
  }
  WEFT_ASSERT(high < 0);
  return bytes;
}

std::optional<Fields> decode(HpackDecoder& decoder, std::string_view block,
                             std::span<const std::size_t> cuts) {
  Fields fields;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : block.size();
    const auto fragment = std::make_unique<std::uint8_t[]>(end - begin);
    std::copy(block.begin() + static_cast<std::ptrdiff_t>(begin),
              block.begin() + static_cast<std::ptrdiff_t>(end), fragment.get());
    Bytes input(fragment.get(), end - begin);
    begin = end;
    HpackField field;
    HpackDecoder::Next next = HpackDecoder::Next::kField;
    while ((next = decoder.next(input, field)) == HpackDecoder::Next::kField)
      fields.push_back({std::string(field.name), std::string(field.value), field.never_index});
    if (next == HpackDecoder::Next::kError) return std::nullopt;
    WEFT_ASSERT(input.empty());
  }
  if (!decoder.end_block()) return std::nullopt;
  return fields;
}

namespace {

std::uint8_t* raw_bytes(std::string_view text) {
  return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
}

}  // namespace

Nghttp2Encoder::Nghttp2Encoder(std::size_t table_bytes_max) {
  WEFT_ASSERT(nghttp2_hd_deflate_new(&deflater_, table_bytes_max) == 0);
}
Nghttp2Encoder::~Nghttp2Encoder() { nghttp2_hd_deflate_del(deflater_); }

void Nghttp2Encoder::set_table_max(std::size_t bytes) {
  WEFT_ASSERT(nghttp2_hd_deflate_change_table_size(deflater_, bytes) == 0);
}

std::string Nghttp2Encoder::encode(const Fields& fields) {
  std::vector<nghttp2_nv> array;
  array.reserve(fields.size());
  for (const Pair& field : fields) {
    const std::uint8_t flags = field.never_index ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE;
    array.push_back({raw_bytes(field.name), raw_bytes(field.value), field.name.size(),
                     field.value.size(), flags});
  }
  std::string block(nghttp2_hd_deflate_bound(deflater_, array.data(), array.size()), '\0');
  const ssize_t size =
      nghttp2_hd_deflate_hd(deflater_, raw_bytes(block), block.size(), array.data(), array.size());
  WEFT_ASSERT(size >= 0);
  block.resize(static_cast<std::size_t>(size));
  return block;
}

Nghttp2Decoder::Nghttp2Decoder() { WEFT_ASSERT(nghttp2_hd_inflate_new(&inflater_) == 0); }
Nghttp2Decoder::~Nghttp2Decoder() { nghttp2_hd_inflate_del(inflater_); }

void Nghttp2Decoder::set_table_max(std::size_t bytes) {
  WEFT_ASSERT(nghttp2_hd_inflate_change_table_size(inflater_, bytes) == 0);
}

std::size_t Nghttp2Decoder::table_bytes() const {
  return nghttp2_hd_inflate_get_dynamic_table_size(inflater_);
}

std::optional<Fields> Nghttp2Decoder::decode(std::string_view block) {
  Fields fields;
  while (true) {
    nghttp2_nv field;
    int flags = 0;
    const ssize_t taken =
        nghttp2_hd_inflate_hd2(inflater_, &field, &flags, raw_bytes(block), block.size(), 1);
    if (taken < 0) return std::nullopt;
    block.remove_prefix(static_cast<std::size_t>(taken));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.push_back({std::string(reinterpret_cast<const char*>(field.name), field.namelen),
                        std::string(reinterpret_cast<const char*>(field.value), field.valuelen),
                        (field.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0});
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && block.empty()) break;
  }
  WEFT_ASSERT(nghttp2_hd_inflate_end_headers(inflater_) == 0);
  return fields;
}

}  // namespace weft::http::hpack_test
