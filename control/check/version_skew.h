#pragma once
// VersionSkew: how far versions may be apart: a sidecar may be up to two minor versions older than
// its control plane, and never newer. So the control plane is upgraded first, and every pod has to
// be restarted once in two upgrades. Pure.

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::control::check {

struct MinorVersion {
  std::uint64_t major = 0;
  std::uint64_t minor = 0;
  auto operator<=>(const MinorVersion&) const = default;
  [[nodiscard]] std::string to_string() const;
};

// "v1.34.1+k3s1", "0.1.0": nothing where it does not begin with two numbers.
[[nodiscard]] std::optional<MinorVersion> parse_minor(std::string_view text);
// The tag of an image: "0.1.0" of "images.example:5000/weft-control:0.1.0@sha256:…"; empty: none.
[[nodiscard]] std::string tag_of(std::string_view image);

// From this one on there are native sidecars.
inline constexpr MinorVersion kKubernetesMin{1, 29};
inline constexpr std::uint64_t kMinorSkewMax = 2;

enum class Skew : std::uint8_t { kNone, kAllowed, kTooOld, kNewer, kUnknown };
[[nodiscard]] Skew judge_skew(std::string_view sidecar, std::string_view control);

}  // namespace weft::control::check
