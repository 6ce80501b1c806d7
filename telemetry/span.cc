#include "telemetry/span.h"

#include <algorithm>

#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

// In the order of the enumeration.
constexpr std::array<std::string_view, kAttributeKeys> kKeyNames = {
    "http.request.method",
    "url.path",
    "server.address",
    "user_agent.original",
    "http.response.status_code",
    "rpc.grpc.status_code",
    "network.protocol.version",
    "client.address",
    "network.peer.address",
    "http.request.body.size",
    "http.response.body.size",
    "error.type",
    "weft.request_id",
    "weft.direction",
    "weft.route",
    "weft.backend",
    "weft.cause",
    "weft.flags",
    "weft.policy",
    "weft.fault",
    "weft.details",
    "weft.attempt",
    "weft.attempts",
    "weft.queue_ms",
    "weft.source.workload",
    "weft.destination.workload",
    "weft.kept_for_failure",
};
static_assert(kKeyNames.back() == "weft.kept_for_failure");

}  // namespace

std::string_view name_of(AttributeKey key) { return kKeyNames[static_cast<std::size_t>(key)]; }

std::string_view name_of(SpanKind kind) {
  switch (kind) {
    case SpanKind::kInternal:
      return "internal";
    case SpanKind::kServer:
      return "server";
    case SpanKind::kClient:
      return "client";
  }
  return "internal";
}

void Span::clear() {
  trace_id = {};
  span_id = {};
  parent_id = {};
  start = {};
  end = {};
  kind = SpanKind::kInternal;
  status = SpanStatus::kUnset;
  trace_flags = 0;
  attributes_dropped = 0;
  name_ = {};
  text_size_ = 0;
  attributes_size_ = 0;
}

// Bytes that are not UTF-8 become '?' here: protobuf's strings must be UTF-8, and a span is no
// place for binary.
Span::Slice Span::keep(std::string_view text, std::size_t bytes_max) {
  const std::uint16_t at = text_size_;
  std::size_t size = 0;
  const std::size_t room = std::min(bytes_max, kTextBytes - text_size_);
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const std::size_t taken = std::max<std::size_t>(length, 1);
    if (size + taken > room) break;
    if (length == 0) {
      text_[text_size_ + size] = '?';
    } else {
      std::copy_n(text.begin(), length,
                  text_.begin() + text_size_ + static_cast<std::ptrdiff_t>(size));
    }
    size += taken;
    text.remove_prefix(taken);
  }
  text_size_ = static_cast<std::uint16_t>(text_size_ + size);
  return {.at = at, .size = static_cast<std::uint16_t>(size)};
}

void Span::set_name(std::string_view first, std::string_view second) {
  name_ = keep(first, kTextMax);
  if (second.empty() || name_.size + 1U >= kTextMax) return;
  // Both pieces lie side by side, so the name is one slice.
  name_.size = static_cast<std::uint16_t>(name_.size + keep(" ", 1).size);
  name_.size = static_cast<std::uint16_t>(name_.size + keep(second, kTextMax - name_.size).size);
}

Span::Attribute* Span::next_attribute() {
  if (attributes_size_ == kAttributesMax) {
    if (attributes_dropped < 0xff) ++attributes_dropped;
    return nullptr;
  }
  return &attributes_[attributes_size_++];
}

void Span::add(AttributeKey key, std::string_view text) {
  if (text.empty()) return;
  if (Attribute* attribute = next_attribute())
    *attribute = {.key = key, .type = Type::kText, .text = keep(text, kTextMax), .number = 0};
}

void Span::add(AttributeKey key, LabelId label) {
  if (label == LabelId::kEmpty || label == LabelId::kUnknown) return;
  if (Attribute* attribute = next_attribute()) {
    *attribute = {
        .key = key, .type = Type::kLabel, .text = {}, .number = static_cast<std::int64_t>(label)};
  }
}

void Span::add(AttributeKey key, std::int64_t number) {
  if (Attribute* attribute = next_attribute()) {
    *attribute = {.key = key, .type = Type::kNumber, .text = {}, .number = number};
  }
}

std::size_t Span::encoded_bytes_max() const {
  // Ids, times, kind, status and their tags, with room to spare; then each attribute's key, value,
  // tags and lengths.
  std::size_t bytes = 128 + name().size();
  for_each_attribute([&bytes](AttributeKey key, auto value) {
    bytes += name_of(key).size() + 24;
    if constexpr (std::is_same_v<decltype(value), std::string_view>) bytes += value.size();
  });
  return bytes;
}

}  // namespace weft::telemetry
