#include "sidecar/http/hpack_field.h"

#include <array>

#include "sidecar/http/http1_chars.h"

namespace weft::http {

namespace {

constexpr auto kPseudoNames = std::to_array<std::string_view>(
    {"", ":method", ":scheme", ":authority", ":path", ":protocol", ":status", ""});
static_assert(kPseudoNames.size() == kPseudos);

constexpr std::array<bool, 256> make_lower_token_chars() {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c)
    table[c] = is_token_char(static_cast<char>(c)) && !(c >= 'A' && c <= 'Z');
  return table;
}
constexpr auto kLowerTokenChar = make_lower_token_chars();

}  // namespace

Pseudo pseudo_of(std::string_view name) {
  if (name.empty() || name.front() != ':') return Pseudo::kNone;
  for (std::size_t i = 1; i + 1 < kPseudos; ++i) {
    if (name == kPseudoNames[i]) return static_cast<Pseudo>(i);
  }
  return Pseudo::kUnknown;
}

std::string_view name_of(Pseudo pseudo) { return kPseudoNames[static_cast<std::size_t>(pseudo)]; }

bool is_valid_field_name(std::string_view name) {
  if (name.starts_with(':')) name.remove_prefix(1);
  bool valid = !name.empty();
  for (const char c : name) valid &= kLowerTokenChar[static_cast<unsigned char>(c)];
  return valid;
}

bool is_valid_field_value(std::string_view value) {
  if (value.empty()) return true;
  if (is_blank(value.front()) || is_blank(value.back())) return false;
  const char* const end = value.data() + value.size();
#ifdef __SSE2__
  if (value.size() >= 8 && value.size() < 16) {
    const auto eight = [](const char* at) {
      return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(at));
    };
    return FieldValueChar::outside(_mm_unpacklo_epi64(eight(value.data()), eight(end - 8))) == 0;
  }
#endif
  return find_end_of_run<FieldValueChar>(value.data(), end) == end;
}

}  // namespace weft::http
