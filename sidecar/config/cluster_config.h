#pragma once
// ClusterConfig and EndpointSet: a named destination, how to reach it, and its addresses. Plain
// immutable data; fields follow envoy.config.cluster.v3, endpoint.v3 and the weft.config.v1
// extensions. Defaults here are Envoy's (decisions A3).

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sidecar/config/balancing.h"
#include "sidecar/config/breaker_policy.h"
#include "sidecar/config/health_check.h"
#include "sidecar/config/priority.h"
#include "sidecar/config/tls_reference.h"
#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/core/keep_alive.h"
#include "sidecar/core/proxy_header.h"
#include "sidecar/core/shared_text.h"
#include "sidecar/http/limits.h"

namespace weft::config {

// What metrics and logs say about a destination. From endpoint and cluster metadata "weft".
struct DestinationLabels {
  std::string service;            // "cart.shop.svc.cluster.local"
  std::string service_name;       // "cart"
  std::string service_namespace;  // "shop"
  std::string backend;            // subset or backend Service
};

// There may be tens of thousands, of which most are never asked: small, and what many of a set have
// in common is there once.
struct Endpoint {
  enum class Health : std::uint8_t { kHealthy, kUnhealthy, kDraining, kDegraded };
  SocketAddress address;
  SharedText hostname;
  SharedText zone;
  SharedText workload;
  SharedText version;
  SharedText canonical_service;
  SharedText identity;  // SPIFFE ID expected of it; empty: the cluster's matchers alone decide
  SharedText hash_key;  // its name on a hash ring; empty: its address
  SharedText check_authority;  // of its health checks (Endpoint.health_check_config); empty: theirs
  std::uint32_t weight = 1;
  std::uint32_t priority = 0;
  std::uint32_t locality = 0;    // index into EndpointSet::localities
  std::uint16_t check_port = 0;  // of its health checks; 0: its own
  Health health = Health::kHealthy;
  bool checked = true;
  bool operator==(const Endpoint&) const = default;
};

// Where a group of endpoints is.
struct Locality {
  std::string region;
  std::string zone;
  std::string sub_zone;
  std::uint32_t weight = 0;  // 0: takes nothing when localities are weighted
  bool operator==(const Locality&) const = default;
};

struct EndpointSet {
  std::string cluster;
  std::string version;
  std::vector<Locality> localities;
  std::vector<Endpoint> endpoints;
  std::uint32_t overprovisioning_percent = 140;
  std::uint32_t elsewhere = 0;  // left out: for callers on other nodes
};

struct ClusterLimits {
  std::uint32_t connections_max = 1024;
  std::uint32_t pending_max = 1024;
  std::uint32_t requests_max = 1024;
  std::uint32_t retries_max = 3;  // Envoy's; a retry budget replaces it
  Duration pending_timeout{0};    // 0: the connect timeout bounds the wait
  WhenFull when_full = WhenFull::kReject;
  // Upgrades and CONNECTs; absent: no limit of their own.
  std::optional<std::uint32_t> tunnels_max;
};

// Retries ≤ max(percent of the requests of the last `interval`, min_per_second × interval).
struct RetryBudget {
  double percent = 20.0;
  Duration interval = std::chrono::seconds(10);
  std::uint32_t min_per_second = 10;
};

struct OutlierDetection {
  // Judged each `interval` among the endpoints that had at least `requests` in it, if those are at
  // least `endpoints`.
  struct SuccessRate {
    std::uint32_t endpoints_min = 5;
    std::uint32_t requests_min = 100;
    double stdev_factor = 1.9;  // out below mean - factor x standard deviation
    bool operator==(const SuccessRate&) const = default;
  };
  struct FailurePercent {
    std::uint32_t endpoints_min = 5;
    std::uint32_t requests_min = 50;
    std::uint32_t percent = 85;  // out at this share of failures
    bool operator==(const FailurePercent&) const = default;
  };
  std::uint32_t consecutive_5xx = 5;  // 0: off
  std::uint32_t consecutive_gateway_failure = 0;
  std::uint32_t consecutive_local_failure = 0;  // counted apart when split_local is set
  bool split_local = false;
  Duration interval = std::chrono::seconds(10);
  Duration base_ejection = std::chrono::seconds(30);
  Duration max_ejection = std::chrono::seconds(300);
  Duration ejection_jitter{0};
  std::optional<SuccessRate> success_rate;
  std::optional<FailurePercent> failure_percent;
  std::uint32_t ejected_percent_max = 10;
  bool always_eject_one = false;
  bool never_eject_last = false;  // weft: the last ready endpoint stays
};

struct UpstreamHttp {
  enum class Protocol : std::uint8_t { kHttp1, kHttp2, kAlpn, kAsDownstream };
  Protocol protocol = Protocol::kHttp1;
  http::Limits limits;
  http::Http2Limits http2;
  Duration idle_timeout = std::chrono::hours(1);
  std::uint64_t requests_per_connection_max = 0;
  // So old a connection takes no new requests; up to so much is added, for each by chance. 0: none.
  Duration connection_age_max{0};
  double connection_age_jitter_percent = 0;
  // Ready for requests to come, for each worker and endpoint.
  std::uint32_t idle_connections_min = 0;
};

// weft, of kOriginalDst: what is known of a destination's address, by the endpoints of all other
// clusters, decides how it is called. Who has an identity there is called over the cluster's TLS
// and must be just that; everybody else in the clear.
struct KnownDestinations {
  bool deny_unknown = false;  // addresses that no endpoint has: 403
};

struct ClusterConfig {
  enum class Discovery : std::uint8_t { kStatic, kEds, kStrictDns, kLogicalDns, kOriginalDst };
  std::string name;
  std::string version;
  Discovery discovery = Discovery::kStatic;
  std::string eds_service_name;  // empty: the cluster's name
  Duration connect_timeout = std::chrono::seconds(5);
  Duration handshake_timeout{0};  // 0: inside connect_timeout
  Balancing balancing;
  double panic_percent = 50.0;
  ClusterLimits limits;
  std::optional<RetryBudget> retry_budget;
  std::optional<OutlierDetection> outlier;
  std::optional<BreakerPolicy> breaker;
  std::shared_ptr<const HealthCheck> health_check;  // null: none
  // weft: when no endpoint is well, those that only failures of ours keep out (ejection, checks)
  // are used all the same.
  bool keep_last_ready = false;
  UpstreamHttp http;
  std::optional<TlsReference> tls;
  // Every connection begins with a PROXY header that names its caller, before TLS. Such a
  // connection is one caller's, so the cluster carries tunnels and no HTTP, whose connections are
  // shared.
  std::optional<ProxyHeader::Version> proxy_header;
  // Adds and believes x-weft-peer and x-weft-cause: the other side is a sidecar of the mesh.
  bool mesh_peer = false;
  // An app behind us that refuses the connection is answered so that the caller may safely try
  // elsewhere (decisions D14).
  bool local_app = false;
  // Where an app that refuses connections at its endpoint is looked for, in this order: it listens
  // on loopback, or on the pod's own address.
  std::vector<SocketAddress> local_app_elsewhere;
  SocketAddress source;        // upstream bind
  SocketAddress source_other;  // of the other family; none: unbound there
  std::optional<KnownDestinations> known_destinations;
  // weft, of kOriginalDst and local_app: from the caller's address (redirect mode tproxy). An app
  // that refuses there is looked for elsewhere as ever, from `source`.
  bool keep_source = false;
  std::optional<KeepAlive> tcp_keepalive;  // of each of its connections
  DestinationLabels labels;
  // Names to resolve for the DNS kinds, port apart.
  struct DnsTarget {
    std::string host;
    std::uint16_t port = 0;
    std::uint32_t weight = 1;
    std::uint32_t priority = 0;
    bool operator==(const DnsTarget&) const = default;
  };
  enum class DnsFamily : std::uint8_t { kAuto, kV4, kV6, kV4Preferred, kAll };
  std::vector<DnsTarget> dns_targets;
  DnsFamily dns_family = DnsFamily::kAuto;  // IPv6; IPv4 when there is none
  Duration dns_refresh = std::chrono::seconds(5);
  std::shared_ptr<const EndpointSet> inline_endpoints;
};

// Whether a worker has work for it before its first request: its endpoints hear what health checks
// say, connections are kept ready, an endpoint's age counts. Everything else can wait until
// somebody asks.
[[nodiscard]] inline bool is_eager(const ClusterConfig& config) {
  return config.health_check != nullptr || config.http.idle_connections_min != 0 ||
         config.balancing.slow_start.window > Duration::zero();
}

}  // namespace weft::config
