#pragma once
// HpackField: a field as HPACK's decoder hands it out, and what can be told of its bytes alone.
//
// Pure; no state. Source: RFC 9113 sections 8.2.1 and 8.3, RFC 8441 section 4 (:protocol).

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "sidecar/http/header_id.h"

namespace weft::http {

enum class Pseudo : std::uint8_t {
  kNone,
  kMethod,
  kScheme,
  kAuthority,
  kPath,
  kProtocol,
  kStatus,
  kUnknown  // begins with a colon and is none of these
};
inline constexpr std::size_t kPseudos = 8;

struct HpackField {
  std::string_view name;   // as it came
  std::string_view value;  // both stay valid until the next call of the decoder
  HeaderId id = HeaderId::kOther;
  Pseudo pseudo = Pseudo::kNone;
  bool never_index = false;  // RFC 7541 section 7.1.3
  // The name is a token without upper case (behind a pseudo-field's colon as well), the value has
  // no control characters but HTAB and neither begins nor ends with a blank.
  bool valid = true;
};

// kNone for every name without a colon in front.
[[nodiscard]] Pseudo pseudo_of(std::string_view name);
// Empty for kNone and kUnknown.
[[nodiscard]] std::string_view name_of(Pseudo pseudo);

[[nodiscard]] bool is_valid_field_name(std::string_view name);
[[nodiscard]] bool is_valid_field_value(std::string_view value);

}  // namespace weft::http
