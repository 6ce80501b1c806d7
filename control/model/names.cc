#include "control/model/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/config/matchers.h"
#include "sidecar/core/address.h"
#include "sidecar/core/spiffe_id.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::size_t kLabelMax = 63;
constexpr std::size_t kNameMax = 253;
constexpr std::size_t kPathMax = 1024;

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return lower(to_lower(c)); }
bool hex(char c) { return digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'f'); }

bool is_label(std::string_view text) {
  const auto inside = [](char c) { return lower(c) || digit(c) || c == '-'; };
  return !text.empty() && text.size() <= kLabelMax && text.front() != '-' && text.back() != '-' &&
         std::ranges::all_of(text, inside);
}

bool is_name(std::string_view text) {
  // split() takes blanks away, which a name may not have at all.
  return text.size() <= kNameMax && text.find_first_of(" \t") == std::string_view::npos &&
         std::ranges::all_of(split(text, '.'), is_label);
}

// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
  const auto inside = [](char c) {
    return letter(c) || digit(c) ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !text.empty() && std::ranges::all_of(text, inside);
}

}  // namespace

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::kMeshConfig:
      return "MeshConfig";
    case Kind::kService:
      return "Service";
    case Kind::kWorkload:
      return "Workload";
    case Kind::kHttpRoute:
      return "HTTPRoute";
    case Kind::kTrafficPolicy:
      return "TrafficPolicy";
    case Kind::kGrpcRoute:
      return "GRPCRoute";
    case Kind::kTlsRoute:
      return "TLSRoute";
    case Kind::kTcpRoute:
      return "TCPRoute";
    case Kind::kReferenceGrant:
      return "ReferenceGrant";
    case Kind::kVirtualService:
      return "VirtualService";
    case Kind::kDestinationRule:
      return "DestinationRule";
    case Kind::kBackendTrafficPolicy:
      return "XBackendTrafficPolicy";
    case Kind::kBackendTlsPolicy:
      return "BackendTLSPolicy";
    case Kind::kConfigMap:
      return "ConfigMap";
  }
  return {};
}

std::string ObjectName::to_string() const {
  return name_space.empty() ? name : name_space + "/" + name;
}

std::string ObjectKey::to_string() const {
  return fmt::format("{} {}", name_of(kind), name.to_string());
}

std::string check_label_name(std::string_view text) {
  if (is_label(text)) return {};
  return "must be at most 63 of a-z, 0-9 and '-', and begin and end with a letter or digit";
}

std::string check_object_name(std::string_view text) {
  if (is_name(text)) return {};
  return "must be labels of a-z, 0-9 and '-' joined by dots";
}

std::string check_port_name(std::string_view text) {
  // RFC 6335 5.1, and 63 bytes as Services allow.
  if (is_label(text) && std::ranges::any_of(text, lower) &&
      text.find("--") == std::string_view::npos) {
    return {};
  }
  return "must be a port's name: a-z, 0-9 and single '-', with a letter";
}

std::string check_section_name(std::string_view text) { return check_object_name(text); }

std::string check_hostname(std::string_view text) {
  if (IpAddress::parse(text)) return "must be a host name, not an address";
  if (is_name(text)) return {};
  return "must be a host name in lower case";
}

std::string check_external_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (std::string wrong = check_hostname(text); !wrong.empty()) return wrong;
  // Every sidecar would call its own pod, behind the listeners that ask who calls (CVE-2021-32783).
  if (text == "localhost" || text.ends_with(".localhost")) {
    return "must not be the caller's own machine";
  }
  // A way round what guards the Service there, or a circle (CVE-2021-25740).
  if (text == "svc.cluster.local" || text.ends_with(".svc.cluster.local")) {
    return "must not be a Service of the cluster: callers and routes name that one itself";
  }
  return {};
}

std::string check_hostname_or_wildcard(std::string_view text) {
  if (text.starts_with("*.")) text.remove_prefix(2);
  return check_hostname(text);
}

std::string check_label_value(std::string_view text) {
  const auto alphanumeric = [](char c) { return letter(c) || digit(c); };
  const auto inside = [&](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; };
  if (text.empty() || (text.size() <= kLabelMax && alphanumeric(text.front()) &&
                       alphanumeric(text.back()) && std::ranges::all_of(text, inside))) {
    return {};
  }
  return "must be at most 63 letters, digits, '-', '_' and '.', and begin and end with a letter or "
         "digit";
}

std::string check_label_key(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
  const bool prefix_good = slash == std::string_view::npos || is_name(text.substr(0, slash));
  if (prefix_good && !name.empty() && check_label_value(name).empty()) return {};
  return "must be a label's key, as app or example.com/app";
}

std::string check_trust_domain(std::string_view text) {
  if (SpiffeId::make(text, "a", "a")) return {};
  return "must be a trust domain: a-z, 0-9, '.', '-' and '_'";
}

std::string check_header_name(std::string_view text) {
  if (!is_token(text) || text.size() > 256) return "must be a header's name";
  // Rewriting a host has its own filter, and HTTP/2's pseudo-headers are no headers.
  if (equals_ignore_case(text, "host")) return "is no header here: match or rewrite hostnames";
  return {};
}

std::string check_header_value(std::string_view text) {
  // RFC 9110 5.5; space at the ends would be lost on the way.
  const auto inside = [](char c) { return c == '\t' || static_cast<unsigned char>(c) >= 0x20; };
  if (!text.empty() && std::ranges::all_of(text, inside) &&
      text.find('\x7f') == std::string_view::npos && trim(text) == text) {
    return {};
  }
  return "must be a header's value: no control characters, no space at its ends";
}

std::string check_query_name(std::string_view text) {
  return is_token(text) && text.size() <= 256 ? std::string() : "must be a parameter's name";
}

std::string check_rewrite_path(std::string_view text) {
  if (text.size() > kPathMax) return fmt::format("is longer than {} bytes", kPathMax);
  static constexpr std::string_view kOthers = "-/._~!$&'()*+,;=:@";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (letter(c) || digit(c) || kOthers.find(c) != std::string_view::npos) continue;
    if (c == '%' && i + 2 < text.size() && hex(text[i + 1]) && hex(text[i + 2])) continue;
    return "has a character that no path may have";
  }
  if (!text.empty() && !text.starts_with('/')) return "must begin with '/'";
  for (const std::string_view part : {"//", "/./", "/../"}) {
    if (text.find(part) != std::string_view::npos) return fmt::format("must not hold '{}'", part);
  }
  if (to_lower(text).find("%2f") != std::string::npos) return "must not hold '%2f'";
  if (text.ends_with("/.") || text.ends_with("/..")) return "must not end with a dot segment";
  return {};
}

std::string check_path(std::string_view text) {
  return text.empty() ? "must begin with '/'" : check_rewrite_path(text);
}

std::string check_regex(std::string_view text) {
  if (text.empty()) return "must not be empty";
  config::TextMatch match{.how = config::TextMatch::How::kRegex, .value = std::string(text)};
  const Status compiled = match.compile();
  return compiled ? std::string() : "is no regular expression: " + compiled.error().detail;
}

}  // namespace weft::control
