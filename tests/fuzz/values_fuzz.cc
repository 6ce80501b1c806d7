// Values that arrive as text: addresses, ranges, SPIFFE ids, durations, numbers.
//
// What a parser accepts it must also print, and accept again as the same value; and what escape()
// lets through is printable ASCII whatever came in.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sidecar/core/address.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/strings.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

template <typename Value>
void survives_printing(std::string_view text) {
  const auto value = Value::parse(text);
  if (!value) return;
  const auto again = Value::parse(value->to_string());
  require(again.has_value() && *again == *value);
}

void identity_is_kept(std::string_view text) {
  const auto id = weft::SpiffeId::parse(text);
  if (!id) return;
  require(!id->trust_domain().empty());
  require(id->uri().size() <= weft::SpiffeId::kBytesMax);
  require(id->name_space().empty() == id->service_account().empty());
  require(*weft::SpiffeId::parse(id->uri()) == *id);
}

void duration_survives_printing(std::string_view text) {
  const auto duration = weft::parse_duration(text);
  if (!duration) return;
  const auto again = weft::parse_duration(weft::format_duration(*duration));
  require(again.has_value() && *again == *duration);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  survives_printing<weft::IpAddress>(text);
  survives_printing<weft::Cidr>(text);
  survives_printing<weft::SocketAddress>(text);
  identity_is_kept(text);
  duration_survives_printing(text);
  for (const char c : weft::escape(text, size)) require(c >= ' ' && c <= '~');
  (void)weft::parse_u64(text);
  return 0;
}
