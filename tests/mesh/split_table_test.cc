// Splits through whole proxies, with retries and ejection on: how many requests each weight got of
// how many, with one and with four workers, and how long it took to reach the canary. Prints its
// table.
//
// Counted are first attempts: weft_route_requests_total says of each request which backend was
// chosen for it. The canary has two endpoints: one fails one of ten requests, which are tried
// again; the other fails every one, so that it is ejected as soon as five have come in a row. The
// longest run without a canary request is told of the order in which the origins saw the requests
// of all callers, so that a request that is held up lengthens it; its bound is judged where time
// stands still, in tests/sidecar/config/split_table_test.cc. The whole table, up to 100,000
// requests, with WEFT_WHOLE_TABLE=1 in the environment; two minutes. It is recorded in
// tests/POLICIES.md.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

struct Share {
  const char* name;
  std::uint32_t stable;
  std::uint32_t canary;

  [[nodiscard]] double of(double requests) const { return requests * canary / (stable + canary); }
};

// How many requests in a row went elsewhere, at most.
class Drought final {
 public:
  void elsewhere() {
    const std::size_t now = ++since_;
    std::size_t longest = longest_;
    while (now > longest && !longest_.compare_exchange_weak(longest, now)) {
    }
  }
  void canary() { since_ = 0; }
  [[nodiscard]] std::size_t longest() const { return longest_; }

 private:
  std::atomic<std::size_t> since_{0};
  std::atomic<std::size_t> longest_{0};
};

// `fails_each`: 0 never, 1 always, else one of so many.
Origin::Serve split_origin(std::size_t fails_each, std::function<void()> seen) {
  return [fails_each, seen = std::move(seen)](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      self.note(std::move(asked));
      seen();
      const bool bad = fails_each != 0 && self.requests() % fails_each == 0;
      const char* status = bad ? "503 X" : "200 OK";
      if (!wire.send("HTTP/1.1 " + std::string(status) + "\r\ncontent-length: 0\r\n\r\n")) return;
    }
  };
}

struct SplitResult {
  double error = 0;  // how far the canary's count is from its share
  double ejections = 0;
};

SplitResult measure_split(const Share& share, std::size_t requests, std::uint32_t workers) {
  Drought drought;
  Origin stable(split_origin(0, [&] { drought.elsewhere(); }));
  Origin canary(split_origin(10, [&] { drought.canary(); }));
  Origin broken(split_origin(1, [&] { drought.canary(); }));
  config::Route route = to("/", "stable");
  forward(route).clusters[0].weight = share.stable;
  forward(route).clusters.push_back({.cluster = "canary", .weight = share.canary, .edits = {}});
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.attempts_extra = 3;
  forward(route).retry.avoid_tried_endpoints = true;
  forward(route).retry.backoff_base = forward(route).retry.backoff_max = 1ms;
  config::ClusterConfig second = cluster("canary", {canary.address(), broken.address()});
  second.outlier = config::OutlierDetection{};
  second.outlier->ejected_percent_max = 50;
  second.keep_last_ready = second.outlier->never_eject_last = true;
  second.limits.retries_max = 100;
  sidecar::Start start = start_of({http_listener("in", routes({route}))},
                                  {cluster("stable", {stable.address()}), second});
  start.workers = workers;
  Proxy proxy(std::move(start));
  // As many callers as it takes to find all workers.
  const std::size_t callers = workers * 4;
  const std::uint16_t port = proxy.port();
  std::vector<std::thread> threads;
  std::atomic<std::size_t> good{0};
  for (std::size_t i = 0; i < callers; ++i) {
    threads.emplace_back([&] {
      Wire wire = Wire::to(port);
      for (std::size_t n = 0; n < requests / callers; ++n)
        good += ask(wire, "/").status() == 200 ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto asked = static_cast<double>(requests / callers * callers);
  EXPECT_GE(static_cast<double>(good), asked * 0.99);
  const double wanted = share.of(asked);
  const double got = proxy.metric("weft_route_requests_total", {"backend=\"canary\""});
  const double ejections = proxy.metric("weft_ejections_total");
  const double retries = proxy.metric("weft_retries_total");
  std::printf(
      "%-6s %7.0f requests  %u workers  wanted %8.1f  got %6.0f  error %5.1f  longest run %6zu  "
      "retries %5.0f  ejections %2.0f\n",
      share.name, asked, workers, wanted, got, got - wanted, drought.longest(), retries, ejections);
  return {.error = std::abs(got - wanted), .ejections = ejections};
}

void expect_exact(const Share& share, std::size_t requests, std::uint32_t workers) {
  const SplitResult result = measure_split(share, requests, workers);
  EXPECT_LE(result.error, workers) << share.name << " of " << requests;
  // Its second endpoint has then had five requests in a row on each worker.
  if (share.of(static_cast<double>(requests)) >= 200) {
    EXPECT_GE(result.ejections, 1) << share.name << " of " << requests;
  }
}

TEST(SplitTable, EachWeightIsExactToOneRequestAWorker) {
  const bool whole = std::getenv("WEFT_WHOLE_TABLE") != nullptr;
  for (const Share& share : {Share{"1 %", 99, 1}, Share{"5 %", 95, 5}, Share{"33.3 %", 667, 333},
                             Share{"0.1 %", 999, 1}}) {
    for (const std::uint32_t workers : {1U, 4U}) {
      expect_exact(share, 1'008, workers);
      if (!whole) continue;
      expect_exact(share, 10'000, workers);
      expect_exact(share, 100'000, workers);
    }
  }
  if (whole) return;
  expect_exact({"0.1 %", 999, 1}, 10'000, 1);
  expect_exact({"5 %", 95, 5}, 10'000, 4);
}

}  // namespace
}  // namespace weft::mesh_test
