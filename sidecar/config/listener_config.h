#pragma once
// ListenerConfig: an address we accept on, how a connection's chain is chosen, and what a chain
// does with it.
//
// Plain immutable data; fields follow envoy.config.listener.v3, http_connection_manager.v3 and
// tcp_proxy.v3.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sidecar/config/route_config.h"
#include "sidecar/config/tls_reference.h"
#include "sidecar/core/address.h"
#include "sidecar/core/clock.h"
#include "sidecar/http/limits.h"

namespace weft::config {

enum class Direction : std::uint8_t { kUnspecified, kInbound, kOutbound };

struct ChainMatch {
  std::optional<std::uint16_t> destination_port;
  std::vector<Cidr> destination_prefixes;
  std::vector<std::string> server_names;  // exact or "*.x"
  std::string transport_protocol;         // "tls", "raw_buffer" or empty for any
  std::vector<std::string>
      application_protocols;  // ALPN, or what the HTTP sniffer found ("http/1.1", "h2c")
  std::vector<Cidr> source_prefixes;
  std::vector<std::uint16_t> source_ports;
};

struct AccessLog {
  enum class Format : std::uint8_t { kJson, kText };
  enum class Mode : std::uint8_t {
    kAll,
    kErrors
  };  // kErrors: status >= 500, a flag, or a failed attempt
  std::string path;  // "/dev/stdout" and "/dev/stderr" are the streams
  Format format = Format::kText;
  Mode mode = Mode::kAll;
};

struct Tracing {
  bool enabled = false;
  double random_sampling = 100.0;      // percent of roots
  std::uint16_t roots_per_second = 0;  // sampled before the percentage is asked (weft.config.v1)
  std::uint16_t failures_per_second = 1;
  std::string collector_cluster;
  std::string collector_path;  // OTLP/HTTP; empty: OTLP/gRPC
  std::string service_name;    // empty: from the workload
};

// Header names that only a verified peer may send us are stripped from everybody else's requests.
struct HttpSettings {
  enum class Codec : std::uint8_t { kAuto, kHttp1, kHttp2 };
  std::string stat_prefix;
  Codec codec = Codec::kAuto;
  // weft: virtual hosts are found by where the connection was bound for, as "10.96.0.10:80", and
  // not by what a request calls its host.
  bool by_destination = false;
  std::string route_config_name;  // RDS, when inline_routes is null
  std::shared_ptr<const RouteConfig> inline_routes;
  http::Limits limits;
  http::Http2Limits http2;
  http::ConnectionTimeouts timeouts;
  Duration request_timeout{0};  // until the request is whole: 408
  bool normalize_path = false;
  bool merge_slashes = false;
  bool generate_request_id = true;
  std::string server_name;            // empty: leave `server` alone
  std::vector<std::string> upgrades;  // allowed, lower case; "connect" is CONNECT itself
  bool grpc_web = false;              // requests of gRPC-Web become gRPC
  std::vector<FaultPolicy> faults;    // of routes that have none of their own
  std::vector<AccessLog> access_logs;
  Tracing tracing;
};

struct TcpSettings {
  std::string stat_prefix;
  std::vector<WeightedCluster> clusters;
  Duration idle_timeout = std::chrono::hours(1);
  std::uint32_t connect_attempts_max = 1;
  std::vector<AccessLog> access_logs;
};

struct FilterChain {
  std::string name;
  ChainMatch match;
  std::optional<TlsReference> tls;
  std::variant<HttpSettings, TcpSettings> what;
  Duration accept_timeout = std::chrono::seconds(15);  // handshake and sniffing together
};

// Whose side of which workload a listener is, for metrics, logs and identity headers.
struct LocalWorkload {
  std::string workload;
  std::string name_space;
  std::string canonical_service;
  std::string canonical_revision;
};

// A PROXY header in front of every connection (proxy_protocol): only such a listener believes one.
struct ProxyProtocol {
  bool required = true;  // false: a connection without one speaks for itself
  bool v1 = true;
  bool v2 = true;
};

// A connection to where nobody is known waits while the control plane is asked who is there.
struct OnDemand {
  Duration timeout = std::chrono::seconds(2);
  std::uint32_t waiting_max = 1024;  // connections of one worker; more do not wait
};

struct ListenerConfig {
  std::string name;
  std::string version;
  SocketAddress address;
  std::vector<SocketAddress> extra_addresses;
  Direction direction = Direction::kUnspecified;
  bool bind = true;  // false: reached only by original destination from another listener
  bool use_original_dst =
      false;  // hands the connection to the listener of its original destination
  bool read_original_dst =
      false;  // original_dst filter: chains are chosen by the original destination
  bool transparent = false;
  bool sniff_tls = false;   // tls_inspector
  bool sniff_http = false;  // http_inspector
  std::optional<ProxyProtocol> proxy_protocol;
  std::optional<OnDemand> on_demand;
  Duration sniff_timeout = std::chrono::seconds(15);  // PROXY header and sniffing; 0: no limit
  bool go_on_after_sniff_timeout = false;
  std::uint32_t connections_max = 0;  // 0: the process's limit only
  std::vector<FilterChain> chains;
  std::shared_ptr<const FilterChain> default_chain;
  // Strict mesh port: peers' identities in requests are believed only over mTLS.
  LocalWorkload workload;
};

}  // namespace weft::config
