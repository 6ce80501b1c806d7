#include "xds/ads.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "xds/printable.h"
#include "xds/resource.h"

namespace weft::xds {

namespace {

constexpr std::size_t kNameBytesMax = 256;
// Room that "; and 4294967295 more" takes at the end of a text that was cut.
constexpr std::size_t kMoreBytes = 32;

}  // namespace

bool is_complete_type(std::string_view type) {
  return type == message_name(kListenerType) || type == message_name(kClusterType) ||
         type == message_name(kNameTableType) ||
         type == "envoy.config.route.v3.ScopedRouteConfiguration";
}

int rank_of(std::string_view type) {
  constexpr std::array<std::string_view, 5> kFirst{kClusterType, kEndpointType, kListenerType,
                                                   kRouteType, kSecretType};
  const auto* at = std::find_if(kFirst.begin(), kFirst.end(),
                                [type](std::string_view url) { return message_name(url) == type; });
  if (at != kFirst.end()) return static_cast<int>(at - kFirst.begin());
  return static_cast<int>(kFirst.size()) + (type == message_name(kGenerationType) ? 1 : 0);
}

std::string_view short_name(std::string_view type) { return type.substr(type.rfind('.') + 1); }

std::string describe(std::string_view type, const std::vector<Refusal>& refusals,
                     std::size_t bytes_max) {
  std::string out;
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    const Refusal& refusal = refusals[i];
    std::string text = i == 0 ? "" : "; ";
    if (!refusal.name.empty()) {
      text += fmt::format("{} '{}': ", short_name(type), printable(refusal.name, kNameBytesMax));
    }
    // One resource may take half of the text, so that the others are heard of as well.
    text += printable(refusal.why, bytes_max / 2);
    if (out.size() + text.size() + kMoreBytes > bytes_max && i > 0) {
      return out + fmt::format("; and {} more", refusals.size() - i);
    }
    out += text;
  }
  return out;
}

}  // namespace weft::xds
