// The policies of k8s/examples put to work: each applied to a running mesh, and what live traffic
// then meets.

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/mesh_control/whole_mesh.h"

namespace weft::mesh_test {
namespace {

// A mesh whose Service cart has both versions behind it, and one example applied to it.
class PolicyExample : public ::testing::Test {
 protected:
  void start(const std::string& example, Origin::Serve v1, Origin::Serve v2) {
    mesh_ = std::make_unique<WholeMesh>(std::move(v1), std::move(v2));
    mesh_->write("route.yaml", "");
    mesh_->start_control();
    ASSERT_TRUE(mesh_->control_is_there());
    cart_v1_ = mesh_->start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_->start_sidecar("cart-v2-a", "cart");
    web_ = mesh_->start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
    std::ifstream file(WEFT_SOURCE_DIR "/k8s/examples/more/" + example);
    std::ostringstream text;
    text << file.rdbuf();
    ASSERT_NE(text.str(), "");
    ASSERT_TRUE(mesh_->edit("policy.yaml", text.str())) << mesh_->control_page("mesh");
  }
  [[nodiscard]] std::size_t asked() const {
    return mesh_->v1().requests() + mesh_->v2().requests();
  }
  [[nodiscard]] static int ask(Wire& wire, const std::string& method) {
    if (!wire.send(method +
                   " / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\ncontent-length: 0\r\n\r\n"))
      return 0;
    return wire.read_message(true).status();
  }

  std::unique_ptr<WholeMesh> mesh_;
  std::unique_ptr<Proxy> cart_v1_;
  std::unique_ptr<Proxy> cart_v2_;
  std::unique_ptr<Proxy> web_;
};

TEST_F(PolicyExample, RetryRepeatsReadsAndNoWrites) {
  start("policy-retry.yaml", Origin::replies(503, "no"), Origin::replies(503, "no"));
  Wire wire = mesh_->call_from_web();
  EXPECT_EQ(ask(wire, "GET"), 503);
  EXPECT_EQ(asked(), 3u);
  EXPECT_EQ(ask(wire, "POST"), 503);
  EXPECT_EQ(asked(), 4u);
}

TEST_F(PolicyExample, TimeoutsEndACallToWhatNeverAnswers) {
  start("policy-timeouts.yaml", Origin::never_answers(), Origin::never_answers());
  Wire wire = mesh_->call_from_web();
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_EQ(ask(wire, "GET"), 504);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_GE(took, std::chrono::milliseconds(900)) << "three tries";
  EXPECT_LT(took, std::chrono::seconds(5));
  EXPECT_EQ(asked(), 3u);
}

TEST_F(PolicyExample, EjectionSparesTheInstanceThatFails) {
  start("policy-ejection.yaml", Origin::replies(503, "no"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  int good = 0;
  for (int i = 0; i < 200; ++i) good += ask(wire, "GET") == 200 ? 1 : 0;
  EXPECT_EQ(mesh_->v1().requests(), 3u);
  EXPECT_EQ(good, 197);
}

TEST_F(PolicyExample, LimitsAnswerTheFifthAtOnce) {
  start("policy-limits.yaml", Origin::holds(), Origin::holds());
  std::vector<Wire> busy;
  for (std::size_t i = 1; i <= 4; ++i) {
    busy.push_back(mesh_->call_from_web());
    ASSERT_TRUE(busy.back().send("GET / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n\r\n"));
  }
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (asked() < 4 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  ASSERT_EQ(asked(), 4u);
  Wire fifth = mesh_->call_from_web();
  EXPECT_EQ(ask(fifth, "GET"), 503);
  EXPECT_EQ(asked(), 4u);
  mesh_->v1().release();
  mesh_->v2().release();
  for (Wire& wire : busy) EXPECT_EQ(wire.read_message(true).status(), 200);
  EXPECT_EQ(ask(fifth, "GET"), 200);
}

TEST_F(PolicyExample, BalancingGoesRound) {
  start("policy-balancing.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
  EXPECT_EQ(mesh_->v1().requests(), 20u);
  EXPECT_EQ(mesh_->v2().requests(), 20u);
}

}  // namespace
}  // namespace weft::mesh_test
