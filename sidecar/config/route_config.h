#pragma once
// RouteConfig: what a route table says, as plain data. from_proto fills it, RouteTable compiles it,
// Exchange reads the chosen Route. Immutable once compiled. Fields follow envoy.config.route.v3; a
// zero Duration means "none".

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sidecar/config/hash_policy.h"
#include "sidecar/config/header_edit.h"
#include "sidecar/config/matchers.h"
#include "sidecar/config/priority.h"
#include "sidecar/config/route_extras.h"
#include "sidecar/config/session_persistence.h"
#include "sidecar/core/clock.h"

namespace weft::config {

// When a failed attempt may be made again (behaviour.md 3). `on` is a set of RetryOn bits.
enum RetryOn : std::uint32_t {
  kRetryUnprocessed = 1U << 0,   // connect failure, refused stream, GOAWAY above last id, reset
                                 // before any byte was sent
  kRetryReset = 1U << 1,         // reset before a response head
  kRetryTimeout = 1U << 2,       // attempt timeout
  kRetry5xx = 1U << 3,           // 5xx, reset and timeouts
  kRetryGatewayError = 1U << 4,  // 502, 503, 504
  kRetryRetriable4xx = 1U << 5,  // 409
  kRetryStatusCodes = 1U << 6,   // RetryPolicy::status_codes
  kRetryGrpcCancelled = 1U << 7,
  kRetryGrpcDeadlineExceeded = 1U << 8,
  kRetryGrpcInternal = 1U << 9,
  kRetryGrpcResourceExhausted = 1U << 10,
  kRetryGrpcUnavailable = 1U << 11,
};

enum class BackoffJitter : std::uint8_t { kFull, kEqual, kDecorrelated, kNone };

struct RetryPolicy {
  std::uint32_t on = 0;              // 0: never
  std::uint32_t attempts_extra = 1;  // Envoy's num_retries default
  std::vector<std::uint16_t> status_codes;
  Duration attempt_timeout{0};
  Duration backoff_base = std::chrono::milliseconds(25);
  Duration backoff_max = std::chrono::milliseconds(250);
  BackoffJitter jitter = BackoffJitter::kFull;
  Duration retry_after_max = std::chrono::seconds(1);  // a longer Retry-After or pushback: no retry
  // What is not provably unprocessed is repeated for idempotent methods only, unless the author
  // opted in.
  bool any_method = false;
  bool avoid_tried_endpoints = false;
  std::uint32_t replay_bytes_max = 64 * 1024;
};

struct RouteTimeouts {
  Duration request{0};  // all tries and waits, from the end of the request
  Duration head{0};     // from the last request byte to the response head
  Duration attempt{0};  // each try
  Duration idle{0};     // nothing moved in either direction; 0: the listener's stream idle timeout
  Duration stream_max{0};  // from the head to the very end
  bool honour_grpc_timeout = false;
  Duration grpc_timeout_max{0};
};

struct WeightedCluster {
  std::string cluster;
  std::uint32_t weight = 1;
  HeaderEdits edits;
};

// What a route says about one upgrade, whatever its listener does (RouteAction.upgrade_configs).
struct UpgradeRule {
  std::string protocol;  // lower case; "connect" is CONNECT itself
  bool allowed = true;
  // Of CONNECT: its head ends here, its bytes go to the upstream as they are (connect_config).
  bool ends_here = false;
};

struct ForwardAction {
  std::vector<WeightedCluster> clusters;  // at least one; weights not all zero
  std::string cluster_header;  // takes the cluster's name from this request header instead;
                               // clusters is empty
  std::uint16_t cluster_not_found_status = 503;
  // A cluster without a ready endpoint leaves its share to the others that have a weight.
  bool redistribute_empty = false;
  std::string prefix_rewrite;  // replaces what the path match matched; empty: none
  std::optional<TextMatch> regex_rewrite_pattern;
  std::string regex_rewrite_substitution;
  std::string host_rewrite;
  RetryPolicy retry;
  RouteTimeouts timeouts;
  std::vector<UpgradeRule> upgrades;                  // what is not named is the listener's
  std::vector<HashPolicy> hash_policies;              // for clusters that balance by hash
  std::shared_ptr<const SessionPersistence> session;  // null: requests know no session
  PriorityRule priority;                              // where requests wait
  bool splits() const { return clusters.size() > 1; }
};

struct RedirectAction {
  std::string scheme;
  std::string host;
  std::optional<std::uint16_t> port;
  std::string path;  // replaces path and query
  std::string prefix_rewrite;
  std::uint16_t status = 301;
  bool strip_query = false;
};

struct DirectResponse {
  std::uint16_t status = 200;
  std::string body;
  std::string content_type = "text/plain";
};

struct Route {
  std::string name;
  PathMatch path;
  std::vector<HeaderMatch> headers;
  std::vector<QueryMatch> query;
  bool grpc_only = false;
  std::optional<std::uint32_t>
      per_million;  // matches only this share of requests (runtime_fraction)
  std::variant<ForwardAction, RedirectAction, DirectResponse> action;
  HeaderEdits edits;
  std::shared_ptr<const RouteExtras> extras;  // null: none of that
  bool decorated = true;                      // traces may name it
  std::uint32_t split =
      0;  // index of its split state in the table, set by RouteTable for routes that split
  std::uint32_t label = 0;  // for metrics; set by the publisher
};

struct VirtualHost {
  std::string name;
  std::vector<std::string>
      domains;  // "cart", "*.shop", "cart.*", "*"; lower case, without port unless written
  std::vector<Route> routes;  // first match wins
  HeaderEdits edits;
};

struct RouteConfig {
  std::string name;
  std::string version;
  std::vector<VirtualHost> virtual_hosts;
  HeaderEdits edits;
  bool most_specific_edits_win = false;
  bool ignore_port_in_host = false;
};

}  // namespace weft::config
