// What a VirtualService's http rule does with a request: redirect, rewrite, direct response,
// headers, mirrors, CORS, faults.

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "control/model/virtual_service.h"
#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

// "cart.example" or "cart.example:8080".
std::string check_authority(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon != std::string_view::npos) {
    const std::optional<std::uint64_t> port = parse_u64(text.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return "has no port behind its ':'";
  }
  return check_hostname(text.substr(0, colon));
}

void read_virtual_redirect(Reader& rule, RouteRule& out) {
  rule.object("redirect", [&](Reader& redirect) {
    Redirect read{.status = 301};
    std::string path;
    redirect.text("scheme", read.scheme, [](std::string_view text) {
      return text == "http" || text == "https" ? std::string() : "must be http or https";
    });
    redirect.text("authority", read.hostname, check_hostname);
    if (redirect.text("uri", path, check_path)) {
      read.path = {.how = PathChange::How::kWhole, .value = path};
    }
    std::uint16_t port = 0;
    if (redirect.integer("port", port, 1, 65535)) read.port = port;
    bool keep = false;
    if (redirect.choice("derivePort", keep,
                        {{"FROM_PROTOCOL_DEFAULT", false}, {"FROM_REQUEST_PORT", true}})) {
      if (read.port) redirect.refuse("derivePort", "must not be there: port is");
      read.keep_port = keep;
    }
    static constexpr std::array<std::uint16_t, 5> kStatuses = {301, 302, 303, 307, 308};
    if (redirect.integer("redirectCode", read.status, 100, 599) &&
        std::ranges::find(kStatuses, read.status) == kStatuses.end()) {
      redirect.refuse("redirectCode",
                      fmt::format("want one of 301, 302, 303, 307, 308, found {}", read.status));
    }
    out.redirect = std::move(read);
  });
}

void read_virtual_rewrite(Reader& rule, RouteRule& out) {
  rule.object("rewrite", [&](Reader& rewrite) {
    Rewrite read;
    rewrite.text("authority", read.hostname, check_authority);
    std::string path;
    if (rewrite.text("uri", path, check_path)) {
      // Bytes where a prefix matched, the whole path otherwise: what the route's match says.
      read.path = {.how = PathChange::How::kBytes, .value = path};
    }
    rewrite.object("uriRegexRewrite", [&](Reader& regex) {
      PathChange change{.how = PathChange::How::kRegex};
      if (regex.require("match")) regex.text("match", change.pattern, check_regex);
      if (regex.require("rewrite")) regex.text("rewrite", change.value);
      if (read.path) regex.refuse("must not be there: uri is");
      read.path = std::move(change);
    });
    out.rewrite = std::move(read);
  });
}

void read_answer(Reader& rule, RouteRule& out) {
  rule.object("directResponse", [&](Reader& response) {
    FixedAnswer read;
    if (response.require("status")) response.integer("status", read.status, 200, 599);
    response.object("body", [&](Reader& body) {
      body.text("string", read.body);
      body.unsupported("bytes");
    });
    if (read.body.size() > FixedAnswer::kBytesMax) {
      response.refuse("body", fmt::format("has {} bytes, at most {} are allowed", read.body.size(),
                                          FixedAnswer::kBytesMax));
    }
    out.answer = std::move(read);
  });
}

void read_header_map(Reader& changes, std::string_view key,
                     std::vector<std::pair<std::string, std::string>>& out) {
  std::map<std::string, std::string> read;
  changes.text_map(key, read, VirtualService::kItemsMax, check_header_name, check_header_value);
  out.assign(read.begin(), read.end());
}

void read_header_changes(Reader& headers, std::string_view key, HeaderChanges& out) {
  headers.object(key, [&](Reader& changes) {
    read_header_map(changes, "set", out.set);
    read_header_map(changes, "add", out.add);
    changes.texts("remove", out.remove, VirtualService::kItemsMax, check_header_name);
  });
}

void read_mirrors(Reader& rule, const ObjectName& object, RouteRule& out) {
  Mirror one;
  const bool single = rule.object(
      "mirror", [&](Reader& mirror) { one.backend = read_destination(mirror, object); });
  read_percentage(rule, "mirrorPercentage", one.per_million);
  rule.unsupported("mirror_percent");
  rule.unsupported("mirrorPercent");
  if (single) out.mirrors.push_back(std::move(one));
  rule.each("mirrors", VirtualService::kItemsMax, [&](Reader& item) {
    Mirror read;
    if (item.require("destination")) {
      item.object("destination", [&](Reader& destination) {
        read.backend = read_destination(destination, object);
      });
    }
    read_percentage(item, "percentage", read.per_million);
    out.mirrors.push_back(std::move(read));
  });
  if (single && rule.has("mirrors")) rule.refuse("mirrors", "must not be there: mirror is");
}

void read_cors_policy(Reader& rule, RouteRule& out) {
  rule.object("corsPolicy", [&](Reader& policy) {
    Cors read;
    policy.each("allowOrigins", VirtualService::kItemsMax, [&](Reader& item) {
      Cors::Origin origin;
      int set = 0;
      using enum Cors::Origin::How;
      for (const auto& [word, how] :
           {std::pair{"exact", kExact}, {"prefix", kPrefix}, {"regex", kRegex}}) {
        if (!item.has(word)) continue;
        ++set;
        item.text(word, origin.value, how == kRegex ? check_regex : nullptr);
        origin.how = how;
      }
      if (set != 1 || origin.value.empty()) item.refuse("want one of exact, prefix and regex");
      // "*" alone is every origin, however it is written.
      if (origin.how == kExact && origin.value == "*") origin = {.how = kRegex, .value = ".*"};
      read.origins.push_back(std::move(origin));
    });
    policy.unsupported("allowOrigin");
    policy.texts("allowMethods", read.methods, VirtualService::kItemsMax);
    policy.texts("allowHeaders", read.headers, VirtualService::kItemsMax);
    policy.texts("exposeHeaders", read.exposed, VirtualService::kItemsMax);
    for (const auto& [key, list] : {std::pair{"allowMethods", &read.methods},
                                    {"allowHeaders", &read.headers},
                                    {"exposeHeaders", &read.exposed}}) {
      const bool good = std::ranges::all_of(*list, [](const std::string& name) {
        return name == "*" || check_header_name(name).empty();
      });
      if (!good) policy.refuse(key, "want names or '*'");
    }
    read_go_duration(policy, "maxAge", read.max_age);
    bool credentials = false;
    if (policy.boolean("allowCredentials", credentials)) read.credentials = credentials;
    policy.choice("unmatchedPreflights", read.forward_unmatched,
                  {{"UNSPECIFIED", true}, {"FORWARD", true}, {"IGNORE", false}});
    out.cors = std::move(read);
  });
}

std::optional<std::uint16_t> grpc_status_of(std::string_view name) {
  static constexpr std::array<std::string_view, 17> kNames = {"OK",
                                                              "CANCELLED",
                                                              "UNKNOWN",
                                                              "INVALID_ARGUMENT",
                                                              "DEADLINE_EXCEEDED",
                                                              "NOT_FOUND",
                                                              "ALREADY_EXISTS",
                                                              "PERMISSION_DENIED",
                                                              "RESOURCE_EXHAUSTED",
                                                              "FAILED_PRECONDITION",
                                                              "ABORTED",
                                                              "OUT_OF_RANGE",
                                                              "UNIMPLEMENTED",
                                                              "INTERNAL",
                                                              "UNAVAILABLE",
                                                              "DATA_LOSS",
                                                              "UNAUTHENTICATED"};
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<std::uint16_t>(found - kNames.begin());
}

void read_virtual_delay(Reader& fault, RouteRule& out) {
  fault.object("delay", [&](Reader& delay) {
    InjectedFault read{.per_million = 0};  // "no request will be delayed" where no share is written
    delay.unsupported("percent");
    delay.unsupported("exponentialDelay");
    read_percentage(delay, "percentage", read.per_million);
    if (delay.require("fixedDelay")) read_go_duration(delay, "fixedDelay", read.delay);
    if (read.per_million > 0 && read.delay > Duration::zero()) out.faults.push_back(read);
  });
}

void read_abort(Reader& fault, RouteRule& out) {
  fault.object("abort", [&](Reader& abort) {
    InjectedFault read;
    std::string grpc;
    read_percentage(abort, "percentage", read.per_million);
    abort.unsupported("http2Error");
    const bool http = abort.integer("httpStatus", read.http_status, 200, 599);
    if (abort.text("grpcStatus", grpc)) {
      read.grpc_status = grpc_status_of(grpc);
      if (!read.grpc_status) {
        abort.refuse("grpcStatus", fmt::format("'{}' is no status of gRPC", escape(grpc, 64)));
      }
    }
    if (http == abort.has("grpcStatus")) abort.refuse("want httpStatus or grpcStatus");
    if (read.per_million > 0) out.faults.push_back(std::move(read));
  });
}

}  // namespace

void read_virtual_headers(Reader& owner, HeaderChanges& request, HeaderChanges& response) {
  owner.object("headers", [&](Reader& headers) {
    read_header_changes(headers, "request", request);
    read_header_changes(headers, "response", response);
  });
}

void read_virtual_actions(Reader& rule, const ObjectName& object, RouteRule& out) {
  read_virtual_redirect(rule, out);
  read_virtual_rewrite(rule, out);
  read_answer(rule, out);
  read_virtual_headers(rule, out.request, out.response);
  read_mirrors(rule, object, out);
  read_cors_policy(rule, out);
  rule.object("fault", [&](Reader& fault) {
    read_virtual_delay(fault, out);
    read_abort(fault, out);
  });
  if (out.redirect && out.rewrite) rule.refuse("rewrite", "must not be there: the rule redirects");
}

}  // namespace weft::control
