#pragma once
// Span: one piece of work in a trace: an exchange (kServer) or one attempt of it (kClient). A value
// of fixed size, so that a ring of them needs no allocation: texts go into a small buffer of its
// own, names fixed by configuration are ids.
//
// Filled by span_fill.h from an AccessRecord; exported by otlp.h. Attribute keys follow
// OpenTelemetry's semantic conventions where they have one. What does not fit is left out and
// counted in attributes_dropped.

#include <array>
#include <cstdint>
#include <string_view>

#include "sidecar/core/clock.h"
#include "telemetry/labels.h"
#include "telemetry/trace_context.h"

namespace weft::telemetry {

enum class SpanKind : std::uint8_t { kInternal, kServer, kClient };
enum class SpanStatus : std::uint8_t { kUnset, kError };

enum class AttributeKey : std::uint8_t {
  kHttpMethod,
  kUrlPath,
  kServerAddress,
  kUserAgent,
  kStatusCode,
  kGrpcStatus,
  kProtocolVersion,
  kClientAddress,
  kPeerAddress,
  kRequestBytes,
  kResponseBytes,
  kErrorType,
  kRequestId,
  kDirection,
  kRoute,
  kBackend,
  kCause,
  kResponseFlags,
  kPolicy,
  kFault,
  kDetails,
  kAttempt,
  kAttempts,
  kQueueMs,
  kSourceWorkload,
  kDestinationWorkload,
  kKeptForFailure,
};
inline constexpr std::size_t kAttributeKeys =
    static_cast<std::size_t>(AttributeKey::kKeptForFailure) + 1;

[[nodiscard]] std::string_view name_of(AttributeKey key);  // "http.request.method"
[[nodiscard]] std::string_view name_of(SpanKind kind);

class Span final {
 public:
  static constexpr std::size_t kAttributesMax = 20;
  static constexpr std::size_t kTextBytes = 448;
  static constexpr std::size_t kTextMax = 128;  // of one text

  TraceId trace_id;
  SpanId span_id;
  SpanId parent_id;  // zero: a root
  WallTime start{};
  WallTime end{};
  SpanKind kind = SpanKind::kInternal;
  SpanStatus status = SpanStatus::kUnset;
  std::uint8_t trace_flags = 0;  // W3C
  std::uint8_t attributes_dropped = 0;

  // A span without attributes in this place; used before a slot of a ring is filled again.
  void clear();

  // "GET shop/cart/main". Cut at kTextMax.
  void set_name(std::string_view first, std::string_view second = {});
  [[nodiscard]] std::string_view name() const { return view(name_); }

  // An empty text and an unknown or empty label say nothing and are not added.
  void add(AttributeKey key, std::string_view text);
  void add(AttributeKey key, LabelId label);
  void add(AttributeKey key, std::int64_t number);

  // visit(AttributeKey, std::string_view) or visit(AttributeKey, std::int64_t), in the order of
  // adding.
  template <typename Visit>
  void for_each_attribute(Visit visit) const {
    for (std::size_t i = 0; i < attributes_size_; ++i) {
      const Attribute& attribute = attributes_[i];
      switch (attribute.type) {
        case Type::kText:
          visit(attribute.key, view(attribute.text));
          break;
        case Type::kLabel:
          visit(attribute.key, text_of(static_cast<LabelId>(attribute.number)));
          break;
        case Type::kNumber:
          visit(attribute.key, attribute.number);
          break;
      }
    }
  }

  // Not less than what the span takes in an OTLP message.
  [[nodiscard]] std::size_t encoded_bytes_max() const;

 private:
  enum class Type : std::uint8_t { kText, kLabel, kNumber };
  struct Slice {
    std::uint16_t at = 0;
    std::uint16_t size = 0;
  };
  struct Attribute {
    AttributeKey key;
    Type type;
    Slice text;
    std::int64_t number;
  };

  [[nodiscard]] std::string_view view(Slice slice) const {
    return {text_.data() + slice.at, slice.size};
  }
  Slice keep(std::string_view text, std::size_t bytes_max);
  [[nodiscard]] Attribute* next_attribute();

  Slice name_;
  std::uint16_t text_size_ = 0;
  std::uint8_t attributes_size_ = 0;
  std::array<Attribute, kAttributesMax> attributes_;
  std::array<char, kTextBytes> text_;
};

}  // namespace weft::telemetry
