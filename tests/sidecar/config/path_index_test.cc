#include "sidecar/config/path_index.h"

#include <gtest/gtest.h>

#include <string>

#include "sidecar/core/random.h"

namespace weft::config {
namespace {

HeaderMatch wants(std::string name, std::string value) {
  HeaderMatch made;
  made.id = http::header_id_of(name);
  made.name = std::move(name);
  made.text.value = std::move(value);
  return made;
}

bool fits(const Route& candidate, const http::RequestHead& head) {
  if (!candidate.path.matches(head)) return false;
  for (const HeaderMatch& header : candidate.headers) {
    if (!header.matches(head)) return false;
  }
  return true;
}

// How many routes were compared with the request, and which one it was.
struct Found {
  const Route* chosen = nullptr;
  std::size_t compared = 0;
};

Found look(const PathIndex& index, const http::RequestHead& head) {
  Found out;
  out.chosen = index.find(head, [&](const Route& candidate) {
    ++out.compared;
    return fits(candidate, head);
  });
  return out;
}

http::RequestHead request(std::string_view target,
                          std::vector<std::pair<std::string, std::string>> headers = {}) {
  http::RequestHead head;
  head.target = target;
  for (const auto& [name, value] : headers) head.headers.add_copy(name, value);
  return head;
}

std::vector<Route> numbered(std::size_t count, PathMatch::How how) {
  std::vector<Route> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].path.how = how;
    out[i].path.text.value = "/service-" + std::to_string(i);
  }
  return out;
}

TEST(PathIndex, ComparesTheLastOfTenThousandPrefixesWithHardlyAnything) {
  for (const PathMatch::How how :
       {PathMatch::How::kExact, PathMatch::How::kPrefix, PathMatch::How::kSegmentPrefix}) {
    const std::vector<Route> routes = numbered(10'000, how);
    const PathIndex index(routes);
    const http::RequestHead head = request("/service-9999");
    const Found found = look(index, head);
    // "/service-9" and the like are prefixes of it as well.
    EXPECT_LE(found.compared, 4U);
    ASSERT_NE(found.chosen, nullptr);
    EXPECT_TRUE(found.chosen->path.matches(head));
  }
}

TEST(PathIndex, TellsTenThousandTenantsOfOnePathApartByTheirHeader) {
  std::vector<Route> routes(10'000);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    routes[i].path.text.value = "/";
    routes[i].headers.push_back(wants("x-tenant", "t" + std::to_string(i)));
  }
  const PathIndex index(routes);
  const Found last = look(index, request("/x", {{"x-tenant", "t9999"}}));
  EXPECT_EQ(last.chosen, &routes[9'999]);
  EXPECT_EQ(last.compared, 1U);
  EXPECT_EQ(look(index, request("/x")).compared, 0U);
  // Several lines are one value.
  EXPECT_EQ(look(index, request("/x", {{"x-tenant", "t1"}, {"x-tenant", "t2"}})).chosen, nullptr);
}

TEST(PathIndex, KeepsTheOrderOfTheRoutesWhereverTheyAreFound) {
  std::vector<Route> routes = numbered(20, PathMatch::How::kPrefix);
  Route all;
  all.path.text.value = "/";
  routes.insert(routes.begin() + 10, all);
  const PathIndex index(routes);
  EXPECT_EQ(look(index, request("/service-9/x")).chosen, &routes[9]);
  // Its own route comes after the one for everything.
  EXPECT_EQ(look(index, request("/service-11/x")).chosen, &routes[1]);
  EXPECT_EQ(look(index, request("/else")).chosen, &routes[10]);
}

TEST(PathIndex, FindsPrefixesOfMoreLengthsThanItHashes) {
  std::vector<Route> routes;
  for (std::size_t length = 1; length <= 3 * PathIndex::kLengthsMax; ++length) {
    Route made;
    made.path.text.value = "/" + std::string(length, 'a') + "b";
    routes.push_back(made);
  }
  const PathIndex index(routes);
  for (std::size_t i = 0; i < routes.size(); ++i) {
    EXPECT_EQ(look(index, request(routes[i].path.text.value + "/x")).chosen, &routes[i]);
  }
}

// Small alphabets, so that routes overlap in every way.
std::string some_path(Random& random) {
  std::string out = "/";
  for (std::uint64_t left = random.below(5); left > 0; --left) out += "ab/"[random.below(3)];
  return out;
}

Route some_route(Random& random) {
  Route made;
  constexpr PathMatch::How kHows[] = {PathMatch::How::kExact, PathMatch::How::kPrefix,
                                      PathMatch::How::kSegmentPrefix, PathMatch::How::kRegex};
  made.path.how = kHows[random.below(std::size(kHows))];
  made.path.ignore_case = made.path.how != PathMatch::How::kRegex && random.below(8) == 0;
  made.path.text.value = some_path(random);
  if (made.path.how == PathMatch::How::kRegex) {
    made.path.text.how = TextMatch::How::kRegex;
    EXPECT_TRUE(made.path.text.compile());
  }
  for (std::uint64_t left = random.below(3); left > 0; --left) {
    made.headers.push_back(wants(random.below(2) == 0 ? "x-one" : "user-agent",
                                 std::string(1, "uvw"[random.below(3)])));
    HeaderMatch& header = made.headers.back();
    header.invert = random.below(6) == 0;
    header.missing_is_empty = random.below(6) == 0;
    if (random.below(6) == 0) header.text.value.clear();
    if (random.below(6) == 0) header.text.how = TextMatch::How::kPrefix;
  }
  return made;
}

TEST(PathIndex, ChoosesWhatALookAtEveryRouteWouldChoose) {
  Random random(20261121);
  std::size_t matched = 0;
  for (int table = 0; table < 400; ++table) {
    std::vector<Route> routes;
    for (std::uint64_t left = 1 + random.below(200); left > 0; --left) {
      routes.push_back(some_route(random));
    }
    const PathIndex index(routes);
    for (int asked = 0; asked < 50; ++asked) {
      const std::string path = some_path(random);
      http::RequestHead head = request(path);
      for (std::uint64_t left = random.below(4); left > 0; --left) {
        head.headers.add_copy(random.below(2) == 0 ? "X-One" : "User-Agent",
                              std::string(1, "uvw"[random.below(3)]));
      }
      const Route* wanted = nullptr;
      for (const Route& candidate : routes) {
        if (wanted == nullptr && fits(candidate, head)) wanted = &candidate;
      }
      ASSERT_EQ(look(index, head).chosen, wanted) << head.target;
      if (wanted != nullptr) ++matched;
    }
  }
  EXPECT_GT(matched, 4'000U);
}

}  // namespace
}  // namespace weft::config
