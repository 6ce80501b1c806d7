#pragma once
// Http2Reader and Http2Writer: header blocks of HTTP/2 to canonical heads and back. No session, no
// state beyond one block.
//
// nghttp2 has checked the messaging rules of RFC 9113 section 8 field by field (order of
// pseudo-fields, lower case, forbidden fields, content-length); what is added here are our limits,
// the canonical shape of message.h and what a proxy must be stricter about. Owner: Http2Session.
// Thread: its loop's.

#include <nghttp2/nghttp2.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "sidecar/core/error.h"
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
  };

  Http2Reader(const Limits& limits, const NormalizeOptions& normalize)
      : limits_(limits), normalize_(normalize) {}

  void begin(Kind kind);
  // False when the block is so far beyond the limits that it is not worth reading to its end.
  [[nodiscard]] bool add(std::string_view name, std::string_view value, bool never_index);

  // Of the fields so far, with 32 for each (RFC 9113 section 6.5.2).
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  [[nodiscard]] tl::expected<RequestHead, Refusal> take_request();
  // `extended`: the answer to an extended CONNECT, whose 200 is a 101 in the canonical shape.
  [[nodiscard]] tl::expected<ResponseHead, Refusal> take_response(bool extended);
  [[nodiscard]] tl::expected<Headers, Refusal> take_trailers();

 private:
  [[nodiscard]] bool add_pseudo(std::string_view name, std::string_view value);
  void add_field(std::string_view name, std::string_view value, bool never_index);
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
  bool expects_continue_ = false;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  Refusal refusal_;  // status 0: none
};

// Builds name-value arrays. They stay valid until the next call.
class Http2Writer final {
 public:
  [[nodiscard]] std::span<const nghttp2_nv> request(const RequestHead& head);
  // `extended`: 101 is written as 200.
  [[nodiscard]] std::span<const nghttp2_nv> response(const ResponseHead& head, bool extended);
  [[nodiscard]] std::span<const nghttp2_nv> trailers(const Headers& trailers);

 private:
  void begin(const Headers& headers);
  void add(std::string_view name, std::string_view value,
           std::uint8_t flags = NGHTTP2_NV_FLAG_NONE);
  void add_length(std::optional<std::uint64_t> length);
  void add_fields(const Headers& headers, bool trailers, bool websocket = false);

  std::vector<nghttp2_nv> array_;
  std::string names_;  // lower-cased ones; reserved before use, so that it never moves
  std::array<char, 24> digits_{};
  std::array<char, 4> status_{};
};

// A name-value array with its own memory: trailers that wait behind a body. One slab allocation.
class Http2StoredFields final {
 public:
  Http2StoredFields() = default;
  Http2StoredFields(const Http2StoredFields&) = delete;
  Http2StoredFields& operator=(const Http2StoredFields&) = delete;
  ~Http2StoredFields() { clear(); }

  void store(std::span<const nghttp2_nv> fields);
  void clear();
  [[nodiscard]] bool stored() const { return memory_ != nullptr; }
  [[nodiscard]] std::span<const nghttp2_nv> fields() const {
    return {static_cast<const nghttp2_nv*>(memory_), count_};
  }

 private:
  void* memory_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace weft::http
