#include "sidecar/dns_metrics.h"

namespace weft::sidecar {

namespace {

using telemetry::Family;
using enum telemetry::MetricType;

constexpr Family kDnsQueries{
    "weft_dns_queries_total", kCounter,
    "DNS queries of the pod: answered from the mesh's names or the cache, forwarded (those that "
    "joined a question under way and those that were limited among them), not understood, "
    "ignored."};
constexpr Family kDnsJoined{"weft_dns_joined_total", kCounter,
                            "Forwarded queries whose question was under way already."};
constexpr Family kDnsLimited{"weft_dns_limited_total", kCounter,
                             "Refused for a limit: queries, as too many questions are under way or "
                             "askers wait; connections."};
constexpr Family kDnsUpstream{"weft_dns_upstream_total", kCounter,
                              "Questions put to the pod's servers, by what came of them."};
constexpr Family kDnsUpstreamTime{"weft_dns_upstream_duration_seconds", kHistogram,
                                  "How long the pod's servers took to answer."};
constexpr Family kDnsUnderWay{"weft_dns_under_way", kGauge,
                              "Questions with the pod's servers, and askers that wait for them."};
constexpr Family kDnsUnderWayMax{"weft_dns_under_way_max", kGauge, "The limits of these."};
constexpr Family kDnsDropped{"weft_dns_datagrams_dropped_total", kCounter,
                             "Datagrams of port 15053 that were too long, or could not be sent."};
constexpr Family kDnsConnections{"weft_dns_connections", kGauge,
                                 "Open connections for DNS over TCP."};
constexpr Family kDnsCacheEntries{"weft_dns_cache_entries", kGauge, "Answers that are kept."};
constexpr Family kDnsCacheBytes{"weft_dns_cache_bytes", kGauge, "What they take."};
constexpr Family kDnsNames{"weft_dns_names", kGauge, "Names of the mesh that are answered here."};

}  // namespace

DnsMetrics::DnsMetrics(telemetry::Registry& registry, const DnsServer& server)
    : server_(server), figures_(registry) {
  const dns::Responder::Stats& said = server.responder().stats();
  const net::DnsForwarder::Stats& asked = server.forwarder().stats();
  const DnsServer::Stats& stats = server.stats();
  figures_.add({{kDnsQueries, {{"outcome", "mesh"}}, said.from_mesh},
                {kDnsQueries, {{"outcome", "cache"}}, said.from_cache},
                {kDnsQueries, {{"outcome", "forwarded"}}, said.forwarded},
                {kDnsQueries, {{"outcome", "not_understood"}}, said.refused},
                {kDnsQueries, {{"outcome", "ignored"}}, said.ignored},
                {kDnsJoined, {}, stats.joined},
                {kDnsLimited, {{"what", "query"}}, stats.limited},
                {kDnsLimited, {{"what", "connection"}}, stats.connections_refused},
                {kDnsUpstream, {{"result", "answered"}}, asked.answered},
                {kDnsUpstream, {{"result", "timeout"}}, asked.timeouts},
                {kDnsUpstream, {{"result", "failed"}}, asked.failures},
                {kDnsUpstream, {{"result", "unusable"}}, said.unusable},
                {kDnsUpstreamTime, {}, asked.time},
                {kDnsUnderWay, {{"what", "question"}}, asked.under_way},
                {kDnsUnderWay, {{"what", "asker"}}, stats.waiting},
                {kDnsUnderWayMax, {{"what", "question"}}, questions_max_},
                {kDnsUnderWayMax, {{"what", "asker"}}, waiting_max_},
                {kDnsConnections, {}, stats.connections},
                {kDnsCacheEntries, {}, cache_entries_},
                {kDnsCacheBytes, {}, cache_bytes_},
                {kDnsNames, {}, names_}});
  for (const auto& socket : server.sockets()) {
    figures_.add({{kDnsDropped, {{"why", "too_long"}}, socket->stats().too_long},
                  {kDnsDropped, {{"why", "not_sent"}}, socket->stats().not_sent}});
  }
}

void DnsMetrics::update() {
  names_.set(static_cast<std::int64_t>(server_.names().size()));
  cache_entries_.set(static_cast<std::int64_t>(server_.responder().cache().entries()));
  cache_bytes_.set(static_cast<std::int64_t>(server_.responder().cache().bytes()));
  questions_max_.set(server_.options().upstream.questions_max);
  waiting_max_.set(server_.options().waiting_max);
}

}  // namespace weft::sidecar
