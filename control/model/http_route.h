#pragma once
// HttpRoute: how requests to a Service are matched, changed and sent on: what an HTTPRoute, a
// GRPCRoute and the `http` of a VirtualService all become, so that everything behind reads one
// form. Here too: reading gateway.networking.k8s.io/v1 and v1beta1 HTTPRoutes with Service parents
// (GAMMA, GEP-1294). Fields that no mesh has a use for are passed over, those not built yet are
// refused.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"
#include "control/model/route_actions.h"
#include "control/model/route_refs.h"

namespace weft::control {

struct PathMatch {
  // kPrefix takes whole path elements ("/a" takes "/a/x", never "/ax"), kBytes what begins so.
  enum class How : std::uint8_t { kExact, kPrefix, kBytes, kRegex };
  How how = How::kPrefix;
  std::string value = "/";  // of kPrefix without a '/' at its end, unless it is "/"
  bool ignore_case = false;
};

// Of a header or a query parameter; ":method", ":authority" and ":scheme" are headers too.
struct NamedMatch {
  enum class How : std::uint8_t { kExact, kPrefix, kRegex, kPresent };
  std::string name;
  std::string value;
  How how = How::kExact;
  bool invert = false;

  bool operator==(const NamedMatch&) const = default;
};

struct RouteMatch {
  PathMatch path;
  std::vector<NamedMatch> headers;
  std::vector<NamedMatch> query;
  std::string method;

  // Of a VirtualService: who calls, and by which port of the Service. Decided when routes are made.
  std::optional<std::uint16_t> port;
  Labels source_labels;
  std::string source_namespace;

  // Of a GRPCRoute: how much of the method is named, which decides precedence.
  std::uint32_t grpc_service = 0;
  std::uint32_t grpc_method = 0;
};

struct RouteRule {
  std::string name;
  std::vector<RouteMatch> matches;  // at least one
  HeaderChanges request;
  HeaderChanges response;
  std::optional<Redirect> redirect;
  std::optional<Rewrite> rewrite;
  std::optional<FixedAnswer> answer;
  std::vector<BackendRef> backends;
  std::vector<Mirror> mirrors;
  std::optional<Cors> cors;
  std::optional<SessionPersistence> session;
  std::vector<InjectedFault> faults;
  // What its timeouts and its retry say, which no TrafficPolicy can overrule; null: nothing.
  std::shared_ptr<const PolicyFields> policy;
  std::uint32_t line = 0;
};

struct HttpRoute {
  static constexpr std::size_t kRulesMax = 16;
  static constexpr std::size_t kMatchesMax = 64;        // of a rule
  static constexpr std::size_t kMatchesTotalMax = 128;  // of the route
  static constexpr std::size_t kItemsMax = 16;          // filters, headers, parameters
  static constexpr std::uint32_t kAttemptsMax = 10;

  // What it was written as: precedence, and whether its rules are asked as they stand, hang on it.
  Kind kind = Kind::kHttpRoute;
  Metadata metadata;
  std::vector<ParentRef> parents;  // those that are Services
  std::vector<RouteRule> rules;

  [[nodiscard]] ObjectKey key() const { return {kind, metadata.name}; }
};

[[nodiscard]] HttpRoute read_http_route(Reader& document);

// Parts of the reading, for the sources of this folder.
void read_matches(Reader& rule, RouteRule& out);
void read_filters(Reader& rule, const ObjectName& route, RouteRule& out);
// Of a GRPCRoute, which has neither redirects nor rewrites.
void read_grpc_filters(Reader& rule, const ObjectName& route, RouteRule& out);
void read_backend_filters(Reader& backend, BackendRef& out);
// `sessionPersistence` of a rule or of a policy.
[[nodiscard]] SessionPersistence read_session_persistence(Reader& session);

}  // namespace weft::control
