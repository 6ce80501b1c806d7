#pragma once
// Normalisation: one canonical form of a request's path, authority and field names, decided once at
// the codec and used by routing, authorization and forwarding alike.
//
// Both codecs call canonicalize() on every head before they deliver it; after it the target, the
// authority and the fields are safe to compare byte by byte. Pure; allocates in the head's arena,
// and only when something changes. Errors are kProtocol and name what was refused. Source: RFC 3986
// section 6.2.2, RFC 9110 section 7.2; threats.md 3.6 (RB-01, RB-02) and H1-23.

#include <cstdint>
#include <string_view>

#include "sidecar/core/result.h"
#include "sidecar/http/message.h"

namespace weft::http {

struct NormalizeOptions {
  // %2F, %5C and the backslash, which some origins read as a slash.
  enum class Slashes : std::uint8_t { kReject, kKeep, kDecode };
  // ";x=y" behind a path segment, which some origins cut off before they look the path up.
  enum class Parameters : std::uint8_t { kReject, kKeep, kStrip };
  // Field names with '_', which some origins cannot tell from '-'. kGuard passes them unless they
  // would then mean a field that the mesh itself writes or decides on; those are dropped.
  enum class Underscores : std::uint8_t { kGuard, kDrop, kReject };

  // Dot segments removed, escaped unreserved characters decoded once, escapes in upper case.
  // Without it a path is only checked for bytes that no path may hold.
  bool path = true;
  bool merge_slashes = true;
  Slashes escaped_slashes = Slashes::kReject;
  Parameters parameters = Parameters::kReject;
  Underscores underscores = Underscores::kGuard;
};

// REQUIRES: `target` and `authority` as they came (absolute-form already taken apart); fields free
// of hop-by-hop ones.
[[nodiscard]] Status canonicalize(RequestHead& head, const NormalizeOptions& options);

// "Svc.NS.:80" -> "svc.ns:80"; refuses userinfo, lists, empty hosts and ports out of range. Keeps
// `authority` when it is canonical already.
[[nodiscard]] Result<std::string_view> canonical_authority(std::string_view authority,
                                                           Arena& arena);

// "/a//b/../%63?q" -> "/a/c?q". REQUIRES a target that begins with '/'.
[[nodiscard]] Result<std::string_view> canonical_target(std::string_view target,
                                                        const NormalizeOptions& options,
                                                        Arena& arena);

// Whether `name`, with '_' read as '-', is a field that the mesh writes, strips or decides on.
[[nodiscard]] bool is_confusable(std::string_view name);

// Trailers that would change framing, routing, authentication or identity if somebody merged them
// into the head (RFC 9110 section 6.5.1). Both codecs drop what is not allowed, in both directions.
[[nodiscard]] bool allowed_in_trailers(const Field& field);
void drop_forbidden_trailers(Headers& trailers);

}  // namespace weft::http
