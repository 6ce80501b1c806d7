#pragma once
// RouteQuery: where one request would go: route, group, endpoints, what holds for it. Asked of what
// the caller's sidecar is told, by the code that it runs (config::RouteTable).

#include <string>
#include <utility>
#include <vector>

#include "control/cli/explain.h"
#include "control/mesh.h"
#include "sidecar/core/result.h"

namespace weft::control::cli {

struct RouteQuery {
  std::string method = "GET";
  std::string url;  // "http://cart/api?x=1"
  std::vector<std::pair<std::string, std::string>> headers;
  std::string from;  // a Workload, the app it is of, or a namespace; empty: anybody
};

struct RouteAnswer {
  struct Group {
    std::string cluster;  // "outbound|80||cart-v1.shop.svc.cluster.local"
    std::uint32_t weight = 1;
    std::vector<std::string> endpoints;  // "127.5.1.7:8080 cart-v1-a v1"
    std::uint32_t elsewhere = 0;         // and so many for callers on other nodes
  };
  std::string caller;               // "Workload shop/web-a"
  std::string host;                 // the virtual host that took it; empty: none does
  std::string route;                // its name; empty: none does
  std::string outcome;              // "forwarded", "redirected with 301 to …", "answered with 404"
  std::vector<Group> groups;        // one takes it, by weight
  std::vector<Explained> policies;  // of the request, those that somebody wrote

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string json() const;
};

[[nodiscard]] Result<RouteAnswer> ask_route(const std::shared_ptr<const Mesh>& mesh,
                                            const RouteQuery& query);

}  // namespace weft::control::cli
