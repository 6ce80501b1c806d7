#include "sidecar/http/normalize.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sidecar/core/strings.h"
#include "sidecar/http/http1_chars.h"

namespace weft::http {

namespace {

// Families of fields that carry identity or steer the mesh; any name below one of them is ours.
constexpr std::array<std::string_view, 5> kGuardedFamilies{"x-weft-", "x-forwarded-", "x-envoy-",
                                                           "x-mesh-", "l5d-"};

constexpr std::size_t kGuardedNameMax = 32;  // no known name is longer

// Conditions and credentials that are not in the table of known names.
constexpr std::array<std::string_view, 2> kNeverTrailers{"if-", "proxy-"};
// Known names that were made for trailers, or are harmless there.
constexpr auto kKnownTrailers = std::to_array<HeaderId>(
    {HeaderId::kGrpcStatus, HeaderId::kGrpcMessage, HeaderId::kGrpcRetryPushbackMs, HeaderId::kEtag,
     HeaderId::kDate, HeaderId::kLastModified, HeaderId::kExpires, HeaderId::kServer,
     HeaderId::kVia, HeaderId::kLink});

template <std::size_t kCount>
bool begins_with_any(std::string_view name, const std::array<std::string_view, kCount>& families) {
  return std::any_of(families.begin(), families.end(),
                     [name](std::string_view f) { return name.starts_with(f); });
}

// ---- authority ----

constexpr std::string_view kAuthorityBad = "bad host";

bool is_port(std::string_view port) {
  if (port.empty() || port.size() > 5 || (port[0] == '0' && port.size() > 1)) return false;
  const std::optional<std::uint64_t> number = parse_u64(port);
  return number && *number <= 65535;
}

bool is_ipv6_literal(std::string_view literal) {
  return literal.size() >= 2 && std::all_of(literal.begin(), literal.end(), [](char c) {
           return hex_value(c) >= 0 || c == ':' || c == '.';
         });
}

// ---- path ----

constexpr bool is_unreserved(char c) { return chars::is(c, chars::kHostName); }

struct Outcome {
  std::string_view problem;  // empty: fine
  std::size_t size = 0;
};

// Whether the escape `first` and the one that `rest` begins with spell a character in more bytes
// than it needs; a lax origin would read "%c0%ae" as a dot. RFC 3629 section 3 forbids these
// sequences, so nobody honest sends them.
bool is_overlong(int first, std::string_view rest) {
  if (first < 0xc0 || rest.size() < 3 || rest[0] != '%') return false;
  const int high = hex_value(rest[1]);
  const int low = hex_value(rest[2]);
  if (high < 8 || high > 11 || low < 0)
    return false;  // not a continuation: some other character set
  const int next = high * 16 + low;
  if (first <= 0xc1) return true;
  return (first == 0xe0 && next < 0xa0) || (first == 0xf0 && next < 0x90) ||
         (first == 0xf8 && next < 0x88) || (first == 0xfc && next < 0x84);
}

// Decodes what may be decoded, once, from `path` to `out`, which has room for as many bytes.
Outcome decode(std::string_view path, const NormalizeOptions& options, char* out) {
  using Slashes = NormalizeOptions::Slashes;
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  char* to = out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '\\') {
      if (options.escaped_slashes == Slashes::kReject) return {"backslash in the path"};
      *to++ = options.escaped_slashes == Slashes::kDecode ? '/' : c;
      continue;
    }
    if (c != '%') {
      *to++ = c;
      continue;
    }
    const int high = i + 2 < path.size() ? hex_value(path[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(path[i + 2]) : -1;
    if (low < 0) return {"bad escape in the path"};
    const int byte = high * 16 + low;
    i += 2;
    if (byte == 0) return {"escaped NUL in the path"};
    if (is_overlong(byte, path.substr(i + 1))) return {"overlong escape in the path"};
    if (byte == '/' || byte == '\\') {
      if (options.escaped_slashes == Slashes::kReject) return {"escaped slash in the path"};
      if (options.escaped_slashes == Slashes::kDecode) {
        *to++ = '/';
        continue;
      }
    }
    if (is_unreserved(static_cast<char>(byte)) && byte < 0x80) {
      *to++ = static_cast<char>(byte);
      continue;
    }
    *to++ = '%';
    *to++ = kDigits[static_cast<std::size_t>(high)];
    *to++ = kDigits[static_cast<std::size_t>(low)];
  }
  return {{}, static_cast<std::size_t>(to - out)};
}

// Merges slashes and removes dot segments (RFC 3986 section 5.2.4) and parameters, in place: the
// result is never longer.
Outcome resolve(char* path, std::size_t size, const NormalizeOptions& options) {
  using Parameters = NormalizeOptions::Parameters;
  std::size_t to = 0;
  std::size_t from = 0;
  while (from < size) {
    // path[from] is the '/' before a segment.
    std::size_t end = from + 1;
    while (end < size && path[end] != '/') ++end;
    std::string_view segment(path + from + 1, end - from - 1);
    const bool last = end == size;
    if (const std::size_t semicolon = segment.find(';'); semicolon != std::string_view::npos) {
      if (options.parameters == Parameters::kReject) return {"parameters in the path"};
      const std::string_view name = segment.substr(0, semicolon);
      if (options.parameters == Parameters::kStrip) {
        segment = name;
      } else if (name == "." || name == "..") {
        // An origin that cuts parameters off would climb here, behind our back.
        return {"parameters behind a dot segment"};
      }
    }
    from = end;
    if (segment == "..") {
      while (to > 0) {
        --to;
        if (path[to] == '/') break;
      }
      if (last) path[to++] = '/';
    } else if (segment == ".") {
      if (last) path[to++] = '/';
    } else if (segment.empty() && !last && options.merge_slashes) {
      continue;
    } else {
      path[to++] = '/';
      std::memmove(path + to, segment.data(), segment.size());
      to += segment.size();
    }
  }
  if (to == 0) path[to++] = '/';
  return {{}, to};
}

// ---- fields ----

bool has_underscore(const Field& field) {
  return field.id == HeaderId::kOther &&
         std::memchr(field.name.data(), '_', field.name.size()) != nullptr;
}

Status filter_underscores(Headers& headers, NormalizeOptions::Underscores what) {
  const auto found = std::find_if(headers.begin(), headers.end(), has_underscore);
  if (found == headers.end()) return {};
  switch (what) {
    case NormalizeOptions::Underscores::kReject:
      return fail(Fault::kProtocol, "underscore in a header name");
    case NormalizeOptions::Underscores::kDrop:
      headers.remove_if(has_underscore);
      break;
    case NormalizeOptions::Underscores::kGuard:
      headers.remove_if(
          [](const Field& field) { return has_underscore(field) && is_confusable(field.name); });
      break;
  }
  return {};
}

}  // namespace

Result<std::string_view> canonical_authority(std::string_view authority, Arena& arena) {
  const auto bad = [] { return fail(Fault::kProtocol, std::string(kAuthorityBad)); };
  std::string_view host;
  std::string_view port;  // with its colon
  bool changes = false;
  const char* const end = authority.data() + authority.size();
  const char* const plain = find_end_of_run<PlainHostChar>(authority.data(), end);
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos || !is_ipv6_literal(authority.substr(1, bracket - 1)))
      return bad();
    host = authority.substr(0, bracket + 1);
    port = authority.substr(bracket + 1);
    changes = std::any_of(host.begin(), host.end(), [](char c) { return c >= 'A' && c <= 'F'; });
  } else {
    auto i = static_cast<std::size_t>(plain - authority.data());
    for (; i < authority.size() && authority[i] != ':'; ++i) {
      const char c = authority[i];
      if (!chars::is(c, chars::kHostName)) return bad();
      changes |= c >= 'A' && c <= 'Z';
    }
    host = authority.substr(0, i);
    port = authority.substr(i);
    if (host.ends_with('.')) {
      host.remove_suffix(1);
      changes = true;
    }
    if (host.empty() || host.front() == '.' || host.back() == '.') return bad();
  }
  if (port == ":") {
    port = {};  // "cart:" is "cart" (RFC 3986 section 6.2.3)
    changes = true;
  }
  if (!port.empty() && (port[0] != ':' || !is_port(port.substr(1)))) return bad();
  if (!changes) return authority;
  const std::span<char> room = arena.text(host.size() + port.size());
  std::transform(host.begin(), host.end(), room.data(), [](char c) { return to_lower(c); });
  std::copy(port.begin(), port.end(), room.data() + host.size());
  return std::string_view(room.data(), room.size());
}

Result<std::string_view> canonical_target(std::string_view target, const NormalizeOptions& options,
                                          Arena& arena) {
  const char* const begin = target.data();
  const char* const end = begin + target.size();
  const char* at = find_end_of_run<PlainPathChar>(begin, end);
  bool canonical = at == end || *at == '?';
  // Past what needs a second look to the end of the path.
  while (at < end && *at != '?' && TargetChar::inside(*at)) ++at;
  const auto path_size = static_cast<std::size_t>(at - begin);
  if (find_end_of_run<TargetChar>(at, end) != end) {
    return fail(Fault::kProtocol, "forbidden byte in the target");
  }
  if (has_dot_or_slash_behind_slash(target.substr(0, path_size))) canonical = false;
  if (canonical) return target;
  const std::string_view path = target.substr(0, path_size);
  const std::string_view query = target.substr(path_size);
  if (!options.path) {
    // Somebody asked for paths as they are; only what would end a string in an origin is refused.
    if (path.find("%00") != std::string_view::npos)
      return fail(Fault::kProtocol, "escaped NUL in the path");
    return target;
  }
  const std::span<char> room = arena.text(target.size() + 1);
  Outcome outcome = decode(path, options, room.data());
  if (outcome.problem.empty()) outcome = resolve(room.data(), outcome.size, options);
  if (!outcome.problem.empty()) return fail(Fault::kProtocol, std::string(outcome.problem));
  std::copy(query.begin(), query.end(), room.data() + outcome.size);
  return std::string_view(room.data(), outcome.size + query.size());
}

Status canonicalize(RequestHead& head, const NormalizeOptions& options) {
  if (Status fields = filter_underscores(head.headers, options.underscores); !fields) return fields;
  // Only HTTP/1.0 may leave it out; the codec has seen to that.
  if (!head.authority.empty()) {
    Result<std::string_view> authority = canonical_authority(head.authority, head.headers.arena());
    if (!authority) return fail(std::move(authority.error()));
    head.authority = *authority;
  }
  if (head.method == Method::kConnect && head.protocol.empty()) {
    if (!head.target.empty()) return fail(Fault::kProtocol, "a path with CONNECT");
    return {};
  }
  if (head.target == "*" && head.method == Method::kOptions) return {};
  if (!head.target.starts_with('/'))
    return fail(Fault::kProtocol, "target does not begin with a slash");
  Result<std::string_view> target = canonical_target(head.target, options, head.headers.arena());
  if (!target) return fail(std::move(target.error()));
  head.target = *target;
  return {};
}

bool is_confusable(std::string_view name) {
  std::array<char, kGuardedNameMax> dashed{};
  const std::string_view front = name.substr(0, dashed.size());
  std::transform(front.begin(), front.end(), dashed.begin(),
                 [](char c) { return c == '_' ? '-' : to_lower(c); });
  const std::string_view read(dashed.data(), front.size());
  if (front.size() == name.size() && header_id_of(read) != HeaderId::kOther) return true;
  return begins_with_any(read, kGuardedFamilies);
}

bool allowed_in_trailers(const Field& field) {
  if (field.id != HeaderId::kOther) {
    return std::find(kKnownTrailers.begin(), kKnownTrailers.end(), field.id) !=
           kKnownTrailers.end();
  }
  if (is_confusable(field.name)) return false;
  std::array<char, 6> front{};
  const std::size_t size = std::min(field.name.size(), front.size());
  std::transform(field.name.begin(), field.name.begin() + size, front.begin(),
                 [](char c) { return to_lower(c); });
  return !begins_with_any({front.data(), size}, kNeverTrailers);
}

void drop_forbidden_trailers(Headers& trailers) {
  trailers.remove_if([](const Field& field) { return !allowed_in_trailers(field); });
}

}  // namespace weft::http
