#pragma once
// What a rule of a route does with requests, besides choosing them: where they go, what is changed
// in them and in their answers, what is done beside them. Pure data, shared by HTTPRoute, GRPCRoute
// and VirtualService; TCPRoute and TLSRoute have its BackendRef.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/model/names.h"
#include "sidecar/core/clock.h"

namespace weft::control {

struct HeaderChanges {
  std::vector<std::pair<std::string, std::string>> set;
  std::vector<std::pair<std::string, std::string>> add;
  std::vector<std::string> remove;

  [[nodiscard]] bool empty() const { return set.empty() && add.empty() && remove.empty(); }
};

struct PathChange {
  // What a prefix matched: by whole path elements, or the bytes as they are. Otherwise all of it.
  enum class How : std::uint8_t { kWhole, kElements, kBytes, kRegex };
  How how = How::kWhole;
  std::string value;    // of kRegex: the substitution, with \1 for a group
  std::string pattern;  // of kRegex
};

struct Redirect {
  std::string scheme;
  std::string hostname;
  std::optional<PathChange> path;
  std::optional<std::uint16_t> port;
  bool keep_port = false;  // without `port`: the one the request came to, whatever the scheme
  std::uint16_t status = 302;
};

struct Rewrite {
  std::string hostname;
  std::optional<PathChange> path;
};

struct FixedAnswer {
  static constexpr std::size_t kBytesMax = 4096;  // what xDS allows
  std::uint16_t status = 200;
  std::string body;
};

struct BackendRef {
  ObjectName service;
  std::uint16_t port = 0;  // 0: the Service's only one, or the one that the request came to
  std::string subset;      // of the Service's DestinationRule; empty: all of it
  std::uint32_t weight = 1;
  std::string unusable;  // why it leads nowhere, whatever exists: another kind, no port
  std::string home;      // the namespace of what names it
  HeaderChanges request;
  HeaderChanges response;
};

// A copy of each request, whose answer nobody waits for.
struct Mirror {
  static constexpr std::uint32_t kAll = 1'000'000;
  BackendRef backend;
  std::uint32_t per_million = kAll;
};

// Which pages of other origins may read the answers. Fetch, "CORS protocol".
struct Cors {
  struct Origin {
    enum class How : std::uint8_t { kExact, kPrefix, kRegex };
    How how = How::kExact;
    std::string value;
  };
  std::vector<Origin> origins;
  std::vector<std::string> methods;
  std::vector<std::string> headers;
  std::vector<std::string> exposed;
  Duration max_age{0};  // 0: the header is left out
  std::optional<bool> credentials;
  bool forward_unmatched = true;  // a preflight of another origin goes to the app
};

// One backend for all requests that carry a token (GEP-1619).
struct SessionPersistence {
  bool header = false;  // in a header instead of a cookie
  std::string name;     // empty: one of the rule's own
  Duration absolute_timeout{0};
  bool permanent = false;  // the cookie lives for absolute_timeout
};

// What is done to a share of the requests on purpose; of VirtualServices, which name no end.
struct InjectedFault {
  std::uint32_t per_million = Mirror::kAll;
  Duration delay{0};
  std::uint16_t http_status = 0;
  std::optional<std::uint16_t> grpc_status;
};

}  // namespace weft::control
