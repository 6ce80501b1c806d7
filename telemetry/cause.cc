#include "telemetry/cause.h"

#include <algorithm>
#include <array>

#include "sidecar/core/assert.h"

namespace weft::telemetry {
namespace {

// In the order of the enumerations.
constexpr std::array<std::string_view, kCauses> kCauseNames = {
    "",
    "malformed_request",
    "unauthenticated",
    "denied",
    "egress_denied",
    "upgrade_denied",
    "no_route",
    "client_timeout",
    "body_too_large",
    "target_too_long",
    "head_too_large",
    "misdirected",
    "rate_limited",
    "no_valid_backend",
    "no_cluster",
    "method_unsupported",
    "version_unsupported",
    "upstream_protocol",
    "connect_failure",
    "tls_failure",
    "identity_mismatch",
    "upstream_reset",
    "no_healthy_endpoint",
    "name_not_resolved",
    "bulkhead_full",
    "queue_timeout",
    "circuit_open",
    "overload",
    "upstream_timeout",
    "deadline_exceeded",
    "stream_idle",
    "stream_too_long",
    "retries_exhausted",
    "fault",
    "fallback",
    "redirect",
    "direct_response",
    "client_gone",
    "draining",
    "internal",
};
static_assert(kCauseNames.back() == "internal");

constexpr std::array<std::string_view, kFlags> kFlagNames = {
    "UH", "UT",  "LR", "UR",  "UF",    "UC", "UO",  "NR", "DI", "FI", "RL",
    "DC", "URX", "SI", "DPE", "UMSDR", "DT", "UPE", "NC", "OM", "DF", "DR",
};
static_assert(kFlagNames.back() == "DR");
static_assert([] {
  std::size_t bytes = 0;
  for (const std::string_view name : kFlagNames) bytes += name.size() + 1;
  return bytes;
}() <= kFlagsBytesMax);

}  // namespace

std::string_view name_of(Cause cause) { return kCauseNames[static_cast<std::size_t>(cause)]; }

std::optional<Cause> parse_cause(std::string_view name) {
  for (std::size_t i = 1; i < kCauses; ++i) {
    if (kCauseNames[i] == name) return static_cast<Cause>(i);
  }
  return std::nullopt;
}

std::string_view name_of(Flag flag) { return kFlagNames[static_cast<std::size_t>(flag)]; }

std::string_view ResponseFlags::write_to(std::span<char> buffer) const {
  WEFT_ASSERT(buffer.size() >= kFlagsBytesMax);
  char* out = buffer.data();
  if (bits_ == 0) *out++ = '-';
  for (std::size_t i = 0; i < kFlags; ++i) {
    if (!has(static_cast<Flag>(i))) continue;
    if (out != buffer.data()) *out++ = ',';
    out = std::ranges::copy(kFlagNames[i], out).out;
  }
  return {buffer.data(), static_cast<std::size_t>(out - buffer.data())};
}

void ResponseFlags::append_to(std::string& out) const {
  std::array<char, kFlagsBytesMax> buffer;
  out += write_to(buffer);
}

std::string ResponseFlags::to_string() const {
  std::string text;
  append_to(text);
  return text;
}

}  // namespace weft::telemetry
