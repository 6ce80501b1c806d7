// The `match` of a VirtualService's rules: of requests, and of connections.

#include <fmt/format.h>

#include "control/model/virtual_service.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

void read_uri(Reader& match, PathMatch& out) {
  NamedMatch uri;
  if (!read_string_match(match, "uri", uri)) return;
  switch (uri.how) {
    case NamedMatch::How::kExact:
      out = {.how = PathMatch::How::kExact, .value = uri.value};
      break;
    case NamedMatch::How::kPrefix:
      out = {.how = PathMatch::How::kBytes, .value = uri.value};
      break;
    case NamedMatch::How::kRegex:
      out = {.how = PathMatch::How::kRegex, .value = uri.value};
      break;
    case NamedMatch::How::kPresent:
      return;
  }
  const bool path = out.how == PathMatch::How::kRegex || uri.value.starts_with('/');
  if (!path) match.refuse("uri", "must begin with '/'");
}

// Each key with a string match of its own.
void read_named_map(Reader& match, std::string_view key, Check check, bool invert,
                    std::vector<NamedMatch>& out) {
  const config::Value* map = match.find(key);
  if (map == nullptr) return;
  if (map->members().size() > VirtualService::kItemsMax) {
    match.refuse(key, fmt::format("has {} items, at most {} are allowed", map->members().size(),
                                  VirtualService::kItemsMax));
    return;
  }
  match.object(key, [&](Reader& named) {
    for (const config::Value::Member& member : map->members()) {
      NamedMatch read{.name = member.key, .invert = invert};
      if (const std::string objection = check(member.key); !objection.empty()) {
        named.refuse(member.key, fmt::format("the name {}", objection));
      }
      if (!named.has(member.key)) {
        read.how = NamedMatch::How::kPresent;  // `null` is an empty match
      } else {
        read_string_match(named, member.key, read);
      }
      out.push_back(std::move(read));
    }
  });
}

void read_part(Reader& match, const char* key, const char* pseudo, RouteMatch& out) {
  NamedMatch read{.name = pseudo};
  if (!read_string_match(match, key, read) || read.how == NamedMatch::How::kPresent) return;
  out.headers.push_back(std::move(read));
}

void read_source(Reader& match, Labels& labels, std::string& name_space) {
  match.text_map("sourceLabels", labels, VirtualService::kItemsMax, check_label_key,
                 check_label_value);
  match.text("sourceNamespace", name_space, check_label_name);
}

void read_virtual_number(Reader& match, std::optional<std::uint16_t>& out) {
  std::uint16_t port = 0;
  if (match.integer("port", port, 1, 65535)) out = port;
}

RouteMatch read_http_match(Reader& match) {
  RouteMatch out;
  out.path = {.how = PathMatch::How::kBytes, .value = "/"};
  std::string name;
  match.text("name", name);
  match.pass("statPrefix");
  read_uri(match, out.path);
  match.boolean("ignoreUriCase", out.path.ignore_case);
  if (out.path.how == PathMatch::How::kRegex) out.path.ignore_case = false;  // as Istio has it
  read_part(match, "method", ":method", out);
  read_part(match, "scheme", ":scheme", out);
  read_part(match, "authority", ":authority", out);
  read_named_map(match, "headers", check_header_name, false, out.headers);
  read_named_map(match, "withoutHeaders", check_header_name, true, out.headers);
  read_named_map(match, "queryParams", check_query_name, false, out.query);
  for (NamedMatch& header : out.headers) header.name = to_lower(header.name);
  read_virtual_number(match, out.port);
  read_source(match, out.source_labels, out.source_namespace);
  return out;
}

// One rule for each of the matches, or one for all connections.
void read_stream_rule(Reader& rule, const ObjectName& object, bool tls, StreamRoute& out) {
  StreamRule read;
  read.line = rule.position().line;
  rule.require("route");
  read_virtual_backends(rule, object, false, read.backends);
  bool matched = false;
  if (tls) rule.require("match");
  rule.each("match", VirtualService::kItemsMax, [&](Reader& match) {
    matched = true;
    StreamRule one = read;
    if (tls) {
      match.require("sniHosts");
      match.texts("sniHosts", one.server_names, VirtualService::kItemsMax,
                  check_hostname_or_wildcard);
    }
    match.unsupported("destinationSubnets");
    match.unsupported("sourceSubnet");
    read_virtual_number(match, one.port);
    StreamRule::Source source;
    read_source(match, source.labels, source.name_space);
    if (!source.labels.empty() || !source.name_space.empty()) {
      one.sources.push_back(std::move(source));
    }
    if (read_for_mesh(match)) out.rules.push_back(std::move(one));
  });
  if (!matched) out.rules.push_back(std::move(read));
}

}  // namespace

void read_virtual_matches(Reader& rule, RouteRule& out, bool& dropped) {
  std::size_t others = 0;
  rule.each("match", VirtualService::kItemsMax, [&](Reader& match) {
    RouteMatch read = read_http_match(match);
    if (read_for_mesh(match)) {
      out.matches.push_back(std::move(read));
    } else {
      ++others;
    }
  });
  dropped = out.matches.empty() && others > 0;
  if (out.matches.empty() && !dropped) {
    out.matches.push_back({.path = {.how = PathMatch::How::kBytes, .value = "/"}});
  }
}

void read_virtual_streams(Reader& spec, const ObjectName& object, StreamRoute& out) {
  for (const bool tls : {true, false}) {
    spec.each(tls ? "tls" : "tcp", VirtualService::kRulesMax,
              [&](Reader& rule) { read_stream_rule(rule, object, tls, out); });
  }
}

}  // namespace weft::control
