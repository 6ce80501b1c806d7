// The `matches` of a rule: path, headers, query parameters, method.

#include <algorithm>
#include <array>

#include "control/model/http_route.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

std::string check_method(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kMethods = {
      "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  if (std::ranges::find(kMethods, text) != kMethods.end()) return {};
  return "must be GET, HEAD, POST, PUT, DELETE, CONNECT, OPTIONS, TRACE or PATCH";
}

void read_path(Reader& match, PathMatch& out) {
  match.object("path", [&](Reader& path) {
    using enum PathMatch::How;
    path.choice("type", out.how,
                {{"Exact", kExact}, {"PathPrefix", kPrefix}, {"RegularExpression", kRegex}});
    path.text("value", out.value, out.how == kRegex ? check_regex : check_path);
    if (out.how == kPrefix && out.value.size() > 1 && out.value.ends_with('/')) {
      out.value.pop_back();  // whole path elements match, so "/a/" means what "/a" does
    }
  });
}

void read_named(Reader& match, std::string_view key, bool headers, std::vector<NamedMatch>& out) {
  match.each(key, HttpRoute::kItemsMax, [&](Reader& item) {
    NamedMatch read;
    using enum NamedMatch::How;
    item.choice("type", read.how, {{"Exact", kExact}, {"RegularExpression", kRegex}});
    if (item.require("name")) {
      item.text("name", read.name, headers ? check_header_name : check_query_name);
    }
    if (item.require("value")) {
      item.text("value", read.value,
                read.how == kRegex ? check_regex : (headers ? check_header_value : nullptr));
    }
    // Header names have no case; only the first of two could ever decide.
    if (headers) read.name = to_lower(read.name);
    if (std::ranges::find(out, read.name, &NamedMatch::name) != out.end()) {
      item.refuse("name", "is matched already in this match");
    }
    out.push_back(std::move(read));
  });
}

}  // namespace

void read_matches(Reader& rule, RouteRule& out) {
  rule.each("matches", HttpRoute::kMatchesMax, [&](Reader& match) {
    RouteMatch read;
    read_path(match, read.path);
    read_named(match, "headers", true, read.headers);
    read_named(match, "queryParams", false, read.query);
    match.text("method", read.method, check_method);
    out.matches.push_back(std::move(read));
  });
  if (out.matches.empty()) out.matches.emplace_back();
}

}  // namespace weft::control
