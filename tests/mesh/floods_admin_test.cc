// More connections to the admin pages than they hold.

#include <gtest/gtest.h>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

TEST(AdminPages, CloseAConnectionTooManyAndCountIt) {
  Origin origin;
  sidecar::Start start = start_of({http_listener("in", routes({to("/", "app")}))},
                                  {cluster("app", {origin.address()})});
  start.admin = SocketAddress::parse("127.0.0.1:0").value();
  Proxy proxy(std::move(start));
  std::uint16_t port = 0;
  proxy.on_loop([&](sidecar::Sidecar& sidecar) { port = sidecar.admin_address().port(); });
  // 503 while it starts is an answer as well.
  const auto answered = [](Wire& wire) {
    return wire.send("GET /ready HTTP/1.1\r\nhost: localhost\r\n\r\n") &&
           wire.read_message(true).status() != 0;
  };
  std::vector<Wire> crowd;
  for (std::size_t i = 0; i < sidecar::Admin::kConnectionsMax; ++i) {
    crowd.push_back(Wire::to(port));
    EXPECT_TRUE(answered(crowd.back())) << "connection " << i;
  }
  EXPECT_EQ(Wire::to(port).read_all(), "") << "one too many";
  EXPECT_TRUE(proxy.metric_reaches(1, "weft_admin_connections_refused_total"));
  EXPECT_TRUE(answered(crowd.front())) << "those who are there are served";

  crowd.pop_back();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  bool served = false;
  while (!served && std::chrono::steady_clock::now() < until) {
    Wire next = Wire::to(port);
    served = answered(next);
  }
  EXPECT_TRUE(served) << "there is room again";
}

}  // namespace
}  // namespace weft::mesh_test
