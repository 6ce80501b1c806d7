#include "control/model/virtual_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sidecar/core/strings.h"

namespace weft::control {

namespace {

constexpr std::int64_t kWeightMax = 1'000'000;

std::string check_rule_name(std::string_view text) {
  const bool good = !text.empty() && text.size() <= 253 && std::ranges::all_of(text, [](char c) {
    return c > 0x20 && c < 0x7f && c != '/' && c != ':';
  });
  return good ? std::string() : "must be a name without spaces, '/' and ':'";
}

void read_retries(Reader& rule, PolicyFields& out) {
  rule.object("retries", [&](Reader& retries) {
    // Whoever writes `retries` wants them for every method (behaviour.md 3), and where he does not
    // say on what, on what Istio says.
    const std::uint32_t line = retries.position().line;
    out.methods = {.value = RetryMethods::kAny, .line = line};
    RetryOn on;
    if (!retries.has("retryOn")) {
      on = {.conditions = {"unprocessed", "cancelled", "unavailable"}, .codes = {503}};
      out.on = {.value = std::move(on), .line = line};
    } else if (read_retry_words(retries, "retryOn", on)) {
      out.on = {.value = std::move(on), .line = retries.find("retryOn")->position().line};
    }
    std::uint32_t attempts = 0;
    if (retries.integer("attempts", attempts, 0, HttpRoute::kAttemptsMax)) {
      out.attempts = {.value = attempts, .line = retries.find("attempts")->position().line};
    }
    Duration read{};
    if (read_go_duration(retries, "perTryTimeout", read)) {
      out.attempt = {.value = read, .line = retries.find("perTryTimeout")->position().line};
    }
    if (read_go_duration(retries, "backoff", read) && read > Duration::zero()) {
      const std::uint32_t at = retries.find("backoff")->position().line;
      out.backoff_base = {.value = read, .line = at};
      out.backoff_max = {.value = read * 10, .line = at};
    }
    bool flag = false;
    if (retries.boolean("retryRemoteLocalities", flag) && flag) {
      retries.note("retryRemoteLocalities",
                   "other localities are asked anyway, when they are next");
    }
    if (retries.boolean("retryIgnorePreviousHosts", flag) && !flag) {
      retries.refuse("retryIgnorePreviousHosts", "false is not supported: another endpoint first");
    }
  });
}

void read_policy(Reader& rule, RouteRule& out) {
  PolicyFields policy;
  Duration read{};
  if (read_go_duration(rule, "timeout", read)) {
    policy.request = {.value = read, .line = rule.find("timeout")->position().line};
  }
  read_retries(rule, policy);
  if (policy != PolicyFields{}) {
    out.policy = std::make_shared<const PolicyFields>(std::move(policy));
  }
}

void read_http_rule(Reader& rule, const ObjectName& object, HttpRoute& route) {
  RouteRule out;
  out.line = rule.position().line;
  rule.text("name", out.name, check_rule_name);
  bool dropped = false;
  read_virtual_matches(rule, out, dropped);
  read_virtual_actions(rule, object, out);
  read_virtual_backends(rule, object, true, out.backends);
  rule.unsupported("delegate");
  read_policy(rule, out);
  const int actions =
      (out.redirect ? 1 : 0) + (out.answer ? 1 : 0) + (out.backends.empty() ? 0 : 1);
  if (actions != 1 && !rule.has("delegate")) {
    rule.refuse("want one of route, redirect and directResponse");
  }
  // A rule all of whose matches are for gateways is none here.
  if (!dropped) route.rules.push_back(std::move(out));
}

void read_hosts(Reader& spec, VirtualService& out) {
  std::vector<std::string> hosts;
  spec.require("hosts");
  if (spec.texts("hosts", hosts, VirtualService::kHostsMax) && hosts.empty()) {
    spec.refuse("hosts", "want at least one");
  }
  for (std::size_t at = 0; at < hosts.size() && out.for_mesh; ++at) {
    if (std::optional<ObjectName> service =
            service_of_host(hosts[at], out.metadata.name.name_space)) {
      if (std::ranges::find(out.hosts, *service) == out.hosts.end()) {
        out.hosts.push_back(*std::move(service));
      }
    } else if (spec.has("gateways")) {
      // For a gateway beside the mesh.
      spec.note("hosts", fmt::format("'{}' is no Service of the cluster and has no effect here",
                                     escape(hosts[at], 64)));
    } else {
      spec.refuse("hosts", fmt::format("'{}' is no Service of the cluster; others are not "
                                       "supported yet",
                                       escape(hosts[at], 64)));
    }
  }
}

}  // namespace

bool read_for_mesh(Reader& match) {
  std::vector<std::string> gateways;
  if (!match.texts("gateways", gateways, VirtualService::kItemsMax) || gateways.empty())
    return true;
  return std::ranges::find(gateways, "mesh") != gateways.end();
}

void read_virtual_backends(Reader& rule, const ObjectName& object, bool headers,
                           std::vector<BackendRef>& out) {
  bool weighted = false;
  rule.each("route", VirtualService::kItemsMax, [&](Reader& item) {
    BackendRef read;
    if (item.require("destination")) {
      item.object("destination",
                  [&](Reader& destination) { read = read_destination(destination, object); });
    }
    read.weight = 0;
    weighted |= item.integer("weight", read.weight, 0, kWeightMax);
    if (headers) read_virtual_headers(item, read.request, read.response);
    out.push_back(std::move(read));
  });
  // One without a weight takes everything; of several, those without take nothing.
  if (out.size() == 1 && out[0].weight == 0) out[0].weight = 1;
  const auto sum =
      std::accumulate(out.begin(), out.end(), std::uint64_t{0},
                      [](std::uint64_t all, const BackendRef& one) { return all + one.weight; });
  if (out.size() > 1 && sum == 0) {
    rule.refuse("route", weighted ? "no destination has any weight"
                                  : "each of several destinations needs a weight");
  }
}

VirtualService read_virtual_service(Reader& document) {
  VirtualService out;
  out.http.kind = Kind::kVirtualService;
  out.streams.kind = Kind::kVirtualService;
  read_metadata(document, true, out.metadata);
  document.pass("status");
  if (!document.require("spec")) return out;
  document.object("spec", [&](Reader& spec) {
    const ObjectName& name = out.metadata.name;
    out.for_mesh = read_for_mesh(spec);
    if (!out.for_mesh) spec.note("gateways", "do not name mesh, so that this has no effect here");
    read_hosts(spec, out);
    read_exports(spec, name, out.exports);
    spec.each("http", VirtualService::kRulesMax,
              [&](Reader& rule) { read_http_rule(rule, name, out.http); });
    read_virtual_streams(spec, name, out.streams);
    if (!spec.has("http") && !spec.has("tcp") && !spec.has("tls")) {
      spec.refuse("want at least one of http, tls and tcp");
    }
    std::size_t matches = 0;
    for (const RouteRule& rule : out.http.rules) matches += rule.matches.size();
    if (matches > VirtualService::kMatchesTotalMax) {
      spec.refuse("http", fmt::format("has {} matches together, at most {} are allowed", matches,
                                      VirtualService::kMatchesTotalMax));
    }
  });
  return out;
}

}  // namespace weft::control
