#pragma once
// Http2Reader and Http2Writer: header blocks of HTTP/2 to canonical heads and back. No session, no
// state beyond one block.
//
// The reader holds a block to the messaging rules of RFC 9113 section 8 (order of pseudo-fields,
// lower case, forbidden fields, content-length), to our limits, and to the canonical shape of
// message.h. Owner: Http2Session. Thread: its loop's.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "sidecar/core/error.h"
#include "sidecar/http/hpack.h"
#include "sidecar/http/limits.h"
#include "sidecar/http/message.h"
#include "sidecar/http/normalize.h"

namespace weft::http {

// Collects one header block. Fields beyond the limits are counted and thrown away.
class Http2Reader final {
 public:
  enum class Kind : std::uint8_t { kRequest, kResponse, kTrailers };
  struct Refusal {
    Error error;
    std::uint16_t status = 400;
    bool malformed = false;  // RFC 9113 section 8.1.1: a reset, and no answer
  };

  Http2Reader(const Limits& limits, const NormalizeOptions& normalize)
      : limits_(limits), normalize_(normalize) {}

  void begin(Kind kind);
  // False when the block is so far beyond the limits that it is not worth reading to its end.
  [[nodiscard]] bool add(const HpackField& field);

  // Of the fields so far, with 32 for each (RFC 9113 section 6.5.2).
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  // `end`: nothing follows.
  [[nodiscard]] tl::expected<RequestHead, Refusal> take_request(bool end);
  // `extended`: the answer to an extended CONNECT, whose 200 is a 101 in the canonical shape.
  // `tunnel`: that, or the answer to CONNECT.
  [[nodiscard]] tl::expected<ResponseHead, Refusal> take_response(bool extended, bool tunnel);
  [[nodiscard]] tl::expected<Headers, Refusal> take_trailers();

 private:
  void add_pseudo(const HpackField& field);
  void add_field(const HpackField& field);
  void add_length(std::string_view value);
  void malformed(const char* why);
  void check_request(bool end);
  void join_cookies();
  [[nodiscard]] const Refusal* over_limit() const {
    return refusal_.status == 0 ? nullptr : &refusal_;
  }

  const Limits& limits_;
  const NormalizeOptions& normalize_;
  Kind kind_ = Kind::kRequest;
  Headers headers_;
  std::string_view method_;
  std::string_view scheme_;
  std::string_view authority_;
  std::string_view path_;
  std::string_view protocol_;
  std::string_view host_;
  std::string_view status_;
  std::optional<std::uint64_t> content_length_;
  bool has_host_ = false;
  bool has_regular_ = false;  // pseudo-fields come first
  bool expects_continue_ = false;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  Refusal refusal_;  // status 0: none
};

// One field to be written. Views; the name is lower case.
struct Http2Field {
  std::string_view name;
  std::string_view value;
  HeaderId id = HeaderId::kOther;
  Pseudo pseudo = Pseudo::kNone;
  HpackEncoder::Indexing indexing = HpackEncoder::Indexing::kIncremental;
};

// Builds arrays of fields. They stay valid until the next call.
class Http2Writer final {
 public:
  [[nodiscard]] std::span<const Http2Field> request(const RequestHead& head);
  // `extended`: 101 is written as 200.
  [[nodiscard]] std::span<const Http2Field> response(const ResponseHead& head, bool extended);
  [[nodiscard]] std::span<const Http2Field> trailers(const Headers& trailers);

 private:
  void begin(const Headers& headers);
  void add(Pseudo name, std::string_view value,
           HpackEncoder::Indexing indexing = HpackEncoder::Indexing::kIncremental);
  void add_length(std::optional<std::uint64_t> length);
  void add_fields(const Headers& headers, bool trailers, bool websocket = false);

  std::vector<Http2Field> array_;
  std::string names_;  // lower-cased ones; reserved before use, so that it never moves
  std::array<char, 24> digits_{};
  std::array<char, 4> status_{};
};

// Fields with their own memory: trailers that wait behind a body. One slab allocation.
class Http2StoredFields final {
 public:
  Http2StoredFields() = default;
  Http2StoredFields(const Http2StoredFields&) = delete;
  Http2StoredFields& operator=(const Http2StoredFields&) = delete;
  ~Http2StoredFields() { clear(); }

  void store(std::span<const Http2Field> fields);
  void clear();
  [[nodiscard]] bool stored() const { return memory_ != nullptr; }
  [[nodiscard]] std::span<const Http2Field> fields() const {
    return {static_cast<const Http2Field*>(memory_), count_};
  }

 private:
  void* memory_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace weft::http
