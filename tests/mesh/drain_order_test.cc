// The end of a pod whose containers are all told to end at once: the app still calls out when
// nothing more comes in.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

sidecar::Start of_a_pod(Origin& app, Origin& other) {
  config::ListenerConfig in = http_listener("in", routes({to("/", "app")}));
  in.direction = config::Direction::kInbound;
  config::ListenerConfig out = http_listener("out", routes({to("/", "other")}));
  out.direction = config::Direction::kOutbound;
  sidecar::Start start =
      start_of({std::move(in), std::move(out)},
               {cluster("app", {app.address()}), cluster("other", {other.address()})});
  start.drain = {.outbound_last = true, .timeout = 20s};
  return start;
}

TEST(DrainOrder, ServesTheAppsOwnCallsUntilItIsSilent) {
  Origin app(Origin::holds());
  Origin other;
  Proxy proxy(of_a_pod(app, other));
  const std::uint16_t in = proxy.port("in");
  const std::uint16_t out = proxy.port("out");
  Wire caller = Wire::to(in);
  ASSERT_TRUE(caller.send("GET / HTTP/1.1\r\nhost: shop\r\n\r\n"));
  ASSERT_TRUE(app.wait_for(1));
  Wire idle = Wire::to(in);
  proxy.drain();
  EXPECT_EQ(idle.read_all(), "") << "who is idle is told goodbye";
  Wire late = Wire::to(in);
  EXPECT_TRUE(!late.open() || late.read_all().empty()) << "nothing new comes in";
  // What is under way needs others: the app calls out while it answers.
  for (int i = 0; i < 3; ++i) {
    Wire call = Wire::to(out);
    const Wire::Message answer = ask(call, "/");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.field("connection"), "close");
  }
  app.release();
  EXPECT_EQ(caller.read_message(true).body, "held");
  EXPECT_EQ(caller.read_all(), "");
  // And after its last answer, as long as it is not silent.
  Wire call = Wire::to(out);
  EXPECT_EQ(ask(call, "/").status(), 200);
  proxy.join();
  EXPECT_FALSE(Wire::to(out).open());
}

TEST(DrainOrder, TakesNewCallsWhileTheNewsSpreads) {
  Origin app;
  Origin other;
  sidecar::Start start = of_a_pod(app, other);
  start.drain = {.delay = 20s, .timeout = 21s};
  Proxy proxy(std::move(start));
  const std::uint16_t in = proxy.port("in");
  proxy.drain();
  std::string state;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) { state = sidecar.state(); });
  EXPECT_EQ(state, "DRAINING");
  Wire call = Wire::to(in);
  const Wire::Message answer = ask(call, "/");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.field("connection"), "close");
  // A second word ends it at once.
  proxy.on_loop([](sidecar::Sidecar& sidecar) { sidecar.on_signal(15); });
  proxy.join();
}

}  // namespace
}  // namespace weft::mesh_test
