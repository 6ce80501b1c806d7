// What people are promised of both planes together: certificates by token, mTLS from sidecar to
// sidecar, and an edited file that moves requests on a connection that is already open.

#include "tests/mesh_control/whole_mesh.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weft::mesh_test {
namespace {

using std::chrono::steady_clock;
using namespace std::chrono_literals;

// How long an edit may take to move requests.
#ifdef WEFT_SANITIZED
constexpr auto kMoved = 5s;  // instrumented code is no measure
#else
constexpr auto kMoved = 1s;
#endif

class WholeMeshTest : public ::testing::Test {
 protected:
  void SetUp() override {
    mesh_.start_control();
    ASSERT_TRUE(mesh_.control_is_there());
    cart_v1_ = mesh_.start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_.start_sidecar("cart-v2-a", "cart");
    web_ = mesh_.start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
  }
  // Asks without a pause until the answer is `wanted`; how long it took. Everything else that is
  // no `allowed` is a failure.
  [[nodiscard]] std::chrono::milliseconds ask_until(Wire& wire, const std::string& wanted,
                                                    const std::string& allowed) {
    const auto begun = steady_clock::now();
    while (steady_clock::now() - begun < kPatience) {
      const std::string answer = WholeMesh::ask_cart(wire);
      ++asked_;
      if (answer == wanted) break;
      if (answer != allowed) {
        ADD_FAILURE() << "request " << asked_ << " was answered with '" << answer << "'";
        break;
      }
    }
    return std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - begun);
  }

  WholeMesh mesh_;
  std::unique_ptr<Proxy> cart_v1_;
  std::unique_ptr<Proxy> cart_v2_;
  std::unique_ptr<Proxy> web_;
  std::size_t asked_ = 0;
};

TEST_F(WholeMeshTest, MovesTheNextRequestsOfAKeptConnectionWithinASecondOfAnEdit) {
  Wire wire = mesh_.call_from_web();
  ASSERT_TRUE(wire.open());
  ASSERT_EQ(WholeMesh::ask_cart(wire), "v1 200");
  for (int round = 0; round < 3; ++round) {
    mesh_.write_route(0, 1);
    EXPECT_LT(ask_until(wire, "v2 200", "v1 200"), kMoved);
    mesh_.write_route(1, 0);
    EXPECT_LT(ask_until(wire, "v1 200", "v2 200"), kMoved);
  }
  RecordProperty("requests", static_cast<int>(asked_));
  EXPECT_TRUE(mesh_.control_says("metrics", "weft_control_sidecars{state=\"current\"} 3\n"))
      << mesh_.control_page("mesh");
  EXPECT_TRUE(mesh_.control_says("metrics", "weft_control_signings_total{result=\"signed\"} 3\n"));
}

TEST_F(WholeMeshTest, LosesNothingWithItsControlPlane) {
  Wire wire = mesh_.call_from_web();
  ASSERT_EQ(WholeMesh::ask_cart(wire), "v1 200");
  mesh_.kill_control();
  for (int i = 0; i < 50; ++i) ASSERT_EQ(WholeMesh::ask_cart(wire), "v1 200");
  mesh_.write_route(0, 1);  // while nobody looks
  mesh_.start_control();
  (void)ask_until(wire, "v2 200", "v1 200");
}

TEST_F(WholeMeshTest, KeepsServingThroughAFileThatIsBad) {
  Wire wire = mesh_.call_from_web();
  ASSERT_EQ(WholeMesh::ask_cart(wire), "v1 200");
  mesh_.write("route.yaml", "kind: [\n");
  EXPECT_TRUE(mesh_.control_says("mesh", "route.yaml:2:1: "));
  for (int i = 0; i < 50; ++i) ASSERT_EQ(WholeMesh::ask_cart(wire), "v1 200");
  mesh_.write_route(0, 1);
  EXPECT_LT(ask_until(wire, "v2 200", "v1 200"), kMoved);
}

TEST_F(WholeMeshTest, TakesAWorkloadOutAndBackWithoutAFailedRequest) {
  mesh_.write("route.yaml", "");  // the Service itself: both versions
  Wire wire = mesh_.call_from_web();
  ASSERT_TRUE(wire.open());
  std::size_t v2 = 0;
  const auto ask = [&] {
    const std::string answer = WholeMesh::ask_cart(wire);
    EXPECT_TRUE(answer == "v1 200" || answer == "v2 200") << "'" << answer << "'";
    if (answer == "v2 200") ++v2;
    return answer == "v1 200" || answer == "v2 200";
  };
  const auto until = steady_clock::now() + kPatience;
  while (v2 == 0 && steady_clock::now() < until) ASSERT_TRUE(ask());
  for (int round = 0; round < 3; ++round) {
    mesh_.set_ready_v1(false);
    // A hundred in a row from v2 only: v1 is out.
    std::size_t row = 0;
    while (row < 100 && steady_clock::now() < until) {
      const std::size_t before = v2;
      ASSERT_TRUE(ask());
      row = v2 > before ? row + 1 : 0;
    }
    EXPECT_EQ(row, 100u);
    mesh_.set_ready_v1(true);
    const std::size_t v1_before = mesh_.v1().requests();
    while (mesh_.v1().requests() == v1_before && steady_clock::now() < until) ASSERT_TRUE(ask());
    EXPECT_GT(mesh_.v1().requests(), v1_before);
  }
}

}  // namespace
}  // namespace weft::mesh_test
