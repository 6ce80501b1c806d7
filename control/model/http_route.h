#pragma once
// HttpRoute: how requests to a Service are matched, changed and sent on.
// gateway.networking.k8s.io/v1 and v1beta1 with Service parents (GAMMA, GEP-1294); fields that no
// mesh has a use for are passed over, those not built yet are refused.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/model/metadata.h"
#include "control/model/policy_fields.h"

namespace weft::control {

struct ParentRef {
  ObjectName service;
  std::optional<std::uint16_t> port;  // absent, and no section: every port
  std::string section;                // a port's name

  bool operator==(const ParentRef&) const = default;
};

struct PathMatch {
  enum class How : std::uint8_t { kExact, kPrefix, kRegex };
  How how = How::kPrefix;
  std::string value = "/";  // a prefix has no '/' at its end, unless it is "/"
};

struct NamedMatch {
  std::string name;
  std::string value;
  bool regex = false;
};

struct RouteMatch {
  PathMatch path;
  std::vector<NamedMatch> headers;
  std::vector<NamedMatch> query;
  std::string method;
};

struct HeaderChanges {
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::pair<std::string, std::string>> add;
  std::vector<std::string> remove;

  [[nodiscard]] bool empty() const { return set.empty() && add.empty() && remove.empty(); }
};

struct PathChange {
  bool prefix = false;  // replaces what the prefix matched; otherwise the whole path
  std::string value;
};

struct Redirect {
  std::string scheme;
  std::string hostname;
  std::optional<PathChange> path;
  std::optional<std::uint16_t> port;
  std::uint16_t status = 302;
};

struct Rewrite {
  std::string hostname;
  std::optional<PathChange> path;
};

struct BackendRef {
  ObjectName service;
  std::uint16_t port = 0;
  std::uint32_t weight = 1;
  std::string unusable;  // why it leads nowhere, whatever exists: another kind, no port
  HeaderChanges request;
  HeaderChanges response;
};

struct RouteRule {
  std::string name;
  std::vector<RouteMatch> matches;  // at least one
  HeaderChanges request;
  HeaderChanges response;
  std::optional<Redirect> redirect;
  std::optional<Rewrite> rewrite;
  std::vector<BackendRef> backends;
  // What its timeouts and its retry say, which no TrafficPolicy can overrule; null: nothing.
  std::shared_ptr<const PolicyFields> policy;
  std::uint32_t line = 0;
};

struct HttpRoute {
  static constexpr std::size_t kParentsMax = 32;
  static constexpr std::size_t kRulesMax = 16;
  static constexpr std::size_t kMatchesMax = 64;        // of a rule
  static constexpr std::size_t kMatchesTotalMax = 128;  // of the route
  static constexpr std::size_t kBackendsMax = 16;
  static constexpr std::size_t kItemsMax = 16;  // filters, headers, parameters
  static constexpr std::uint32_t kAttemptsMax = 10;

  Metadata metadata;
  std::vector<ParentRef> parents;  // those that are Services
  std::vector<RouteRule> rules;
};

[[nodiscard]] HttpRoute read_http_route(Reader& document);

// Parts of the reading, for the sources of this folder.
void read_matches(Reader& rule, RouteRule& out);
void read_filters(Reader& rule, RouteRule& out);
void read_backend_filters(Reader& backend, BackendRef& out);

}  // namespace weft::control
