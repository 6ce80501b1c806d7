#pragma once
// Table: what the shop did between two scrapes, a row for each service and version: how many
// requests a second, how many errors, how long they took, what share of the traffic, and who the
// callers proved to be. Pure.

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/demo/scrape.h"
#include "tests/demo/shop.h"

namespace weft::demo {

struct Row {
  std::string service;
  std::string version;
  double rate = 0;    // a second, as the callee's sidecar counts
  double errors = 0;  // of these, answered with 5xx
  double p50 = 0;     // seconds
  double p99 = 0;
  std::optional<double> share;  // percent of the service's requests, where it has several versions
  std::optional<double> asked;  // the same as the route has it
  std::set<std::string> callers;  // service accounts that were proved: "web"
};

[[nodiscard]] std::vector<Row> make_rows(const Shop& shop, const Scrape& before,
                                         const Scrape& after,
                                         const std::optional<Weights>& weights);
// Columns of text under a head.
[[nodiscard]] std::string render(const std::vector<Row>& rows);

// The weights of the route of cart, from the control plane's /config page.
[[nodiscard]] std::optional<Weights> read_weights(std::string_view config_page);
// "spiffe://cluster.local/ns/shop/sa/web" -> "web"; another principal stays whole, none is
// "nobody".
[[nodiscard]] std::string short_principal(std::string_view principal);

}  // namespace weft::demo
