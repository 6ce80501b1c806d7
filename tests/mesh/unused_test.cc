// Destinations that nobody has called: they live nowhere, and are on every page all the same.

#include <gtest/gtest.h>

#include <memory>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

struct Unused : public ::testing::Test {
  Origin cart{Origin::replies(200, "cart")};
  Origin till{Origin::replies(200, "till")};
  ClosedPort elsewhere;
  std::unique_ptr<Proxy> proxy;

  void SetUp() override {
    sidecar::Start start =
        start_of({http_listener("in", routes({to("/till", "till"), to("/", "cart")}))},
                 {cluster("cart", {cart.address()}),
                  cluster("till", {till.address(), elsewhere.address()})});
    start.workers = 2;
    start.admin = SocketAddress::parse("127.0.0.1:0").value();
    proxy = std::make_unique<Proxy>(std::move(start));
    ASSERT_TRUE(proxy->ready());
  }
  [[nodiscard]] std::string page(const std::string& target) const {
    std::uint16_t port = 0;
    proxy->on_loop([&](sidecar::Sidecar& sidecar) { port = sidecar.admin_address().port(); });
    Wire wire = Wire::to(port);
    if (!wire.send("GET " + target + " HTTP/1.1\r\nhost: localhost\r\n\r\n")) return {};
    return wire.read_message(true).body;
  }
  [[nodiscard]] double healthy(const std::string& backend) const {
    return proxy->metric("weft_endpoints", {"state=\"healthy\"", "backend=\"" + backend + "\""});
  }
};

TEST_F(Unused, DestinationsAreOnThePagesAsConfigured) {
  EXPECT_EQ(healthy("cart"), 1);
  EXPECT_EQ(healthy("till"), 2);
  EXPECT_EQ(proxy->metric("weft_limit_max", {"limit=\"requests\"", "backend=\"till\""}), 1024);
  const std::string before = page("/clusters");
  EXPECT_NE(before.find("cart version "), std::string::npos) << before;
  EXPECT_NE(before.find("till version "), std::string::npos) << before;
  EXPECT_NE(before.find(till.address().to_string() + " ready"), std::string::npos) << before;
  EXPECT_EQ(ask(*proxy, "/").body, "cart");
  const std::string after = page("/clusters");
  EXPECT_NE(after.find("till version "), std::string::npos) << after;
  EXPECT_NE(after.find("active 0 connections 1 ok 1 failed 0"), std::string::npos) << after;
  EXPECT_EQ(healthy("cart"), 1);
  EXPECT_EQ(healthy("till"), 2);
}

TEST_F(Unused, DestinationsChangeOnThePagesWithTheConfiguration) {
  proxy->on_loop([&](sidecar::Sidecar& sidecar) {
    EXPECT_TRUE(sidecar.publisher().put(cluster("till", {till.address()})));
    sidecar.publisher().remove_cluster("cart");
    sidecar.publisher().publish();
  });
  EXPECT_EQ(healthy("till"), 1);
  EXPECT_EQ(proxy->metric("weft_endpoints", {"backend=\"cart\""}), 0);
  const std::string pages = page("/clusters");
  EXPECT_EQ(pages.find("cart version "), std::string::npos) << pages;
  EXPECT_EQ(ask(*proxy, "/till").body, "till");
}

}  // namespace
}  // namespace weft::mesh_test
