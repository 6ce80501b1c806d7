#include "control/model/grpc_route.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::size_t kTextMax = 1024;

std::string check_part(std::string_view text, std::string_view others) {
  const auto inside = [&](char c) {
    const char lower = to_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') ||
           others.find(c) != std::string_view::npos;
  };
  const bool good = !text.empty() && text.size() <= kTextMax && std::ranges::all_of(text, inside) &&
                    (text.front() < '0' || text.front() > '9');
  return good ? std::string() : "is no name of gRPC's";
}
std::string check_service(std::string_view text) { return check_part(text, "_."); }
std::string check_grpc_method(std::string_view text) { return check_part(text, "_"); }

// Either may be absent: any.
void set_exact(const std::string& service, const std::string& method, PathMatch& out) {
  if (!service.empty() && !method.empty()) {
    out = {.how = PathMatch::How::kExact, .value = fmt::format("/{}/{}", service, method)};
  } else if (!service.empty()) {
    out = {.how = PathMatch::How::kBytes, .value = fmt::format("/{}/", service)};
  } else {
    out = {.how = PathMatch::How::kRegex, .value = "/[^/]+/" + method};
  }
}

void set_regex(const std::string& service, const std::string& method, PathMatch& out) {
  const auto part = [](const std::string& text) {
    return text.empty() ? std::string("[^/]+") : "(?:" + text + ")";
  };
  out = {.how = PathMatch::How::kRegex,
         .value = fmt::format("/{}/{}", part(service), part(method))};
}

void read_method(Reader& match, RouteMatch& out) {
  out.path = {.how = PathMatch::How::kBytes, .value = "/"};
  match.object("method", [&](Reader& method) {
    bool regex = false;
    std::string service;
    std::string name;
    method.choice("type", regex, {{"Exact", false}, {"RegularExpression", true}});
    method.text("service", service, regex ? check_regex : check_service);
    method.text("method", name, regex ? check_regex : check_grpc_method);
    if (!method.has("service") && !method.has("method")) {
      method.refuse("want a service, a method or both");
    }
    if (service.empty() && name.empty()) return;
    out.grpc_service = static_cast<std::uint32_t>(service.size());
    out.grpc_method = static_cast<std::uint32_t>(name.size());
    regex ? set_regex(service, name, out.path) : set_exact(service, name, out.path);
  });
}

void read_grpc_headers(Reader& match, std::vector<NamedMatch>& out) {
  match.each("headers", HttpRoute::kItemsMax, [&](Reader& item) {
    using enum NamedMatch::How;
    NamedMatch read;
    item.choice("type", read.how, {{"Exact", kExact}, {"RegularExpression", kRegex}});
    if (item.require("name")) item.text("name", read.name, check_header_name);
    if (item.require("value")) {
      item.text("value", read.value, read.how == kRegex ? check_regex : check_header_value);
    }
    read.name = to_lower(read.name);
    if (std::ranges::find(out, read.name, &NamedMatch::name) != out.end()) {
      item.refuse("name", "is matched already in this match");
    }
    out.push_back(std::move(read));
  });
}

void read_grpc_rule(Reader& rule, HttpRoute& route) {
  RouteRule out;
  out.line = rule.position().line;
  rule.text("name", out.name, check_section_name);
  rule.each("matches", HttpRoute::kMatchesMax, [&](Reader& match) {
    RouteMatch read;
    read_method(match, read);
    read_grpc_headers(match, read.headers);
    out.matches.push_back(std::move(read));
  });
  if (out.matches.empty()) {
    out.matches.push_back({.path = {.how = PathMatch::How::kBytes, .value = "/"}});
  }
  read_grpc_filters(rule, route.metadata.name, out);
  read_backends(rule, route.metadata.name, read_backend_filters, out.backends);
  rule.object("sessionPersistence",
              [&](Reader& session) { out.session = read_session_persistence(session); });
  const bool taken = std::ranges::any_of(route.rules, [&](const RouteRule& other) {
    return !out.name.empty() && other.name == out.name;
  });
  if (taken) rule.refuse("name", "is another rule's name already");
  route.rules.push_back(std::move(out));
}

}  // namespace

HttpRoute read_grpc_route(Reader& document) {
  HttpRoute out;
  out.kind = Kind::kGrpcRoute;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    std::vector<std::string> hostnames;
    spec.texts("hostnames", hostnames, HttpRoute::kItemsMax, check_hostname_or_wildcard);
    if (!hostnames.empty()) spec.note("hostnames", "are passed over for Service parents");
    read_parents(spec, out.metadata.name, out.parents);
    spec.unsupported("useDefaultGateways");
    spec.each("rules", HttpRoute::kRulesMax, [&](Reader& rule) { read_grpc_rule(rule, out); });
    std::size_t matches = 0;
    for (const RouteRule& rule : out.rules) matches += rule.matches.size();
    if (matches > HttpRoute::kMatchesTotalMax) {
      spec.refuse("rules", fmt::format("have {} matches together, at most {} are allowed", matches,
                                       HttpRoute::kMatchesTotalMax));
    }
  });
  return out;
}

}  // namespace weft::control
