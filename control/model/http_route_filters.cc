// The `filters` of a rule or of one backend: header changes, redirects, rewrites.

#include <fmt/format.h>

#include <algorithm>
#include <array>
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
  });
}

std::optional<PathChange> read_path_change(Reader& filter, const RouteRule& rule) {
  std::optional<PathChange> out;
  filter.object("path", [&](Reader& path) {
    PathChange read;
    if (path.require("type")) {
      path.choice("type", read.prefix, {{"ReplaceFullPath", false}, {"ReplacePrefixMatch", true}});
    }
    const char* wanted = read.prefix ? "replacePrefixMatch" : "replaceFullPath";
    const char* other = read.prefix ? "replaceFullPath" : "replacePrefixMatch";
    if (path.require(wanted)) path.text(wanted, read.value, check_rewrite_path);
    if (path.has(other)) path.refuse(other, fmt::format("is not for this type, {} is", wanted));
    const bool one_prefix =
        rule.matches.size() == 1 && rule.matches[0].path.how == PathMatch::How::kPrefix;
    if (read.prefix && !one_prefix) {
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
    if (!seen.insert(*type).second) {
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

void read_filters(Reader& rule, RouteRule& out) {
  each_filter(rule, [&](Reader& filter, FilterType type) {
    using enum FilterType;
    if (type < kMirror) filter.require(name_of(type).field);
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
      case kCors:
      case kExtension:
      case kExternalAuth:
        return refuse_type(filter, type, "");
    }
  });
  if (out.redirect && out.rewrite) {
    rule.refuse("filters", "RequestRedirect and URLRewrite exclude each other");
  }
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
