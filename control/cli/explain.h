#pragma once
// Explain: what holds for the traffic to a Service: every effective value and the document it came
// from, by the merging that the planner writes into xDS.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "control/planner/effective_policy.h"
#include "sidecar/core/result.h"

namespace weft::control::cli {

struct Explained {
  std::string field;
  std::string value;
  std::string document;
  std::string place;  // empty for weft's own defaults
};

// Of a Mesh that a control plane told, whose files' lines nobody knows.
void forget_lines(std::vector<Explained>& fields);

struct Explanation {
  // Requests that one rule of a route takes; without any route there is one nameless.
  struct Requests {
    std::string route;  // "HTTPRoute shop/cart"
    std::string rule;
    std::vector<std::string> backends;  // where they go instead of the Service itself
    std::vector<Explained> fields;
  };
  struct Port {
    std::uint16_t number = 0;
    std::vector<Explained> destination;
    std::vector<Requests> requests;
  };
  std::string service;
  std::string from;  // a client's namespace; empty: any without policies and routes of its own
  std::vector<Port> ports;
  std::vector<std::string> warnings;  // policies that do not hold, and why

  [[nodiscard]] std::string text() const;
  [[nodiscard]] std::string json() const;
};

struct ExplainQuestion {
  std::string service;  // "cart" where there is one only, or "shop/cart"
  std::optional<std::uint16_t> port;
  std::string route;  // "cart" or "shop/cart", a rule behind a colon: "cart:main"; empty: all
  std::string from;
};

[[nodiscard]] Result<Explanation> explain(const Mesh& mesh, const ExplainQuestion& question);

}  // namespace weft::control::cli
