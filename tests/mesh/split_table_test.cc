// Splits through whole proxies, with retries and ejection on: how many requests each weight got of
// how many, with one and with four workers. Prints its table.
//
// Counted are first attempts: weft_route_requests_total says of each request which backend was
// chosen for it. One of ten answers of the canary is a failure that is tried again. The whole
// table, up to 100,000 requests, with WEFT_WHOLE_TABLE=1 in the environment; two minutes.

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>

#include "tests/mesh/mesh.h"

namespace weft::mesh_test {
namespace {

using namespace std::chrono_literals;

struct Share {
  const char* name;
  std::uint32_t stable;
  std::uint32_t canary;
};

Origin::Serve fails_one_of_ten() {
  return [](Origin& self, Wire& wire) {
    for (;;) {
      Wire::Message asked = wire.read_message(false);
      if (asked.empty()) return;
      self.note(std::move(asked));
      const char* status = self.requests() % 10 == 0 ? "503 X" : "200 OK";
      if (!wire.send("HTTP/1.1 " + std::string(status) + "\r\ncontent-length: 0\r\n\r\n")) return;
    }
  };
}

// How far the canary's count is from its share.
double split_error(const Share& share, std::size_t requests, std::uint32_t workers) {
  Origin stable;
  Origin canary(fails_one_of_ten());
  config::Route route = to("/", "stable");
  forward(route).clusters[0].weight = share.stable;
  forward(route).clusters.push_back({.cluster = "canary", .weight = share.canary, .edits = {}});
  forward(route).retry.on = config::kRetryGatewayError;
  forward(route).retry.backoff_base = forward(route).retry.backoff_max = 1ms;
  config::ClusterConfig second = cluster("canary", {canary.address()});
  second.outlier = config::OutlierDetection{};
  second.outlier->ejected_percent_max = 100;
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
  const double wanted = asked * share.canary / (share.stable + share.canary);
  const double got = proxy.metric("weft_route_requests_total", {"backend=\"canary\""});
  std::printf("%-6s %7.0f requests  %u workers  wanted %8.1f  got %6.0f  error %5.1f\n", share.name,
              asked, workers, wanted, got, got - wanted);
  return std::abs(got - wanted);
}

TEST(SplitTable, EachWeightIsExactToOneRequestAWorker) {
  const bool whole = std::getenv("WEFT_WHOLE_TABLE") != nullptr;
  for (const Share& share : {Share{"1 %", 99, 1}, Share{"5 %", 95, 5}, Share{"33.3 %", 667, 333},
                             Share{"0.1 %", 999, 1}}) {
    for (const std::uint32_t workers : {1U, 4U}) {
      EXPECT_LE(split_error(share, 1'008, workers), workers) << share.name;
      if (!whole) continue;
      EXPECT_LE(split_error(share, 10'000, workers), workers) << share.name;
      EXPECT_LE(split_error(share, 100'000, workers), workers) << share.name;
    }
  }
  EXPECT_LE(split_error({"0.1 %", 999, 1}, 10'000, 1), 1);
  EXPECT_LE(split_error({"5 %", 95, 5}, 10'000, 4), 4);
}

}  // namespace
}  // namespace weft::mesh_test
