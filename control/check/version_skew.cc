#include "control/check/version_skew.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control::check {

namespace {

// The number that `text` begins with, taken away from it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = parse_u64(text.substr(0, end));
  text.remove_prefix(end);
  return number;
}

}  // namespace

std::string MinorVersion::to_string() const { return fmt::format("{}.{}", major, minor); }

std::optional<MinorVersion> parse_minor(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  const std::optional<std::uint64_t> major = take_number(text);
  if (!major || !text.starts_with('.')) return std::nullopt;
  text.remove_prefix(1);
  const std::optional<std::uint64_t> minor = take_number(text);
  if (!minor) return std::nullopt;
  return MinorVersion{*major, *minor};
}

std::string tag_of(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const std::size_t slash = image.rfind('/');
  if (slash != std::string_view::npos) image.remove_prefix(slash + 1);
  const std::size_t colon = image.find(':');
  return colon == std::string_view::npos ? std::string() : std::string(image.substr(colon + 1));
}

Skew judge_skew(std::string_view sidecar, std::string_view control) {
  const std::optional<MinorVersion> its = parse_minor(sidecar);
  const std::optional<MinorVersion> ours = parse_minor(control);
  if (!its || !ours) return Skew::kUnknown;
  if (*its == *ours) return Skew::kNone;
  if (*its > *ours) return Skew::kNewer;
  const bool close = its->major == ours->major && ours->minor - its->minor <= kMinorSkewMax;
  return close ? Skew::kAllowed : Skew::kTooOld;
}

}  // namespace weft::control::check
