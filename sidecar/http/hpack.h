#pragma once
// HpackDecoder and HpackEncoder: header blocks of HTTP/2 to fields and back (RFC 7541).
//
// One of each per connection, on its loop; their dynamic tables take memory entry by entry, from
// the thread's slabs, and none while they are empty. The decoder also says what a field is (its
// HeaderId or pseudo-field) and whether its bytes may be in a field at all (RFC 9113
// section 8.2.1); for what comes out of a table that was found out when it went in. Nothing here
// knows frames, limits of a message, or what fields mean. Owner: Http2Session.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "sidecar/core/buffer.h"
#include "sidecar/http/hpack_field.h"
#include "sidecar/http/hpack_table.h"

namespace weft::http {

class HpackDecoder final {
 public:
  // Of a name or a value, encoded or not: longer ones are an error of the connection.
  static constexpr std::size_t kStringMax = 64 * 1024;
  // Of a representation cut by the end of a fragment, which is kept until the rest comes: two
  // strings and their lengths.
  static constexpr std::size_t kKeptMax = 2 * kStringMax + 18;
  enum class Next : std::uint8_t { kField, kMore, kError };

  explicit HpackDecoder(std::size_t table_bytes_max = 4096);
  ~HpackDecoder();
  HpackDecoder(const HpackDecoder&) = delete;
  HpackDecoder& operator=(const HpackDecoder&) = delete;

  // Takes bytes of a block from the front of `input`, until there is a field (kField), or `input`
  // is empty (kMore: give the next fragment; half a field is kept). After kError the connection is
  // lost (COMPRESSION_ERROR), and so says every further call. The texts of a field may lie in the
  // bytes of `input`.
  [[nodiscard]] Next next(Bytes& input, HpackField& field);
  // The block is over. False when it ended within a field, or did not say that it shrinks its table
  // though it had to.
  [[nodiscard]] bool end_block();
  // Our SETTINGS_HEADER_TABLE_SIZE, once the peer has acknowledged it (section 4.2).
  void set_table_max(std::size_t bytes);

  [[nodiscard]] std::size_t table_bytes() const { return table_.bytes(); }  // as the RFC counts
  [[nodiscard]] std::size_t table_entries() const { return table_.entries(); }

 private:
  struct Text;
  struct Representation;
  enum class Parsed : std::uint8_t { kWhole, kShort, kBad };
  enum class Step : std::uint8_t { kField, kAgain, kError };

  [[nodiscard]] Next next_of_any(Bytes& input, HpackField& field);
  [[nodiscard]] static Parsed parse(Bytes bytes, Representation& representation);
  [[nodiscard]] Step take(Bytes& input, HpackField& field);
  [[nodiscard]] Step take_rest(Bytes& input, HpackField& field);
  [[nodiscard]] Step execute(const Representation& representation, HpackField& field);
  [[nodiscard]] bool read_indexed(std::size_t index, HpackField& field) const;
  [[nodiscard]] bool read_literal(const Representation& representation, HpackField& field);
  [[nodiscard]] bool resize_table(std::size_t bytes);
  Next fail();
  void find_plain();
  void forget_texts();

  HpackTable table_;
  std::size_t allowed_;         // by our settings
  std::size_t update_allowed_;  // of the next change of size; less than allowed_ while one is due
  std::string kept_;            // a representation that came in pieces
  std::size_t wanted_ = 0;      // bytes of it, at least; 0: it is whole, and has been read
  char* decoded_ = nullptr;     // texts of the last field that were not there as such, from a slab
  std::size_t decoded_size_ = 0;
  bool update_due_ = false;
  bool in_block_ = false;  // behind the first field
  // Nothing is kept, to be given back, due, or wrong: a byte that stands for a whole field may be
  // taken as such.
  bool plain_ = true;
  bool failed_ = false;
};

class HpackEncoder final {
 public:
  enum class Indexing : std::uint8_t {
    kIncremental,  // likely to come again
    kWithout,      // not likely; an entry of the table serves if there is one
    kNever         // section 6.2.3: secret; no hop shall index it
  };
  static constexpr std::size_t kTableBytesMax = 1024 * 1024;
  // `table_bytes_max`: what we use at most, whatever the peer allows. REQUIRES: not more than
  // kTableBytesMax.
  explicit HpackEncoder(std::size_t table_bytes_max = 4096);
  ~HpackEncoder();
  HpackEncoder(const HpackEncoder&) = delete;
  HpackEncoder& operator=(const HpackEncoder&) = delete;

  // The peer's SETTINGS_HEADER_TABLE_SIZE; what follows from it is written in front of the next
  // block.
  void set_table_max(std::size_t bytes);
  // Once in front of each block.
  void begin_block(std::string& out);
  // Appends one field to `out`. `name` is lower case. `id` may be kOther for any field. Strings are
  // written as they are: Huffman's code saves a few bytes of a first mention and costs both ends
  // time.
  void encode(std::string_view name, std::string_view value, HeaderId id, Indexing indexing,
              std::string& out);
  void encode(Pseudo name, std::string_view value, Indexing indexing, std::string& out);

  [[nodiscard]] std::size_t table_bytes() const { return table_.bytes(); }

 private:
  struct Hints;
  struct Known;
  struct Found {
    const HpackTable::Entry* entry;  // nullptr: it is gone
    std::uint32_t index;
  };

  void write(std::string_view name, std::string_view value, Known known, Indexing indexing,
             std::string& out);
  // What is not as it was last.
  void write_changed(std::string_view name, std::string_view value, Known known, Indexing indexing,
                     std::string& out);
  [[nodiscard]] Found find(std::uint16_t number) const;
  void forget_hints();

  std::size_t own_max_;
  HpackTable table_;
  Hints* hints_ = nullptr;  // where in the table to look; there with the first entry
  std::size_t smallest_;    // the smallest the table was since the last block
  std::size_t announced_;   // the size that the peer knows of
};

}  // namespace weft::http
