// tracestate: the check of what we send on untouched. We add no member of our own, so nothing is
// ever printed here.
#include <array>
#include <string_view>

#include "sidecar/core/strings.h"
#include "telemetry/trace_context.h"

namespace weft::telemetry {
namespace {

constexpr std::size_t kMembersMax = 32;
constexpr std::size_t kKeyMax = 256;
constexpr std::size_t kValueMax = 256;

bool is_key_start(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_key_char(char c) {
  return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

bool is_key(std::string_view key) {
  if (key.empty() || key.size() > kKeyMax || !is_key_start(key.front())) return false;
  for (const char c : key) {
    if (!is_key_char(c)) return false;
  }
  return true;
}

bool is_value(std::string_view value) {
  if (value.empty() || value.size() > kValueMax) return false;
  for (const char c : value) {
    if (c < 0x20 || c > 0x7e || c == ',' || c == '=') return false;
  }
  return true;
}

}  // namespace

bool is_tracestate(std::string_view text) {
  std::array<std::string_view, kMembersMax> keys;
  std::size_t members = 0;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, text.find(','));
    text.remove_prefix(piece.size() == text.size() ? text.size() : piece.size() + 1);
    const std::string_view member = trim(piece);
    if (member.empty()) continue;  // W3C Trace Context 3.3.1.1: empty members are allowed
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members == kMembersMax) return false;
    const std::string_view key = member.substr(0, equals);
    if (!is_key(key) || !is_value(member.substr(equals + 1))) return false;
    for (std::size_t i = 0; i < members; ++i) {
      if (keys[i] == key) return false;
    }
    keys[members++] = key;
  }
  return true;
}

}  // namespace weft::telemetry
