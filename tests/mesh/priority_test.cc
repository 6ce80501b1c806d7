// x-weft-priority: who is believed that his requests matter more or less, and who is told.

#include <gtest/gtest.h>

#include <string>

#include "tests/mesh/pair.h"

namespace weft::mesh_test {
namespace {

using config::Priority;

const std::string kPriorityField = "x-weft-priority";

// What the app behind two sidecars is told, when the caller's says `asked` of a route of that
// priority, and the callee's has that rule.
std::string told_through_both(const std::string& asked, Priority at_caller,
                              config::PriorityRule at_callee) {
  Authority authority("cluster.local");
  Origin origin;
  config::ListenerConfig in = inbound(authority.material("server"));
  config::Route to_app = to("/", "app");
  forward(to_app).priority = at_callee;
  http_of(in).inline_routes = std::make_shared<const config::RouteConfig>(routes({to_app}));
  config::ClusterConfig app = cluster("app", {origin.address()});
  app.local_app = true;
  Proxy server({in}, {app});
  config::ListenerConfig out = outbound();
  out.direction = config::Direction::kOutbound;
  config::Route to_server_route = to("/", "server");
  forward(to_server_route).priority.usual = at_caller;
  http_of(out).inline_routes =
      std::make_shared<const config::RouteConfig>(routes({to_server_route}));
  Proxy client({out}, {to_server(authority.material("client"), server.address())});
  EXPECT_EQ(ask(client, "/", asked.empty() ? "" : kPriorityField + ": " + asked + "\r\n").status(),
            200);
  return origin.last().field(kPriorityField);
}

TEST(PriorityField, ACallersAppMayLowerItAndNobodyRaisesItUntrusted) {
  const config::PriorityRule plain;
  EXPECT_EQ(told_through_both("", Priority::kNormal, plain), "");
  EXPECT_EQ(told_through_both("low", Priority::kNormal, plain), "low");
  EXPECT_EQ(told_through_both("critical", Priority::kNormal, plain), "");
  EXPECT_EQ(told_through_both("", Priority::kLow, plain), "low") << "the caller's route says so";
  EXPECT_EQ(told_through_both("", Priority::kCritical, plain), "")
      << "a peer that is not trusted with it";
}

TEST(PriorityField, APeerThatIsTrustedRaisesItAsHighAsItMay) {
  const config::PriorityRule trusting{.raised_to = Priority::kHigh};
  EXPECT_EQ(told_through_both("", Priority::kCritical, trusting), "high");
  EXPECT_EQ(told_through_both("critical", Priority::kNormal, trusting), "")
      << "its app is believed no more than before";
  const config::PriorityRule last{.usual = Priority::kLow, .raised_to = Priority::kNormal};
  EXPECT_EQ(told_through_both("", Priority::kNormal, last), "low");
}

TEST(PriorityField, OfAStrangerIsTakenAway) {
  Origin origin;
  config::ListenerConfig in = http_listener("in", routes({to("/", "app")}));
  in.direction = config::Direction::kInbound;
  config::ClusterConfig app = cluster("app", {origin.address()});
  app.local_app = true;
  Proxy server({in}, {app});
  EXPECT_EQ(ask(server, "/", kPriorityField + ": low\r\n").status(), 200);
  EXPECT_EQ(origin.last().field(kPriorityField), "");
}

TEST(PriorityField, IsNotToldToWhatIsNoSidecar) {
  Origin origin;
  config::ListenerConfig out = http_listener("in", routes({to("/", "outside")}));
  out.direction = config::Direction::kOutbound;
  Proxy client({out}, {cluster("outside", {origin.address()})});
  EXPECT_EQ(ask(client, "/", kPriorityField + ": low\r\n").status(), 200);
  EXPECT_EQ(origin.last().field(kPriorityField), "");
}

}  // namespace
}  // namespace weft::mesh_test
