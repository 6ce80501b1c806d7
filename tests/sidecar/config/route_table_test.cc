#include "sidecar/config/route_table.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace weft::config {
namespace {

Route route(std::string name, PathMatch::How how, std::string path) {
  Route made;
  made.name = std::move(name);
  made.path.how = how;
  made.path.text.value = std::move(path);
  made.action = DirectResponse{};
  return made;
}

VirtualHost host(std::string name, std::vector<std::string> domains, std::vector<Route> routes) {
  return VirtualHost{std::move(name), std::move(domains), std::move(routes), {}};
}

std::shared_ptr<const RouteTable> table(std::vector<VirtualHost> hosts, bool ignore_port = false) {
  RouteConfig config;
  config.name = "test";
  config.virtual_hosts = std::move(hosts);
  config.ignore_port_in_host = ignore_port;
  auto compiled = RouteTable::compile(std::move(config));
  EXPECT_TRUE(compiled.has_value()) << compiled.error().detail;
  return *compiled;
}

// "host/route", "host/-" or "-".
std::string where(const RouteTable& routes, std::string_view authority, std::string_view target,
                  std::vector<std::pair<std::string, std::string>> headers = {},
                  std::string_view method = "GET") {
  http::RequestHead head;
  head.authority = authority;
  head.target = target;
  head.method_name = method;
  head.method = http::method_of(method);
  for (const auto& [name, value] : headers) head.headers.add_copy(name, value);
  Random random(1);
  const RouteTable::Match match = routes.match(head, random);
  if (match.host == nullptr) return "-";
  return match.host->name + "/" + (match.route == nullptr ? "-" : match.route->name);
}

TEST(RouteTable, ChoosesTheMostSpecificHost) {
  const auto all = [](std::string name) {
    return std::vector<Route>{route(std::move(name), PathMatch::How::kPrefix, "/")};
  };
  const auto routes =
      table({host("any", {"*"}, all("r")), host("suffix", {"*.shop.com"}, all("r")),
             host("longer", {"*.eu.shop.com"}, all("r")), host("prefix", {"cart.*"}, all("r")),
             host("exact", {"cart.shop.com", "cart.shop.com:8080"}, all("r"))});
  EXPECT_EQ(where(*routes, "cart.shop.com", "/"), "exact/r");
  EXPECT_EQ(where(*routes, "cart.shop.com:8080", "/"), "exact/r");
  EXPECT_EQ(where(*routes, "web.shop.com", "/"), "suffix/r");
  EXPECT_EQ(where(*routes, "web.eu.shop.com", "/"), "longer/r");
  EXPECT_EQ(where(*routes, "cart.local", "/"), "prefix/r");
  EXPECT_EQ(where(*routes, ".shop.com", "/"), "any/r");
  EXPECT_EQ(where(*routes, "else", "/"), "any/r");
}

TEST(RouteTable, IgnoresThePortWhenAsked) {
  const std::vector<Route> any{route("r", PathMatch::How::kPrefix, "/")};
  EXPECT_EQ(where(*table({host("h", {"cart"}, any)}, true), "cart:80", "/"), "h/r");
  EXPECT_EQ(where(*table({host("h", {"cart"}, any)}, false), "cart:80", "/"), "-");
  EXPECT_EQ(where(*table({host("h", {"[::1]"}, any)}, true), "[::1]:80", "/"), "h/r");
}

TEST(RouteTable, TakesTheFirstRouteThatMatches) {
  const auto routes = table({host("h", {"*"},
                                  {route("exact", PathMatch::How::kExact, "/a"),
                                   route("segments", PathMatch::How::kSegmentPrefix, "/api"),
                                   route("regex", PathMatch::How::kRegex, "/v[0-9]+/.*"),
                                   route("rest", PathMatch::How::kPrefix, "/r")})});
  EXPECT_EQ(where(*routes, "x", "/a"), "h/exact");
  EXPECT_EQ(where(*routes, "x", "/a?q=1"), "h/exact");
  EXPECT_EQ(where(*routes, "x", "/a/"), "h/-");
  EXPECT_EQ(where(*routes, "x", "/api"), "h/segments");
  EXPECT_EQ(where(*routes, "x", "/api/x"), "h/segments");
  EXPECT_EQ(where(*routes, "x", "/apix"), "h/-");
  EXPECT_EQ(where(*routes, "x", "/v12/x"), "h/regex");
  EXPECT_EQ(where(*routes, "x", "/rest"), "h/rest");
}

// With many exact routes they are found by hash, and the order among all routes still decides.
TEST(RouteTable, KeepsTheOrderWhenExactPathsAreHashed) {
  std::vector<Route> routes;
  for (int i = 0; i < 50; ++i)
    routes.push_back(
        route("e" + std::to_string(i), PathMatch::How::kExact, "/" + std::to_string(i)));
  routes.insert(routes.begin() + 25, route("prefix", PathMatch::How::kPrefix, "/4"));
  const auto compiled = table({host("h", {"*"}, routes)});
  EXPECT_EQ(where(*compiled, "x", "/4"), "h/e4");
  EXPECT_EQ(where(*compiled, "x", "/24"), "h/e24");
  EXPECT_EQ(where(*compiled, "x", "/40"), "h/prefix");
  EXPECT_EQ(where(*compiled, "x", "/39"), "h/e39");
}

TEST(RouteTable, MatchesHeadersQueryAndMethod) {
  Route canary = route("canary", PathMatch::How::kPrefix, "/");
  canary.headers.push_back(HeaderMatch{.name = "canary", .text = {.value = "true"}});
  Route post = route("post", PathMatch::How::kPrefix, "/");
  post.headers.push_back(HeaderMatch{.name = ":method", .text = {.value = "POST"}});
  Route query = route("query", PathMatch::How::kPrefix, "/");
  query.query.push_back(QueryMatch{.name = "v", .text = {.value = "2"}});
  const auto routes =
      table({host("h", {"*"}, {canary, post, query, route("rest", PathMatch::How::kPrefix, "/")})});
  EXPECT_EQ(where(*routes, "x", "/", {{"Canary", "true"}}), "h/canary");
  EXPECT_EQ(where(*routes, "x", "/", {{"canary", "tru"}}), "h/rest");
  EXPECT_EQ(where(*routes, "x", "/", {{"canary", "true"}, {"canary", "x"}}), "h/rest");
  EXPECT_EQ(where(*routes, "x", "/", {}, "POST"), "h/post");
  EXPECT_EQ(where(*routes, "x", "/p?a=1&v=2"), "h/query");
  EXPECT_EQ(where(*routes, "x", "/p?v=3&v=2"), "h/rest");
}

TEST(HeaderMatch, AnInvertedMatchDoesNotMatchAMissingHeader) {
  http::RequestHead head;
  HeaderMatch match{.name = "x", .text = {.value = "a"}, .invert = true};
  EXPECT_FALSE(match.matches(head));
  match.missing_is_empty = true;
  EXPECT_TRUE(match.matches(head));
  HeaderMatch absent{.name = "x", .how = HeaderMatch::How::kPresent, .present = false};
  EXPECT_TRUE(absent.matches(head));
  HeaderMatch range{
      .name = "n", .how = HeaderMatch::How::kRange, .range_start = -5, .range_end = 5};
  head.headers.add("n", "-5");
  EXPECT_TRUE(range.matches(head));
  range.range_end = -5;
  EXPECT_FALSE(range.matches(head));
}

TEST(RouteTable, RefusesWhatCannotWorkByName) {
  const auto refuse = [](VirtualHost first, VirtualHost second) {
    RouteConfig config;
    config.virtual_hosts = {std::move(first), std::move(second)};
    const auto compiled = RouteTable::compile(std::move(config));
    return compiled ? std::string("accepted") : compiled.error().detail;
  };
  const VirtualHost fine = host("a", {"a"}, {});
  EXPECT_EQ(refuse(fine, host("b", {"A"}, {})),
            "virtual_hosts[1].domains[0]: 'a' is in another virtual host too");
  EXPECT_EQ(refuse(fine, host("b", {}, {})), "virtual_hosts[1].domains: empty");
  EXPECT_EQ(
      refuse(fine, host("b", {"b"}, {route("r", PathMatch::How::kRegex, "(")})),
      "virtual_hosts[1].routes[0].match.safe_regex: bad regular expression '(': missing ): (");
  Route nothing = route("r", PathMatch::How::kPrefix, "/");
  nothing.action = ForwardAction{.clusters = {{"c", 0, {}}}};
  EXPECT_EQ(refuse(fine, host("b", {"b"}, {nothing})),
            "virtual_hosts[1].routes[0].route: no cluster with a weight above 0");
}

// Every prefix of the sequence is within one request of the share asked for, for two clusters, from
// any phase.
TEST(Split, IsExactAtEveryMoment) {
  const std::vector<std::array<std::uint32_t, 2>> weights{{90, 10}, {99, 1}, {1, 999},
                                                          {50, 50}, {1, 2},  {3333, 6667}};
  for (const auto& [a, b] : weights) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Random random(seed);
      Split split({{"a", a, {}}, {"b", b, {}}}, random);
      std::array<double, 2> counts{};
      for (int n = 1; n <= 10'000; ++n) {
        counts[split.next()] += 1;
        const double share = static_cast<double>(n) * b / (a + b);
        ASSERT_LE(std::abs(counts[1] - share), 1.0)
            << a << "/" << b << " after " << n << " seed " << seed;
      }
    }
  }
}

TEST(Split, NeverChoosesAWeightOfZero) {
  Random random(3);
  Split split({{"a", 0, {}}, {"b", 5, {}}, {"c", 0, {}}}, random);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(split.next(), 1u);
}

TEST(Split, WhatOneLeavesTheOthersShareByTheirWeights) {
  Random random(3);
  Split split({{"empty", 50, {}}, {"a", 40, {}}, {"b", 10, {}}, {"off", 0, {}}}, random);
  std::vector<int> taken(4);
  const auto usable = [](std::size_t index) { return index != 0; };
  for (int i = 0; i < 10'000; ++i) {
    const std::size_t chosen = split.next();
    ++taken[usable(chosen) ? chosen : split.next_among(usable).value_or(3)];
  }
  EXPECT_EQ(taken[0], 0);
  EXPECT_NEAR(taken[1], 8000, 2);
  EXPECT_NEAR(taken[2], 2000, 2);
  EXPECT_EQ(taken[3], 0) << "a weight of zero means never";
  EXPECT_FALSE(split.next_among([](std::size_t index) { return index == 3; }));
  // It is back: the old shares hold at once.
  std::vector<int> after(4);
  for (int i = 0; i < 1000; ++i) ++after[split.next()];
  EXPECT_NEAR(after[0], 500, 2);
}

TEST(Split, SidecarsDoNotStartInStep) {
  int canary_first = 0;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    Random random(seed);
    Split split({{"stable", 90, {}}, {"canary", 10, {}}}, random);
    canary_first += split.next() == 1 ? 1 : 0;
  }
  EXPECT_GT(canary_first, 50);
  EXPECT_LT(canary_first, 200);
}

}  // namespace
}  // namespace weft::config
