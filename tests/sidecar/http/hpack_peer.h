#pragma once
// HPACK as tests use it: blocks to lists of fields, by ours and by nghttp2, to compare them.

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/http/hpack.h"

namespace weft::http::hpack_test {

struct Pair {
  std::string name;
  std::string value;
  bool never_index = false;
  bool operator==(const Pair&) const = default;
};
using Fields = std::vector<Pair>;
std::ostream& operator<<(std::ostream& out, const Pair& pair);

// "82 86" to bytes; blanks mean nothing.
[[nodiscard]] std::string from_hex(std::string_view hex);

// A whole block, cut at `cuts` (ascending). Nothing when the decoder refuses it. Every field is
// read before the next call, and every fragment lies in memory of exactly its size, which is gone
// then.
[[nodiscard]] std::optional<Fields> decode(HpackDecoder& decoder, std::string_view block,
                                           std::span<const std::size_t> cuts = {});

// One field after another as literals or otherwise, as nghttp2 sees fit.
class Nghttp2Encoder final {
 public:
  explicit Nghttp2Encoder(std::size_t table_bytes_max = 4096);
  ~Nghttp2Encoder();
  Nghttp2Encoder(const Nghttp2Encoder&) = delete;
  Nghttp2Encoder& operator=(const Nghttp2Encoder&) = delete;

  void set_table_max(std::size_t bytes);
  [[nodiscard]] std::string encode(const Fields& fields);

 private:
  nghttp2_hd_deflater* deflater_ = nullptr;
};

class Nghttp2Decoder final {
 public:
  Nghttp2Decoder();
  ~Nghttp2Decoder();
  Nghttp2Decoder(const Nghttp2Decoder&) = delete;
  Nghttp2Decoder& operator=(const Nghttp2Decoder&) = delete;

  void set_table_max(std::size_t bytes);
  [[nodiscard]] std::optional<Fields> decode(std::string_view block);
  [[nodiscard]] std::size_t table_bytes() const;

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

}  // namespace weft::http::hpack_test
