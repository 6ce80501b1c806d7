#include "sidecar/config/route_table.h"

#include <algorithm>
#include <numeric>

namespace weft::config {

namespace {

// How far a new split may be turned on from its start.
constexpr std::uint64_t kPhaseStepsMax = 1024;

std::string at(std::string_view list, std::size_t index) {
  return std::string(list) + "[" + std::to_string(index) + "]";
}

Status compile_text(TextMatch& text, const std::string& path) {
  Status compiled = text.compile();
  if (!compiled) return fail(Fault::kInvalid, path + ": " + compiled.error().detail);
  return {};
}

Status compile_route(Route& route, const std::string& path, std::uint32_t& splits) {
  if (route.path.how == PathMatch::How::kRegex) {
    route.path.text.how = TextMatch::How::kRegex;
    if (Status s = compile_text(route.path.text, path + ".match.safe_regex"); !s) return s;
  }
  for (std::size_t i = 0; i < route.headers.size(); ++i) {
    HeaderMatch& header = route.headers[i];
    header.id = http::header_id_of(header.name);
    if (Status s = compile_text(header.text, path + ".match." + at("headers", i)); !s) return s;
  }
  for (std::size_t i = 0; i < route.query.size(); ++i) {
    if (Status s = compile_text(route.query[i].text, path + ".match." + at("query_parameters", i));
        !s)
      return s;
  }
  auto* forward = std::get_if<ForwardAction>(&route.action);
  if (forward == nullptr) return {};
  if (forward->regex_rewrite_pattern) {
    forward->regex_rewrite_pattern->how = TextMatch::How::kRegex;
    if (Status s = compile_text(*forward->regex_rewrite_pattern, path + ".route.regex_rewrite"); !s)
      return s;
  }
  if (!forward->cluster_header.empty()) return {};
  const std::uint64_t total = std::accumulate(
      forward->clusters.begin(), forward->clusters.end(), std::uint64_t{0},
      [](std::uint64_t sum, const WeightedCluster& cluster) { return sum + cluster.weight; });
  if (total == 0) return fail(Fault::kInvalid, path + ".route: no cluster with a weight above 0");
  if (total > UINT32_MAX)
    return fail(Fault::kInvalid, path + ".route.weighted_clusters: weights add up to over 2^32-1");
  if (forward->splits()) route.split = splits++;
  return {};
}

}  // namespace

Result<std::shared_ptr<const RouteTable>> RouteTable::compile(RouteConfig config) {
  std::shared_ptr<RouteTable> table(new RouteTable());
  table->config_ = std::move(config);
  for (std::size_t h = 0; h < table->config_.virtual_hosts.size(); ++h) {
    VirtualHost& host = table->config_.virtual_hosts[h];
    const std::string host_path = at("virtual_hosts", h);
    const auto index = static_cast<std::uint32_t>(h);
    if (host.domains.empty()) return fail(Fault::kInvalid, host_path + ".domains: empty");
    for (std::size_t d = 0; d < host.domains.size(); ++d) {
      const std::string domain = to_lower(host.domains[d]);
      bool fresh = true;
      if (domain == "*") {
        fresh = table->any_host_ < 0;
        table->any_host_ = static_cast<std::int64_t>(h);
      } else if (domain.starts_with('*')) {
        fresh = table->suffix_hosts_.add(domain.substr(1), index);
      } else if (domain.ends_with('*')) {
        fresh = table->prefix_hosts_.add(domain.substr(0, domain.size() - 1), index);
      } else {
        fresh = table->exact_hosts_.emplace(domain, index).second;
      }
      if (!fresh) {
        return fail(Fault::kInvalid, host_path + "." + at("domains", d) + ": '" + escape(domain) +
                                         "' is in another virtual host too");
      }
    }
    for (std::size_t r = 0; r < host.routes.size(); ++r) {
      Status compiled =
          compile_route(host.routes[r], host_path + "." + at("routes", r), table->splits_);
      if (!compiled) return fail(compiled.error());
    }
  }
  // The tree no longer moves: the indexes may refer to it.
  table->hosts_.reserve(table->config_.virtual_hosts.size());
  for (const VirtualHost& host : table->config_.virtual_hosts) {
    table->hosts_.push_back({.host = &host, .routes = PathIndex(host.routes)});
  }
  return std::shared_ptr<const RouteTable>(std::move(table));
}

bool RouteTable::Wildcards::add(std::string_view text, std::uint32_t host) {
  if (!hosts.emplace(text, host).second) return false;
  const auto place = std::ranges::lower_bound(lengths, text.size(), std::greater<>());
  if (place == lengths.end() || *place != text.size()) lengths.insert(place, text.size());
  return true;
}

const RouteTable::CompiledHost* RouteTable::find_host(std::string_view authority) const {
  const std::string_view bare =
      authority.ends_with(']') ? authority : authority.substr(0, authority.rfind(':'));
  const std::string_view name = config_.ignore_port_in_host ? bare : authority;
  if (const auto exact = exact_hosts_.find(name); exact != exact_hosts_.end())
    return &hosts_[exact->second];
  // The star stands for at least one character.
  for (const std::size_t length : suffix_hosts_.lengths) {
    if (length >= name.size()) continue;
    const auto found = suffix_hosts_.hosts.find(name.substr(name.size() - length));
    if (found != suffix_hosts_.hosts.end()) return &hosts_[found->second];
  }
  for (const std::size_t length : prefix_hosts_.lengths) {
    if (length >= name.size()) continue;
    const auto found = prefix_hosts_.hosts.find(name.substr(0, length));
    if (found != prefix_hosts_.hosts.end()) return &hosts_[found->second];
  }
  return any_host_ < 0 ? nullptr : &hosts_[static_cast<std::size_t>(any_host_)];
}

namespace {

bool route_matches(const Route& route, const http::RequestHead& head, Random& random) {
  if (!route.path.matches(head)) return false;
  for (const HeaderMatch& header : route.headers) {
    if (!header.matches(head)) return false;
  }
  if (!route.query.empty()) {
    const std::string_view query = head.query();
    for (const QueryMatch& parameter : route.query) {
      if (!parameter.matches(query)) return false;
    }
  }
  if (route.grpc_only && !head.is_grpc()) return false;
  return !route.per_million || random.below(1'000'000) < *route.per_million;
}

}  // namespace

RouteTable::Match RouteTable::match(const http::RequestHead& head, std::string_view host,
                                    Random& random) const {
  const CompiledHost* found = find_host(host);
  if (found == nullptr) return {};
  const Route* route = found->routes.find(
      head, [&](const Route& candidate) { return route_matches(candidate, head, random); });
  return {found->host, route};
}

Split::Split(const std::vector<WeightedCluster>& clusters, Random& random) {
  std::uint64_t divisor = 0;
  for (const WeightedCluster& cluster : clusters)
    divisor = std::gcd(divisor, std::uint64_t{cluster.weight});
  for (const WeightedCluster& cluster : clusters) {
    weights_.push_back(divisor == 0 ? 0 : cluster.weight / divisor);
    total_ += static_cast<std::int64_t>(weights_.back());
  }
  current_.assign(weights_.size(), 0);
  if (total_ == 0) return;
  // Many sidecars with one table must not send their first request to the same cluster.
  const std::uint64_t phase =
      random.below(std::min<std::uint64_t>(static_cast<std::uint64_t>(total_), kPhaseStepsMax));
  for (std::uint64_t i = 0; i < phase; ++i) (void)next();
}

std::size_t Split::next() {
  std::size_t best = 0;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    current_[i] += static_cast<std::int64_t>(weights_[i]);
    if (weights_[i] != 0 && (weights_[best] == 0 || current_[i] > current_[best])) best = i;
  }
  current_[best] -= total_;
  return best;
}

}  // namespace weft::config
