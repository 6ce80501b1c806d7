// Balancing as a caller of the whole proxy sees it: who answers.

#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <memory>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using config::BalancerKind;

// Several origins that answer with their number.
struct ReplicaGroup {
  explicit ReplicaGroup(std::size_t count) {
    origins.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      origins.push_back(std::make_unique<Origin>(Origin::replies(200, std::to_string(i))));
  }
  [[nodiscard]] config::ClusterConfig cluster_by(BalancerKind kind) const {
    std::vector<SocketAddress> addresses;
    for (const auto& origin : origins) addresses.push_back(origin->address());
    config::ClusterConfig out = cluster("cart", std::move(addresses));
    out.balancing.kind = kind;
    return out;
  }
  std::vector<std::unique_ptr<Origin>> origins;
};

// Whether something has come, now or in a moment.
bool readable(const Wire& wire) {
  pollfd waits{.fd = wire.fd(), .events = POLLIN, .revents = 0};
  return ::poll(&waits, 1, 1) == 1;
}

config::Route hashing(config::HashPolicy policy) {
  config::Route route = to("/", "cart");
  forward(route).hash_policies = {std::move(policy)};
  return route;
}

TEST(HashBalancing, TheSameHeaderGoesToTheSameEndpoint) {
  for (const BalancerKind kind : {BalancerKind::kRingHash, BalancerKind::kMaglev}) {
    const ReplicaGroup group(5);
    Proxy proxy(
        {http_listener(
            "in", routes({hashing({.of = config::HashPolicy::Of::kHeader, .name = "x-user"})}))},
        {group.cluster_by(kind)});
    std::map<std::string, std::string> owners;
    for (int round = 0; round < 3; ++round) {
      Wire wire = proxy.dial();
      for (int user = 0; user < 30; ++user) {
        const std::string field = "x-user: u" + std::to_string(user) + "\r\n";
        const Wire::Message answer = ask(wire, "/", field);
        ASSERT_EQ(answer.status(), 200);
        const auto [owner, fresh] = owners.emplace(field, answer.body);
        EXPECT_EQ(owner->second, answer.body);
      }
    }
    std::map<std::string, int> shares;
    for (const auto& [user, owner] : owners) ++shares[owner];
    EXPECT_EQ(shares.size(), 5U) << "and everybody has some";
  }
}

TEST(HashBalancing, ACookieIsMadeOnceAndSticks) {
  const ReplicaGroup group(8);
  config::HashPolicy policy{.of = config::HashPolicy::Of::kCookie, .name = "shop"};
  policy.cookie_ttl = std::chrono::hours(1);
  policy.cookie_path = "/";
  Proxy proxy({http_listener("in", routes({hashing(policy)}))},
              {group.cluster_by(BalancerKind::kRingHash)});
  std::map<std::string, int> owners;
  for (int client = 0; client < 20; ++client) {
    const Wire::Message first = ask(proxy, "/");
    const std::string made = first.field("set-cookie");
    ASSERT_TRUE(made.starts_with("shop=\"") && made.ends_with("; Max-Age=3600; Path=/; HttpOnly"))
        << made;
    const std::string cookie = "cookie: theme=dark; " + made.substr(0, made.find(';')) + "\r\n";
    for (int i = 0; i < 5; ++i) {
      const Wire::Message again = ask(proxy, "/", cookie);
      EXPECT_EQ(again.body, first.body);
      EXPECT_EQ(again.field("set-cookie"), "") << "it is there already";
    }
    ++owners[first.body];
  }
  EXPECT_GT(owners.size(), 1U) << "clients differ";
}

TEST(HashBalancing, ALostOwnersKeysMoveAndTheOthersStay) {
  ReplicaGroup group(5);
  Proxy proxy(
      {http_listener(
          "in", routes({hashing({.of = config::HashPolicy::Of::kQueryParameter, .name = "k"})}))},
      {group.cluster_by(BalancerKind::kMaglev)});
  const auto owner_of = [&](int k) { return ask(proxy, "/?k=" + std::to_string(k)).body; };
  std::vector<std::string> before;
  before.reserve(40);
  for (int k = 0; k < 40; ++k) before.push_back(owner_of(k));
  // The owner of the first key is no longer ready.
  const auto lost = static_cast<std::size_t>(std::stoi(before[0]));
  config::ClusterConfig changed = group.cluster_by(BalancerKind::kMaglev);
  config::EndpointSet endpoints = *changed.inline_endpoints;
  endpoints.endpoints[lost].health = config::Endpoint::Health::kUnhealthy;
  endpoints.version = "2";
  changed.inline_endpoints = std::make_shared<const config::EndpointSet>(std::move(endpoints));
  proxy.on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(changed));
    sidecar.publisher().schedule();
  });
  ASSERT_TRUE(proxy.ready());
  for (int i = 0; i < 10'000 && owner_of(0) == before[0]; ++i) continue;
  for (int k = 0; k < 40; ++k) {
    const std::string now = owner_of(k);
    EXPECT_NE(now, before[0]);
    if (before[static_cast<std::size_t>(k)] != before[0]) {
      EXPECT_EQ(now, before[static_cast<std::size_t>(k)]);
    }
  }
}

// Ten origins of which one fails at once; how many of 500 requests it gets.
std::size_t asked_of_the_failing_one(BalancerKind kind) {
  ReplicaGroup group(9);
  group.origins.push_back(std::make_unique<Origin>(Origin::replies(503, "broken")));
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))}, {group.cluster_by(kind)});
  Wire wire = proxy.dial();
  for (int i = 0; i < 500; ++i) (void)ask(wire, "/");
  return group.origins.back()->requests();
}

TEST(PeakEwma, AFastFailureAttractsNothing) {
  EXPECT_EQ(asked_of_the_failing_one(BalancerKind::kRoundRobin), 50U) << "for contrast";
  EXPECT_LE(asked_of_the_failing_one(BalancerKind::kPeakEwma), 5U);
}

TEST(PeakEwma, ASlowEndpointGetsLittle) {
  ReplicaGroup group(4);
  group.origins.push_back(std::make_unique<Origin>(Origin::holds()));
  Origin& slow = *group.origins.back();
  Proxy proxy({http_listener("in", routes({to("/", "cart")}))},
              {group.cluster_by(BalancerKind::kPeakEwma)});
  // Whoever is sent to the slow one hangs there, in a connection of its own.
  std::vector<Wire> wires;
  std::size_t hung = 0;
  Wire wire = proxy.dial();
  for (int i = 0; i < 400; ++i) {
    const std::size_t before = slow.requests();
    ASSERT_TRUE(wire.send("GET / HTTP/1.1\r\nhost: cart\r\n\r\n"));
    // Which of the two comes first: an answer, or a request at the slow one.
    bool answered = false;
    while (!answered && slow.requests() == before) answered = readable(wire);
    if (answered) {
      ASSERT_EQ(wire.read_message(true).status(), 200);
      continue;
    }
    ++hung;
    wires.push_back(std::exchange(wire, proxy.dial()));
  }
  EXPECT_LE(hung, 4U) << "its age is seen before its first answer";
  slow.release();
  for (Wire& waiting : wires) EXPECT_EQ(waiting.read_message(true).status(), 200);
}

}  // namespace
}  // namespace weft::mesh_test
