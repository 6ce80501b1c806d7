// The `filters` of a rule or of one backend: header changes, redirects, rewrites, mirrors, CORS.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <set>

#include "control/model/http_route.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

enum class FilterType : std::uint8_t {
  kRequestHeaders,
  kResponseHeaders,
  kRedirect,
  kRewrite,
  kMirror,
  kCors,
  kExtension,
  kExternalAuth,
};

struct FilterName {
  std::string_view type;
  std::string_view field;
};

constexpr std::array<FilterName, 8> kFilters = {{
    {"RequestHeaderModifier", "requestHeaderModifier"},
    {"ResponseHeaderModifier", "responseHeaderModifier"},
    {"RequestRedirect", "requestRedirect"},
    {"URLRewrite", "urlRewrite"},
    {"RequestMirror", "requestMirror"},
    {"CORS", "cors"},
    {"ExtensionRef", "extensionRef"},
    {"ExternalAuth", "externalAuth"},
}};

using Names = std::set<std::string>;

void read_pairs(Reader& changes, std::string_view key,
                std::vector<std::pair<std::string, std::string>>& out) {
  Names names;
  changes.each(key, HttpRoute::kItemsMax, [&](Reader& header) {
    std::string name;
    std::string value;
    if (header.require("name")) header.text("name", name, check_header_name);
    if (header.require("value")) header.text("value", value, check_header_value);
    if (!name.empty() && !names.insert(to_lower(name)).second) {
      header.refuse("name", fmt::format("'{}' is there already", name));
    }
    out.emplace_back(std::move(name), std::move(value));
  });
}

void read_changes(Reader& filter, std::string_view key, HeaderChanges& out) {
  filter.object(key, [&](Reader& changes) {
    read_pairs(changes, "set", out.set);
    read_pairs(changes, "add", out.add);
    changes.texts("remove", out.remove, HttpRoute::kItemsMax, check_header_name);
    Names removed;
    for (const std::string& name : out.remove) {
      if (!removed.insert(to_lower(name)).second) {
        changes.refuse("remove", fmt::format("'{}' is there twice", escape(name, 64)));
      }
    }
  });
}

std::optional<PathChange> read_path_change(Reader& filter, const RouteRule& rule) {
  std::optional<PathChange> out;
  filter.object("path", [&](Reader& path) {
    PathChange read;
    if (path.require("type")) {
      using enum PathChange::How;
      path.choice("type", read.how,
                  {{"ReplaceFullPath", kWhole}, {"ReplacePrefixMatch", kElements}});
    }
    const bool prefix = read.how == PathChange::How::kElements;
    const char* wanted = prefix ? "replacePrefixMatch" : "replaceFullPath";
    const char* other = prefix ? "replaceFullPath" : "replacePrefixMatch";
    if (path.require(wanted)) path.text(wanted, read.value, check_rewrite_path);
    if (path.has(other)) path.refuse(other, fmt::format("is not for this type, {} is", wanted));
    const bool one_prefix =
        rule.matches.size() == 1 && rule.matches[0].path.how == PathMatch::How::kPrefix;
    if (prefix && !one_prefix) {
      path.refuse("type", "ReplacePrefixMatch needs a rule with exactly one match, by PathPrefix");
    }
    out = std::move(read);
  });
  return out;
}

void read_redirect(Reader& filter, RouteRule& rule) {
  filter.object("requestRedirect", [&](Reader& redirect) {
    Redirect out;
    redirect.choice("scheme", out.scheme,
                    {{"http", std::string("http")}, {"https", std::string("https")}});
    redirect.text("hostname", out.hostname, check_hostname);
    out.path = read_path_change(redirect, rule);
    std::uint16_t port = 0;
    if (redirect.integer("port", port, 1, 65535)) out.port = port;
    static constexpr std::array<std::uint16_t, 5> kStatuses = {301, 302, 303, 307, 308};
    if (redirect.integer("statusCode", out.status, 100, 599) &&
        std::ranges::find(kStatuses, out.status) == kStatuses.end()) {
      redirect.refuse("statusCode",
                      fmt::format("want one of 301, 302, 303, 307, 308, found {}", out.status));
    }
    rule.redirect = std::move(out);
  });
}

void read_rewrite(Reader& filter, RouteRule& rule) {
  filter.object("urlRewrite", [&](Reader& rewrite) {
    Rewrite out;
    rewrite.text("hostname", out.hostname, check_hostname);
    out.path = read_path_change(rewrite, rule);
    rule.rewrite = std::move(out);
  });
}

// ---- mirrors ----

// `percent`, or `fraction` of a denominator that is 100 unless written; absent: all.
void read_share(Reader& mirror, Mirror& out) {
  std::uint32_t percent = 0;
  if (mirror.integer("percent", percent, 0, 100)) out.per_million = percent * 10'000;
  mirror.object("fraction", [&](Reader& fraction) {
    constexpr std::int64_t kMax = std::numeric_limits<std::int32_t>::max();
    std::uint64_t numerator = 0;
    std::uint64_t denominator = 100;
    if (fraction.require("numerator")) fraction.integer("numerator", numerator, 0, kMax);
    fraction.integer("denominator", denominator, 1, kMax);
    if (numerator > denominator) {
      fraction.refuse("numerator", "must not be more than denominator");
      return;
    }
    out.per_million = static_cast<std::uint32_t>(numerator * Mirror::kAll / denominator);
  });
  if (mirror.has("percent") && mirror.has("fraction")) {
    mirror.refuse("fraction", "must not be there: percent is");
  }
}

void read_mirror(Reader& filter, const ObjectName& route, RouteRule& rule) {
  filter.object("requestMirror", [&](Reader& mirror) {
    Mirror out;
    if (mirror.require("backendRef")) {
      mirror.object("backendRef", [&](Reader& ref) { out.backend = read_backend_ref(ref, route); });
    }
    read_share(mirror, out);
    rule.mirrors.push_back(std::move(out));
  });
}

// ---- CORS ----

// "*", "https://a.example", "https://a.example:8443", "https://*.example".
std::string check_origin(std::string_view text) {
  if (text == "*") return {};
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    std::string_view host = text.substr(scheme.size());
    const std::size_t colon = host.rfind(':');
    if (colon != std::string_view::npos) {
      const std::optional<std::uint64_t> port = parse_u64(host.substr(colon + 1));
      if (!port || *port == 0 || *port > 65535) return "has no port behind its ':'";
      host = host.substr(0, colon);
    }
    if (host == "*") return {};
    return check_hostname_or_wildcard(host);
  }
  return "must be '*' or an origin, as https://shop.example or https://*.example:8443";
}

std::string check_cors_method(std::string_view text) {
  return text == "*" || check_header_name(text).empty() ? std::string()
                                                        : "must be a method's name or '*'";
}

std::string check_cors_header(std::string_view text) {
  return text == "*" ? std::string() : check_header_name(text);
}

// An origin with a '*' in its host as an expression for whole origins; a wildcard stands for one or
// more labels.
Cors::Origin origin_of(const std::string& text) {
  using enum Cors::Origin::How;
  const std::size_t star = text.find('*');
  if (star == std::string::npos) return {.how = kExact, .value = to_lower(text)};
  if (text == "*") return {.how = kRegex, .value = ".*"};
  std::string out;
  for (const char c : to_lower(text)) {
    if (c == '*') {
      out += "[^/:]+";
    } else {
      if (c == '.') out += '\\';
      out += c;
    }
  }
  return {.how = kRegex, .value = std::move(out)};
}

void read_cors(Reader& filter, RouteRule& rule) {
  filter.object("cors", [&](Reader& cors) {
    constexpr std::size_t kMethodsMax = 9;
    constexpr std::size_t kNamesMax = 64;
    constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int32_t>::max();
    Cors out;
    std::vector<std::string> origins;
    bool credentials = false;
    std::int64_t seconds = 5;
    cors.texts("allowOrigins", origins, kNamesMax, check_origin);
    cors.texts("allowMethods", out.methods, kMethodsMax, check_cors_method);
    cors.texts("allowHeaders", out.headers, kNamesMax, check_cors_header);
    cors.texts("exposeHeaders", out.exposed, kNamesMax, check_cors_header);
    if (cors.boolean("allowCredentials", credentials)) out.credentials = credentials;
    cors.integer("maxAge", seconds, 1, kSecondsMax);
    out.max_age = std::chrono::seconds(seconds);
    for (const std::string& origin : origins) out.origins.push_back(origin_of(origin));
    for (const auto& [key, list] : {std::pair{"allowMethods", &out.methods},
                                    {"allowHeaders", &out.headers},
                                    {"exposeHeaders", &out.exposed}}) {
      const bool star = std::ranges::find(*list, "*") != list->end();
      if (star && list->size() > 1) cors.refuse(key, "'*' must stand alone");
    }
    rule.cors = std::move(out);
  });
}

// Reads `type`, checks that its field and no other is there.
std::optional<FilterType> read_type(Reader& filter) {
  std::string type;
  if (!filter.require("type") || !filter.text("type", type)) return std::nullopt;
  const auto known = std::ranges::find(kFilters, type, &FilterName::type);
  if (known == kFilters.end()) {
    filter.refuse("type", fmt::format("'{}' is no filter", escape(type, 64)));
    return std::nullopt;
  }
  for (const FilterName& other : kFilters) {
    if (other.type != type && filter.has(other.field)) {
      filter.refuse(other.field, fmt::format("is not for type {}", type));
    }
  }
  return static_cast<FilterType>(known - kFilters.begin());
}

const FilterName& name_of(FilterType type) { return kFilters[static_cast<std::size_t>(type)]; }

template <typename Read>
void each_filter(Reader& owner, Read read) {
  std::set<FilterType> seen;
  owner.each("filters", HttpRoute::kItemsMax, [&](Reader& filter) {
    const std::optional<FilterType> type = read_type(filter);
    if (!type) return;
    if (!seen.insert(*type).second && *type != FilterType::kMirror) {
      filter.refuse("type", fmt::format("{} is there already", name_of(*type).type));
    }
    read(filter, *type);
  });
}

void refuse_type(Reader& filter, FilterType type, std::string_view where) {
  filter.pass(name_of(type).field);
  filter.refuse("type", fmt::format("{} is not supported{} yet", name_of(type).type, where));
}

}  // namespace

void read_filters(Reader& rule, const ObjectName& route, RouteRule& out) {
  each_filter(rule, [&](Reader& filter, FilterType type) {
    using enum FilterType;
    if (type < kExtension) filter.require(name_of(type).field);
    switch (type) {
      case kRequestHeaders:
        return read_changes(filter, name_of(type).field, out.request);
      case kResponseHeaders:
        return read_changes(filter, name_of(type).field, out.response);
      case kRedirect:
        return read_redirect(filter, out);
      case kRewrite:
        return read_rewrite(filter, out);
      case kMirror:
        return read_mirror(filter, route, out);
      case kCors:
        return read_cors(filter, out);
      case kExtension:
      case kExternalAuth:
        return refuse_type(filter, type, "");
    }
  });
  if (out.redirect && out.rewrite) {
    rule.refuse("filters", "RequestRedirect and URLRewrite exclude each other");
  }
}

void read_grpc_filters(Reader& rule, const ObjectName& route, RouteRule& out) {
  each_filter(rule, [&](Reader& filter, FilterType type) {
    using enum FilterType;
    switch (type) {
      case kRequestHeaders:
        filter.require(name_of(type).field);
        return read_changes(filter, name_of(type).field, out.request);
      case kResponseHeaders:
        filter.require(name_of(type).field);
        return read_changes(filter, name_of(type).field, out.response);
      case kMirror:
        filter.require(name_of(type).field);
        return read_mirror(filter, route, out);
      case kExtension:
        return refuse_type(filter, type, "");
      case kRedirect:
      case kRewrite:
      case kCors:
      case kExternalAuth:
        filter.pass(name_of(type).field);
        filter.refuse("type", fmt::format("{} is not for a GRPCRoute", name_of(type).type));
        return;
    }
  });
}

void read_backend_filters(Reader& backend, BackendRef& out) {
  each_filter(backend, [&](Reader& filter, FilterType type) {
    using enum FilterType;
    if (type == kRequestHeaders || type == kResponseHeaders) {
      filter.require(name_of(type).field);
      read_changes(filter, name_of(type).field,
                   type == kRequestHeaders ? out.request : out.response);
    } else {
      refuse_type(filter, type, " on a backend");
    }
  });
}

}  // namespace weft::control
