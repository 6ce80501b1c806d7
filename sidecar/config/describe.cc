#include "sidecar/config/describe.h"

#include <fmt/format.h>

#include <algorithm>

#include "sidecar/core/strings.h"

namespace weft::config {

namespace {

// Lines with two spaces per level; facts at their default are left out where their absence says the
// same.
class Page {
 public:
  template <typename... Args>
  void line(int level, fmt::format_string<Args...> format, Args&&... args) {
    text_.append(static_cast<std::size_t>(level) * 2, ' ');
    text_ += fmt::format(format, std::forward<Args>(args)...);
    text_ += '\n';
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

std::string_view word(TextMatch::How how) {
  switch (how) {
    case TextMatch::How::kExact:
      return "is";
    case TextMatch::How::kPrefix:
      return "starts with";
    case TextMatch::How::kSuffix:
      return "ends with";
    case TextMatch::How::kContains:
      return "contains";
    case TextMatch::How::kRegex:
      return "matches";
  }
  return "?";
}

std::string text_of(const TextMatch& text) {
  return fmt::format("{} \"{}\"{}", word(text.how), escape(text.value),
                     text.ignore_case ? " (any case)" : "");
}

std::string text_of(const PathMatch& path) {
  switch (path.how) {
    case PathMatch::How::kExact:
      return fmt::format("path \"{}\"", escape(path.text.value));
    case PathMatch::How::kPrefix:
      return fmt::format("prefix \"{}\"", escape(path.text.value));
    case PathMatch::How::kSegmentPrefix:
      return fmt::format("segments \"{}\"", escape(path.text.value));
    case PathMatch::How::kRegex:
      return fmt::format("regex \"{}\"", escape(path.text.value));
    case PathMatch::How::kConnect:
      return "CONNECT";
  }
  return "?";
}

std::string text_of(const HeaderMatch& header) {
  const std::string name = escape(header.name);
  const std::string_view negation = header.invert ? "not " : "";
  switch (header.how) {
    case HeaderMatch::How::kText:
      return fmt::format("header {} {}{}", name, negation, text_of(header.text));
    case HeaderMatch::How::kPresent:
      return fmt::format("header {} {}{}", name, negation, header.present ? "present" : "absent");
    case HeaderMatch::How::kRange:
      return fmt::format("header {} {}in [{}, {})", name, negation, header.range_start,
                         header.range_end);
  }
  return "?";
}

std::string_view sign(HeaderEdit::Op op) {
  switch (op) {
    case HeaderEdit::Op::kAppend:
      return "+";
    case HeaderEdit::Op::kAddIfAbsent:
      return "?";
    case HeaderEdit::Op::kSet:
      return "=";
    case HeaderEdit::Op::kSetIfPresent:
      return "~";
    case HeaderEdit::Op::kRemove:
      return "-";
  }
  return "?";
}

void describe_edits(Page& page, int level, const HeaderEdits& edits) {
  for (const HeaderEdit& edit : edits.request) {
    page.line(level, "request header {}{}: {}", sign(edit.op), escape(edit.name),
              escape(edit.value));
  }
  for (const HeaderEdit& edit : edits.response) {
    page.line(level, "response header {}{}: {}", sign(edit.op), escape(edit.name),
              escape(edit.value));
  }
}

void describe_duration(Page& page, int level, std::string_view name, Duration duration) {
  if (duration != Duration::zero()) page.line(level, "{} {}", name, format_duration(duration));
}

void describe_forward(Page& page, int level, const ForwardAction& action) {
  for (const WeightedCluster& cluster : action.clusters) {
    page.line(level, "to {} weight {}", escape(cluster.cluster), cluster.weight);
    describe_edits(page, level + 1, cluster.edits);
  }
  if (!action.cluster_header.empty())
    page.line(level, "to the cluster in header {}", escape(action.cluster_header));
  if (action.cluster_not_found_status != 503)
    page.line(level, "unknown cluster {}", action.cluster_not_found_status);
  if (!action.prefix_rewrite.empty())
    page.line(level, "prefix becomes \"{}\"", escape(action.prefix_rewrite));
  if (action.regex_rewrite_pattern) {
    page.line(level, "path \"{}\" becomes \"{}\"", escape(action.regex_rewrite_pattern->value),
              escape(action.regex_rewrite_substitution));
  }
  if (!action.host_rewrite.empty())
    page.line(level, "host becomes \"{}\"", escape(action.host_rewrite));
  describe_duration(page, level, "request timeout", action.timeouts.request);
  describe_duration(page, level, "head timeout", action.timeouts.head);
  describe_duration(page, level, "idle timeout", action.timeouts.idle);
  describe_duration(page, level, "stream at most", action.timeouts.stream_max);
  const RetryPolicy& retry = action.retry;
  if (retry.on != 0) {
    page.line(level, "retry {} times on {:#x} backoff {} to {}{}", retry.attempts_extra, retry.on,
              format_duration(retry.backoff_base), format_duration(retry.backoff_max),
              retry.any_method ? " any method" : "");
    describe_duration(page, level, "attempt timeout", retry.attempt_timeout);
  }
}

// "1 %", "0.05 %"; nothing for always.
std::string share(std::uint32_t per_million) {
  return per_million >= kAlways ? std::string() : fmt::format(" {} %", per_million / 10'000.0);
}

void describe_fault(Page& page, int level, const FaultPolicy& fault) {
  std::string text = fmt::format("fault {}{}", escape(fault.name), share(fault.per_million));
  for (const HeaderMatch& header : fault.headers) text += ", " + text_of(header);
  if (fault.delay != Duration::zero())
    text += fmt::format(", delay {} +- {}", format_duration(fault.delay),
                        format_duration(fault.delay_jitter));
  if (fault.abort && fault.abort->http_status)
    text += fmt::format(", abort {}", *fault.abort->http_status);
  if (fault.abort && fault.abort->grpc_status)
    text += fmt::format(", abort gRPC {}", *fault.abort->grpc_status);
  if (fault.reset) text += ", reset";
  if (fault.slow_body != 0) text += fmt::format(", body {} bytes a second", fault.slow_body);
  if (fault.until) {
    text += fmt::format(
        ", until {} s after 1970",
        std::chrono::duration_cast<std::chrono::seconds>(fault.until->time_since_epoch()).count());
  }
  page.line(level, "{}", text);
}

std::string_view word(RateLimit::Key key) {
  switch (key) {
    case RateLimit::Key::kRoute:
      return "all together";
    case RateLimit::Key::kIdentity:
      return "each caller";
    case RateLimit::Key::kHeader:
      return "each value of header";
    case RateLimit::Key::kPath:
      return "each path";
  }
  return "?";
}

void describe_extras(Page& page, int level, const RouteExtras& extras) {
  for (const FaultPolicy& fault : extras.faults) describe_fault(page, level, fault);
  for (const MirrorPolicy& mirror : extras.mirrors)
    page.line(level, "copy{} to {}", share(mirror.per_million), escape(mirror.cluster));
  if (extras.fallback) {
    page.line(level, "fallback on {:#x} {}", extras.fallback->on,
              extras.fallback->cluster.empty()
                  ? fmt::format("answer {}", extras.fallback->response.status)
                  : "to " + escape(extras.fallback->cluster));
  }
  for (const RateLimit& limit : extras.rate_limits) {
    const bool slides = limit.algorithm == RateLimiter::Algorithm::kSlidingWindow;
    page.line(level, "rate limit {}: {}{} {} in {}{}", escape(limit.name), word(limit.key),
              limit.header.empty() ? "" : " " + escape(limit.header), limit.requests,
              slides ? "any " : "", format_duration(limit.interval),
              slides ? std::string() : fmt::format(", burst {}", limit.burst));
  }
  if (extras.cors) {
    page.line(level, "cors methods \"{}\" headers \"{}\"{}", escape(extras.cors->methods),
              escape(extras.cors->headers), extras.cors->credentials ? " credentials" : "");
    for (const TextMatch& origin : extras.cors->origins)
      page.line(level + 1, "origin {}", text_of(origin));
  }
}

void describe_route(Page& page, int level, const Route& route) {
  std::string when = text_of(route.path);
  for (const HeaderMatch& header : route.headers) when += ", " + text_of(header);
  for (const QueryMatch& query : route.query) {
    when += fmt::format(", query {} {}", escape(query.name),
                        query.present_only ? "present" : text_of(query.text));
  }
  if (route.grpc_only) when += ", gRPC";
  if (route.per_million) when += fmt::format(", {} of a million", *route.per_million);
  page.line(level, "route{}{} when {}", route.name.empty() ? "" : " ", escape(route.name), when);
  if (const auto* forward = std::get_if<ForwardAction>(&route.action)) {
    describe_forward(page, level + 1, *forward);
  } else if (const auto* redirect = std::get_if<RedirectAction>(&route.action)) {
    page.line(level + 1, "redirect {} scheme \"{}\" host \"{}\" port {} path \"{}\" prefix \"{}\"",
              redirect->status, escape(redirect->scheme), escape(redirect->host),
              redirect->port.value_or(0), escape(redirect->path), escape(redirect->prefix_rewrite));
  } else if (const auto* direct = std::get_if<DirectResponse>(&route.action)) {
    page.line(level + 1, "answer {} with {} bytes", direct->status, direct->body.size());
  }
  describe_edits(page, level + 1, route.edits);
  if (route.extras != nullptr) describe_extras(page, level + 1, *route.extras);
}

void describe_tls(Page& page, int level, const TlsReference& tls) {
  page.line(level, "tls certificate \"{}\" roots \"{}\" {}", escape(tls.certificate_secret),
            escape(tls.validation_secret),
            tls.material != nullptr ? "version " + escape(tls.material->version)
                                    : std::string("without material"));
  for (const SanMatcher& name : tls.settings.peer_names)
    page.line(level + 1, "peer \"{}\"", escape(name.value));
  for (const std::string& protocol : tls.settings.alpn)
    page.line(level + 1, "alpn {}", escape(protocol));
  if (tls.settings.require_peer_certificate) page.line(level + 1, "peer certificate required");
}

void describe_match(Page& page, int level, const ChainMatch& match) {
  if (match.destination_port) page.line(level, "destination port {}", *match.destination_port);
  for (const Cidr& range : match.destination_prefixes)
    page.line(level, "destination {}", range.to_string());
  for (const std::string& name : match.server_names)
    page.line(level, "server name {}", escape(name));
  if (!match.transport_protocol.empty())
    page.line(level, "transport {}", escape(match.transport_protocol));
  for (const std::string& name : match.application_protocols)
    page.line(level, "application {}", escape(name));
  for (const Cidr& range : match.source_prefixes) page.line(level, "source {}", range.to_string());
}

void describe_routes(Page& page, int level, const RouteConfig& routes) {
  page.line(level, "routes {} version {}", escape(routes.name), escape(routes.version));
  describe_edits(page, level + 1, routes.edits);
  for (const VirtualHost& host : routes.virtual_hosts) {
    std::string domains;
    for (const std::string& domain : host.domains)
      domains += (domains.empty() ? "" : " ") + escape(domain);
    page.line(level + 1, "host {} for {}", escape(host.name), domains);
    describe_edits(page, level + 2, host.edits);
    for (const Route& route : host.routes) describe_route(page, level + 2, route);
  }
}

void describe_chain(Page& page, int level, const FilterChain& chain) {
  page.line(level, "chain {}", escape(chain.name));
  describe_match(page, level + 1, chain.match);
  if (chain.tls) describe_tls(page, level + 1, *chain.tls);
  if (const auto* http = std::get_if<HttpSettings>(&chain.what)) {
    page.line(level + 1, "http {} routes \"{}\"", escape(http->stat_prefix),
              escape(http->route_config_name));
    for (const FaultPolicy& fault : http->faults) describe_fault(page, level + 2, fault);
    if (http->inline_routes != nullptr) describe_routes(page, level + 2, *http->inline_routes);
    for (const AccessLog& log : http->access_logs)
      page.line(level + 2, "access log {}", escape(log.path));
    if (http->tracing.enabled) page.line(level + 2, "tracing {} %", http->tracing.random_sampling);
  } else if (const auto* tcp = std::get_if<TcpSettings>(&chain.what)) {
    page.line(level + 1, "tcp {}", escape(tcp->stat_prefix));
    for (const WeightedCluster& cluster : tcp->clusters) {
      page.line(level + 2, "to {} weight {}", escape(cluster.cluster), cluster.weight);
    }
  }
}

std::string_view word(Direction direction) {
  switch (direction) {
    case Direction::kUnspecified:
      return "listener";
    case Direction::kInbound:
      return "inbound listener";
    case Direction::kOutbound:
      return "outbound listener";
  }
  return "listener";
}

std::string_view word(Endpoint::Health health) {
  switch (health) {
    case Endpoint::Health::kHealthy:
      return "healthy";
    case Endpoint::Health::kUnhealthy:
      return "unhealthy";
    case Endpoint::Health::kDraining:
      return "draining";
    case Endpoint::Health::kDegraded:
      return "degraded";
  }
  return "?";
}

std::string_view word(BalancerKind kind) {
  switch (kind) {
    case BalancerKind::kRoundRobin:
      return "round robin";
    case BalancerKind::kLeastRequest:
      return "least request";
    case BalancerKind::kRandom:
      return "random";
    case BalancerKind::kPeakEwma:
      return "peak EWMA";
    case BalancerKind::kRingHash:
      return "ring hash";
    case BalancerKind::kMaglev:
      return "Maglev";
  }
  return "?";
}

std::string_view word(UpstreamHttp::Protocol protocol) {
  switch (protocol) {
    case UpstreamHttp::Protocol::kHttp1:
      return "HTTP/1.1";
    case UpstreamHttp::Protocol::kHttp2:
      return "HTTP/2";
    case UpstreamHttp::Protocol::kAlpn:
      return "by ALPN";
    case UpstreamHttp::Protocol::kAsDownstream:
      return "as downstream";
  }
  return "?";
}

void describe_endpoints(Page& page, int level, const EndpointSet& endpoints) {
  page.line(level, "endpoints {} version {}", escape(endpoints.cluster), escape(endpoints.version));
  if (endpoints.elsewhere != 0)
    page.line(level + 1, "and {} for callers on other nodes", endpoints.elsewhere);
  for (const Endpoint& endpoint : endpoints.endpoints) {
    page.line(level + 1, "{} {} weight {} priority {}{}{}", endpoint.address.to_string(),
              word(endpoint.health), endpoint.weight, endpoint.priority,
              endpoint.workload.empty() ? "" : " workload ", escape(endpoint.workload));
  }
}

}  // namespace

std::string describe(const ListenerConfig& listener) {
  Page page;
  page.line(0, "{} {} on {} version {}", word(listener.direction), escape(listener.name),
            listener.address.to_string(), escape(listener.version));
  if (listener.use_original_dst) page.line(1, "by original destination");
  if (listener.transparent) page.line(1, "transparent");
  if (!listener.bind) page.line(1, "not bound");
  if (listener.on_demand) {
    page.line(1, "asks for unknown destinations, {} at a time, for {}",
              listener.on_demand->waiting_max, format_duration(listener.on_demand->timeout));
  }
  if (listener.sniff_tls || listener.sniff_http) {
    page.line(1, "sniffs{}{} for {}", listener.sniff_tls ? " tls" : "",
              listener.sniff_http ? " http" : "", format_duration(listener.sniff_timeout));
  }
  for (const FilterChain& chain : listener.chains) describe_chain(page, 1, chain);
  if (listener.default_chain != nullptr) {
    page.line(1, "otherwise");
    describe_chain(page, 2, *listener.default_chain);
  }
  return page.take();
}

std::string describe(const RouteConfig& routes) {
  Page page;
  describe_routes(page, 0, routes);
  return page.take();
}

std::string describe(const ClusterConfig& cluster) {
  Page page;
  page.line(0, "cluster {} version {} {} {}", escape(cluster.name), escape(cluster.version),
            word(cluster.balancing.kind), word(cluster.http.protocol));
  page.line(1, "connect timeout {}", format_duration(cluster.connect_timeout));
  page.line(1, "limits connections {} pending {} requests {} retries {}",
            cluster.limits.connections_max, cluster.limits.pending_max, cluster.limits.requests_max,
            cluster.limits.retries_max);
  if (cluster.retry_budget) {
    page.line(1, "retry budget {} % over {} at least {} a second", cluster.retry_budget->percent,
              format_duration(cluster.retry_budget->interval),
              cluster.retry_budget->min_per_second);
  }
  if (cluster.outlier) {
    page.line(1, "ejects after {} 5xx, {} gateway, {} local for {}",
              cluster.outlier->consecutive_5xx, cluster.outlier->consecutive_gateway_failure,
              cluster.outlier->consecutive_local_failure,
              format_duration(cluster.outlier->base_ejection));
  }
  if (cluster.health_check != nullptr) {
    const HealthCheck& check = *cluster.health_check;
    page.line(1, "checks health by {} each {} within {}, down after {}, up after {}",
              check.kind == HealthCheck::Kind::kHttp   ? "HTTP " + escape(check.path)
              : check.kind == HealthCheck::Kind::kGrpc ? "gRPC " + escape(check.service)
                                                       : std::string("TCP"),
              format_duration(check.interval), format_duration(check.timeout), check.failures_max,
              check.passes_min);
  }
  if (cluster.known_destinations) {
    page.line(
        1, "to where it was bound for, {}",
        cluster.known_destinations->deny_unknown ? "if somebody is known there" : "known or not");
  }
  if (cluster.keep_source) page.line(1, "to where it was bound for, from the caller's address");
  for (const SocketAddress& address : cluster.local_app_elsewhere) {
    page.line(1, "else at {}", address.to_string());
  }
  if (cluster.tcp_keepalive) {
    page.line(1, "tcp keepalive after {}s, each {}s, {} probes", cluster.tcp_keepalive->idle_s,
              cluster.tcp_keepalive->interval_s, cluster.tcp_keepalive->probes);
  }
  if (cluster.tls) describe_tls(page, 1, *cluster.tls);
  return page.take();
}

std::string describe(const EndpointSet& endpoints) {
  Page page;
  describe_endpoints(page, 0, endpoints);
  return page.take();
}

std::string describe(const Snapshot& snapshot) {
  std::string text = fmt::format("generation {}\n", snapshot.generation);
  for (const auto& listener : snapshot.listeners) text += describe(*listener);
  // By name, whatever order the maps have.
  std::vector<std::string_view> names;
  names.reserve(snapshot.routes.size());
  for (const auto& [name, table] : snapshot.routes) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string_view name : names)
    text += describe(snapshot.routes.find(name)->second->config());
  names.clear();
  for (const auto& [name, entry] : snapshot.clusters) names.push_back(name);
  std::sort(names.begin(), names.end());
  for (const std::string_view name : names) {
    const ClusterEntry& entry = snapshot.clusters.find(name)->second;
    text += describe(*entry.config);
    if (entry.endpoints != nullptr) text += describe(*entry.endpoints);
  }
  for (const std::string& name : snapshot.warming)
    text += fmt::format("warming {}\n", escape(name));
  return text;
}

}  // namespace weft::config
