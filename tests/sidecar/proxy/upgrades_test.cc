#include "sidecar/proxy/upgrades.h"

#include <gtest/gtest.h>

namespace weft::proxy {
namespace {

std::string judged(std::string_view wanted, const std::vector<std::string>& listed,
                   const config::ForwardAction* action = nullptr) {
  const UpgradeVerdict verdict = judge_upgrade(wanted, listed, action);
  return std::string(verdict.allowed ? "allowed" : "refused") +
         (verdict.ends_here ? ", ends here" : "");
}

TEST(Upgrades, AreWhatAsksForATunnel) {
  http::RequestHead head;
  EXPECT_EQ(wanted_upgrade(head), "");
  head.protocol = "websocket";
  EXPECT_EQ(wanted_upgrade(head), "websocket");
  head.protocol = {};
  head.method = http::Method::kConnect;
  EXPECT_EQ(wanted_upgrade(head), "connect");
}

TEST(Upgrades, AreRefusedUnlessListed) {
  EXPECT_EQ(judged("websocket", {}), "refused");
  EXPECT_EQ(judged("websocket", {"connect", "websocket"}), "allowed");
  EXPECT_EQ(judged("connect", {"websocket"}), "refused");
}

TEST(Upgrades, ARouteOutranksItsListener) {
  config::ForwardAction action;
  action.upgrades = {{.protocol = "websocket", .allowed = false}, {.protocol = "echo"}};
  EXPECT_EQ(judged("websocket", {"websocket"}, &action), "refused");
  EXPECT_EQ(judged("echo", {}, &action), "allowed");
  EXPECT_EQ(judged("connect", {"connect"}, &action), "allowed") << "what it does not name";
}

TEST(Upgrades, ConnectEndsWhereTheRouteSaysSo) {
  config::ForwardAction action;
  action.upgrades = {{.protocol = "connect", .ends_here = true}};
  EXPECT_EQ(judged("connect", {}, &action), "allowed, ends here");
  action.upgrades.front().allowed = false;
  EXPECT_EQ(judged("connect", {}, &action), "refused");
}

}  // namespace
}  // namespace weft::proxy
