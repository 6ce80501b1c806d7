#include "sidecar/core/spiffe_id.h"

#include <algorithm>

namespace weft {

namespace {

constexpr std::string_view kScheme = "spiffe://";

bool is_lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_domain_character(char c) {
  return is_lower_or_digit(c) || c == '.' || c == '-' || c == '_';
}
bool is_path_character(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
}

// The part of "/ns/a/sa/b" that `which` names: 1 for the namespace, 3 for the service account;
// empty for other shapes.
std::string_view mesh_segment(std::string_view path, int which) {
  std::string_view parts[4];
  for (int i = 0; i < 4; ++i) {
    if (path.empty()) return {};
    path.remove_prefix(1);
    const std::size_t slash = path.find('/');
    parts[i] = path.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  }
  if (!path.empty() || parts[0] != "ns" || parts[2] != "sa") return {};
  return parts[which];
}

}  // namespace

Result<SpiffeId> SpiffeId::parse(std::string_view uri) {
  const auto bad = [&](std::string_view why) {
    return fail(Fault::kInvalid,
                "bad SPIFFE ID '" + std::string(uri.substr(0, 128)) + "': " + std::string(why));
  };
  if (uri.size() > kBytesMax) return bad("longer than 2048 bytes");
  if (!uri.starts_with(kScheme)) return bad("does not begin with spiffe://");
  std::string_view rest = uri.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  const std::string_view domain = rest.substr(0, slash);
  if (domain.empty() || domain.size() > 255) return bad("trust domain is empty or over 255 bytes");
  if (!std::all_of(domain.begin(), domain.end(), is_domain_character)) {
    return bad("trust domain has a character other than a-z, 0-9, '.', '-', '_'");
  }
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t next = path.find('/');
    const std::string_view segment = path.substr(0, next);
    if (segment.empty()) return bad("empty path segment");
    if (segment == "." || segment == "..") return bad("relative path segment");
    if (!std::all_of(segment.begin(), segment.end(), is_path_character)) {
      return bad("path has a character other than letters, digits, '.', '-', '_'");
    }
    path = next == std::string_view::npos ? std::string_view{} : path.substr(next);
  }
  SpiffeId id;
  id.uri_ = uri;
  return id;
}

Result<SpiffeId> SpiffeId::make(std::string_view trust_domain, std::string_view name_space,
                                std::string_view service_account) {
  std::string uri(kScheme);
  uri.append(trust_domain).append("/ns/").append(name_space).append("/sa/").append(service_account);
  if (name_space.find('/') != std::string_view::npos ||
      service_account.find('/') != std::string_view::npos) {
    return fail(Fault::kInvalid, "a namespace or service account holds '/': " + uri);
  }
  return parse(uri);
}

std::string_view SpiffeId::trust_domain() const {
  if (uri_.empty()) return {};
  const std::string_view rest = std::string_view(uri_).substr(kScheme.size());
  return rest.substr(0, rest.find('/'));
}

std::string_view SpiffeId::path() const {
  if (uri_.empty()) return {};
  const std::size_t slash = uri_.find('/', kScheme.size());
  return slash == std::string::npos ? std::string_view{} : std::string_view(uri_).substr(slash);
}

std::string_view SpiffeId::name_space() const { return mesh_segment(path(), 1); }
std::string_view SpiffeId::service_account() const { return mesh_segment(path(), 3); }

}  // namespace weft
