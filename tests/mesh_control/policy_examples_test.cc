// The policies of k8s/examples put to work: each applied to a running mesh, and what live traffic
// then meets.

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/mesh_control/whole_mesh.h"
#include "tests/support/tree_file.h"

namespace weft::mesh_test {
namespace {

std::string example_text(const std::string& example) {
  return testing::read_tree_text("k8s/examples/more/" + example);
}

// What the command in its comment makes of an example; as it is where there is none.
std::string as_its_comment_says(const std::string& text) {
  const std::string mark = "\n#     sed ";
  const std::size_t begin = text.find(mark);
  if (begin == std::string::npos) return text;
  const std::size_t word = begin + mark.size() - 4;
  const std::string command = text.substr(word, text.find(" > ", word) - word);
  FILE* pipe = ::popen(("cd " WEFT_SOURCE_DIR "/k8s/examples/more && " + command).c_str(), "r");
  if (pipe == nullptr) return "";
  std::string out;
  std::array<char, 4096> piece;
  for (std::size_t n = 0; (n = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
    out.append(piece.data(), n);
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return out;
}

// What an example says of Service `name`, said of cart.
std::string of_cart(std::string text, const std::string& name) {
  // A Service of its own comes first.
  if (const std::size_t end = text.find("---\n"); end != std::string::npos) text.erase(0, end);
  for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos;) {
    text.replace(at, name.size(), "cart");
  }
  return text;
}

// A mesh whose Service cart has both versions behind it, and one example applied to it.
class PolicyExample : public ::testing::Test {
 protected:
  // `besides`: further lines of its spec. `name`: the Service it is about, where that is not cart.
  void start(const std::string& example, Origin::Serve v1, Origin::Serve v2,
             const std::string& besides = "", const std::string& name = "") {
    mesh_ = std::make_unique<WholeMesh>(std::move(v1), std::move(v2));
    mesh_->write("route.yaml", "");
    mesh_->start_control();
    ASSERT_TRUE(mesh_->control_is_there());
    cart_v1_ = mesh_->start_sidecar("cart-v1-a", "cart");
    cart_v2_ = mesh_->start_sidecar("cart-v2-a", "cart");
    web_ = mesh_->start_sidecar("web-a", "web");
    ASSERT_TRUE(cart_v1_ != nullptr && cart_v2_ != nullptr && web_ != nullptr);
    const std::string text = as_its_comment_says(example_text(example));
    ASSERT_NE(text, "");
    const std::string policy = name.empty() ? text : of_cart(text, name);
    ASSERT_TRUE(mesh_->edit("policy.yaml", policy + besides)) << mesh_->control_page("mesh");
  }
  [[nodiscard]] std::size_t asked() const {
    return mesh_->v1().requests() + mesh_->v2().requests();
  }
  // `fields`: header lines, each with its end.
  [[nodiscard]] static int ask(Wire& wire, const std::string& method,
                               const std::string& fields = "") {
    if (!wire.send(method +
                   " / HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\ncontent-length: 0\r\n" +
                   fields + "\r\n"))
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
  // By default requests turn away from what fails before it is ejected.
  start("policy-ejection.yaml", Origin::replies(503, "no"), Origin::replies(200, "v2"),
        "  loadBalancer: {type: RoundRobin}\n");
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

TEST_F(PolicyExample, HashSendsAUserToTheSameInstance) {
  start("policy-hash.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  std::size_t at_v1 = 0;
  for (int user = 0; user < 40; ++user) {
    const std::string fields = "x-user: u" + std::to_string(user) + "\r\n";
    const std::size_t before = mesh_->v1().requests();
    EXPECT_EQ(ask(wire, "GET", fields), 200);
    const bool first = mesh_->v1().requests() > before;
    at_v1 += first ? 1 : 0;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(wire, "GET", fields), 200);
    EXPECT_EQ(mesh_->v1().requests() - before, first ? 4u : 0u) << "user " << user;
  }
  EXPECT_GT(at_v1, 5u);
  EXPECT_LT(at_v1, 35u);
}

TEST_F(PolicyExample, LocalityKeepsToTheCallersZoneWhileItCan) {
  start("policy-locality.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
  EXPECT_EQ(mesh_->v1().requests(), 40u);
  mesh_->set_ready_v1(false);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (mesh_->v2().requests() == 0 && std::chrono::steady_clock::now() < until) {
    EXPECT_EQ(ask(wire, "GET"), 200);
  }
  EXPECT_GT(mesh_->v2().requests(), 0u);
}

TEST_F(PolicyExample, RatesEjectTheInstanceThatFailsMost) {
  start("policy-rates.yaml", Origin::replies(503, "no"), Origin::replies(200, "v2"),
        "  loadBalancer: {type: RoundRobin}\n");
  Wire wire = mesh_->call_from_web();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int row = 0;
  while (row < 300 && std::chrono::steady_clock::now() < until) {
    row = ask(wire, "GET") == 200 ? row + 1 : 0;
  }
  EXPECT_EQ(row, 300) << "v1 is still asked";
  EXPECT_GT(mesh_->v1().requests(), 9u);
}

TEST_F(PolicyExample, HealthSparesTheInstanceThatSaysItIsIll) {
  start("policy-health.yaml", Origin::replies(503, "no"), Origin::replies(200, "v2"),
        "  loadBalancer: {type: RoundRobin}\n");
  Wire wire = mesh_->call_from_web();
  const auto until = std::chrono::steady_clock::now() + kPatience;
  int row = 0;
  while (row < 100 && std::chrono::steady_clock::now() < until) {
    row = ask(wire, "GET") == 200 ? row + 1 : 0;
  }
  EXPECT_EQ(row, 100) << "v1 is still asked";
}

TEST_F(PolicyExample, InboundLetsTwoRequestsIntoEachInstance) {
  start("policy-inbound.yaml", Origin::holds(), Origin::holds());
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
  EXPECT_EQ(mesh_->v1().requests(), 2u);
  EXPECT_EQ(mesh_->v2().requests(), 2u);
  mesh_->v1().release();
  mesh_->v2().release();
  for (Wire& wire : busy) EXPECT_EQ(wire.read_message(true).status(), 200);
}

// The server's own queue: what matters least gives way, and only who is trusted can say that he
// matters more.
TEST_F(PolicyExample, PriorityDropsTheLowestFirstWhereTheQueueIsFull) {
  start("policy-priority.yaml", Origin::holds(), Origin::holds());
  const auto send = [&](const std::string& target, const std::string& fields = "") {
    Wire wire = mesh_->call_from_web();
    EXPECT_TRUE(wire.send("GET " + target + " HTTP/1.1\r\nhost: cart.shop.svc.cluster.local\r\n" +
                          fields + "\r\n"));
    return wire;
  };
  const auto waiting = [&](double count) {
    return cart_v1_->metric_reaches(count, "weft_limit_in_use", {"limit=\"pending\""});
  };
  Wire first = send("/first");
  ASSERT_TRUE(mesh_->v1().wait_for(1));
  Wire report = send("/reports");
  ASSERT_TRUE(waiting(1));
  Wire plain = send("/plain");
  ASSERT_TRUE(waiting(2));
  Wire pay = send("/pay");
  EXPECT_EQ(report.read_message(true).status(), 503) << "the lowest gives way";
  EXPECT_EQ(send("/reports").read_message(true).status(), 503) << "and finds nobody lower";
  EXPECT_EQ(send("/plain", "x-weft-priority: critical\r\n").read_message(true).status(), 503)
      << "nobody raises himself";
  EXPECT_EQ(send("/pay", "x-weft-priority: low\r\n").read_message(true).status(), 503)
      << "who says that he can wait is believed";
  EXPECT_EQ(mesh_->v1().requests(), 1u);
  mesh_->v1().release();
  EXPECT_EQ(first.read_message(true).status(), 200);
  EXPECT_EQ(pay.read_message(true).status(), 200);
  EXPECT_EQ(plain.read_message(true).status(), 200);
  EXPECT_EQ(mesh_->v1().requests(), 3u) << "what gave way was never sent";
  EXPECT_EQ(mesh_->v1().last().target(), "/plain") << "after the one that came later";
}

TEST_F(PolicyExample, ConnectionsWaitForRequests) {
  start("policy-connections.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
}

TEST_F(PolicyExample, FaultsFailEverySecondRequestThatAsksForIt) {
  start("policy-faults.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
  EXPECT_EQ(asked(), 20u);
  int failed = 0;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) failed += ask(wire, "GET", "x-exercise: 1\r\n") == 503 ? 1 : 0;
  EXPECT_GT(failed, 1);
  EXPECT_LT(failed, 19);
  EXPECT_EQ(asked(), 40u - static_cast<std::size_t>(failed));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(20 * 80));
}

// Copied as it is, it begins nothing, today or in ten years.
TEST_F(PolicyExample, FaultsAsTheyStandAreOverAndRefused) {
  start("policy-timeouts.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  mesh_->write("faults.yaml", example_text("policy-faults.yaml"));
  EXPECT_TRUE(mesh_->control_says("mesh", "spec.faults[0].until: 2026-01-01T00:00:00Z has passed"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "GET", "x-exercise: 1\r\n"), 200);
}

TEST_F(PolicyExample, RateLimitsAreEachUsersOwn) {
  start("policy-rate-limits.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  int good = 0;
  for (int i = 0; i < 30; ++i) good += ask(wire, "GET", "x-user: ann\r\n") == 200 ? 1 : 0;
  // Five at each of the two instances, however the requests were shared between them.
  EXPECT_GE(good, 5);
  EXPECT_LE(good, 10);
  EXPECT_LE(mesh_->v1().requests(), 5u);
  EXPECT_LE(mesh_->v2().requests(), 5u);
  EXPECT_EQ(ask(wire, "GET", "x-user: bob\r\n"), 200);
}

TEST_F(PolicyExample, RateWindowsSaveNothingUpForABurst) {
  start("policy-rate-windows.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  int good = 0;
  for (int i = 0; i < 30; ++i) good += ask(wire, "GET", "x-user: ann\r\n") == 200 ? 1 : 0;
  EXPECT_GE(good, 5);
  EXPECT_LE(good, 10) << "five at each of the two instances";
  EXPECT_LE(mesh_->v1().requests(), 5u);
  EXPECT_LE(mesh_->v2().requests(), 5u);
  EXPECT_EQ(ask(wire, "GET", "x-user: bob\r\n"), 200);
}

TEST_F(PolicyExample, FallbackAnswersWhenEveryTryFailed) {
  start("policy-fallback.yaml", Origin::replies(200, "v1"), Origin::replies(503, "no"),
        "  emptyBackend: Fail\n");
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
}

TEST_F(PolicyExample, BreakersOpenAfterAsManyFailuresAsTheySayAndAnswerInstead) {
  struct Case {
    const char* name;
    std::size_t failures;
    int status;
  };
  for (const Case& one :
       {Case{"payment", 5, 503}, Case{"credit", 3, 200}, Case{"fraud", 10, 200}}) {
    start("breaker-" + std::string(one.name) + ".yaml", Origin::replies(503, "no"),
          Origin::replies(503, "no"), "", one.name);
    Wire wire = mesh_->call_from_web();
    for (std::size_t i = 0; i < one.failures + 10; ++i) (void)ask(wire, "GET");
    EXPECT_EQ(asked(), one.failures) << one.name;
    EXPECT_EQ(ask(wire, "GET"), one.status) << one.name;
    cart_v1_.reset();
    cart_v2_.reset();
    web_.reset();
  }
}

TEST_F(PolicyExample, EmptyBackendFailsItsShareWhereThatIsWritten) {
  start("policy-empty-backend.yaml", Origin::replies(200, "v1"), Origin::replies(200, "v2"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
  mesh_->set_ready_v1(false);
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (ask(wire, "GET") != 503 && std::chrono::steady_clock::now() < until) {
  }
  int failed = 0;
  for (int i = 0; i < 100; ++i) failed += ask(wire, "GET") == 503 ? 1 : 0;
  EXPECT_GE(failed, 49);
  EXPECT_LE(failed, 51);
  std::string other = example_text("policy-empty-backend.yaml");
  other.replace(other.rfind("Fail"), 4, "Redistribute");
  ASSERT_TRUE(mesh_->edit("policy.yaml", other));
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask(wire, "GET"), 200);
  EXPECT_GE(web_->metric("weft_redistributed_requests_total"), 19);
}

TEST_F(PolicyExample, RetryBudgetLetsOneInFiveBeTriedAgainAndNoMore) {
  start("retry-budget.yaml", Origin::replies(503, "no"), Origin::replies(503, "no"));
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ask(wire, "GET"), 503);
  EXPECT_GT(asked(), 40u);
  EXPECT_LE(asked(), 40u + 20u + 4u)
      << "two a second for ten seconds are more than a fifth of forty";
  EXPECT_TRUE(web_->metric_reaches(1, "weft_retries_denied_total", {"reason=\"budget\""}));
}

TEST_F(PolicyExample, CircuitBreakerLeavesTheLedgerAloneAfterThreeFailures) {
  start("circuit-breaker.yaml", Origin::replies(503, "no"), Origin::replies(503, "no"), "",
        "ledger");
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(wire, "GET"), 503);
  EXPECT_EQ(asked(), 3u);
  EXPECT_TRUE(web_->metric_reaches(1, "weft_breaker_transitions_total", {"to=\"open\""}));
}

TEST_F(PolicyExample, RetriesOfARouteRepeatA503WhateverTheMethod) {
  start("retries.yaml", Origin::replies(200, "v1"), Origin::replies(503, "no"), "", "ledger");
  Wire wire = mesh_->call_from_web();
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask(wire, "GET"), 200);
    EXPECT_EQ(ask(wire, "POST"), 200);
  }
  EXPECT_GT(asked(), 20u);
}

}  // namespace
}  // namespace weft::mesh_test
