#include "telemetry/registry.h"

#include <gtest/gtest.h>
#include <stdio.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "telemetry/figures.h"

// Counts what this thread allocates, for the promise that a record costs no allocation.
namespace {
thread_local std::uint64_t allocations = 0;
}  // namespace

// Sanitizers bring their own operator new and check that it meets their operator delete.
#ifndef WEFT_SANITIZED
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace weft::telemetry {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;

const TimePoint kStart = TimePoint{} + std::chrono::hours(100);

AccessRecord request(std::uint16_t status = 200) {
  AccessRecord record;
  record.status = status;
  record.direction = Direction::kOutbound;
  record.security = SecurityPolicy::kMutualTls;
  record.total = milliseconds(3);
  record.bytes_in = 10;
  record.bytes_out = 100;
  record.source = intern_peer({.workload = intern("web-1"),
                               .workload_namespace = intern("shop"),
                               .canonical_service = intern("web"),
                               .canonical_revision = intern("v1"),
                               .principal = intern("spiffe://cluster.local/ns/shop/sa/web")});
  record.destination =
      intern_peer({.workload = intern("cart-1"), .workload_namespace = intern("shop")});
  record.service = intern_service({.host = intern("cart.shop.svc.cluster.local"),
                                   .name = intern("cart"),
                                   .name_space = intern("shop")});
  record.route = intern("shop/cart/main");
  record.backend = intern("cart-v2:80");
  return record;
}

AccessRecord request_to(int service, std::uint16_t status = 200) {
  AccessRecord record = request(status);
  record.service = intern_service({.host = intern("service-" + std::to_string(service))});
  return record;
}

// The lines of the page that begin with `prefix`.
std::string lines(const std::string& page, std::string_view prefix) {
  std::string found;
  for (std::size_t at = 0; at < page.size();) {
    const std::size_t end = page.find('\n', at);
    const std::string_view line = std::string_view(page).substr(at, end - at + 1);
    if (line.starts_with(prefix)) found += line;
    at = end + 1;
  }
  return found;
}

std::uint64_t sum(const std::string& page, std::string_view prefix) {
  const std::string found = lines(page, prefix);
  std::uint64_t total = 0;
  for (std::size_t at = 0; at < found.size();) {
    const std::size_t end = found.find('\n', at);
    const std::size_t blank = found.rfind(' ', end);
    total += std::strtoull(found.c_str() + blank + 1, nullptr, 10);
    at = end + 1;
  }
  return total;
}

const std::string kLabels =
    "reporter=\"source\",source_workload=\"web-1\",source_workload_namespace=\"shop\",source_"
    "canonical_service=\"web\","
    "source_canonical_revision=\"v1\",source_principal=\"spiffe://cluster.local/ns/shop/sa/web\","
    "destination_workload=\"cart-1\",destination_workload_namespace=\"shop\",destination_canonical_"
    "service=\"unknown\","
    "destination_canonical_revision=\"unknown\",destination_principal=\"unknown\","
    "destination_service=\"cart.shop.svc.cluster.local\",destination_service_name=\"cart\","
    "destination_service_namespace=\"shop\",request_protocol=\"http\",";

TEST(Registry, OneRequestIsCountedWithEveryLabel) {
  Registry registry({});
  Shard& shard = registry.add_shard();
  AccessRecord failed = request(503);
  failed.flags.set(Flag::kUpstreamOverflow);
  failed.cause = Cause::kCircuitOpen;
  shard.record(failed);
  const std::string page = registry.scrape(kStart);
  EXPECT_EQ(lines(page, "weft_requests_total"),
            "weft_requests_total{" + kLabels +
                "response_code=\"503\",grpc_response_status=\"\",response_flags=\"UO\","
                "connection_security_policy=\"mutual_tls\",cause=\"circuit_open\"} 1\n");
  EXPECT_EQ(lines(page, "weft_request_duration_seconds_count"),
            "weft_request_duration_seconds_count{" + kLabels +
                "response_code=\"503\",grpc_response_status=\"\",connection_security_policy="
                "\"mutual_tls\"} 1\n");
  EXPECT_EQ(lines(page, "weft_route_requests_total"),
            "weft_route_requests_total{route=\"shop/cart/"
            "main\",backend=\"cart-v2:80\",response_class=\"5xx\"} 1\n");
  EXPECT_EQ(sum(page, "weft_request_bytes_total"), 10u);
  EXPECT_EQ(sum(page, "weft_response_bytes_total"), 100u);
}

TEST(Registry, ShardsAreSummedAndReasonsFoldedWhereTheyAreNoLabels) {
  Registry registry({});
  Shard& one = registry.add_shard();
  Shard& two = registry.add_shard();
  AccessRecord plain = request(503);
  AccessRecord with_flag = request(503);
  with_flag.flags.set(Flag::kUpstreamConnectionFailure);
  one.record(plain);
  two.record(plain);
  two.record(with_flag);
  const std::string page = registry.scrape(kStart);
  EXPECT_EQ(std::ranges::count(lines(page, "weft_requests_total"), '\n'), 2);
  EXPECT_EQ(sum(page, "weft_requests_total"), 3u);
  EXPECT_EQ(std::ranges::count(lines(page, "weft_request_duration_seconds_count"), '\n'), 1);
  EXPECT_EQ(sum(page, "weft_request_duration_seconds_count"), 3u);
  EXPECT_EQ(sum(page, "weft_route_requests_total"), 3u);
}

TEST(Registry, ATunnelCountsWhileItLives) {
  Registry registry({});
  Shard& shard = registry.add_shard();
  AccessRecord tunnel = request(0);
  tunnel.protocol = RequestProtocol::kTcp;
  {
    Shard::Flow flow = shard.open_flow(tunnel);
    flow.add_received(5);
    flow.add_sent(7);
    std::string page = registry.scrape(kStart);
    EXPECT_EQ(sum(page, "weft_tcp_connections_opened_total"), 1u);
    EXPECT_EQ(sum(page, "weft_tcp_connections_closed_total"), 0u);
    EXPECT_EQ(sum(page, "weft_tcp_received_bytes_total"), 5u);
    EXPECT_EQ(sum(page, "weft_tcp_sent_bytes_total"), 7u);
    page = registry.scrape(kStart + std::chrono::hours(2));  // a quiet tunnel is not an idle series
    EXPECT_EQ(sum(page, "weft_tcp_connections_opened_total"), 1u);
    flow.add_sent(1);
  }
  shard.record(tunnel);
  std::string page = registry.scrape(kStart + std::chrono::hours(2));
  EXPECT_EQ(sum(page, "weft_tcp_connections_closed_total"), 1u);
  EXPECT_EQ(sum(page, "weft_tcp_sent_bytes_total"), 8u);
  EXPECT_EQ(sum(page, "weft_requests_total"), 0u);
  page = registry.scrape(kStart + std::chrono::hours(4));
  EXPECT_EQ(lines(page, "weft_tcp_connections_opened_total"), "");
}

TEST(Registry, TooManySeriesAreCountedAsOther) {
  Registry registry({.shard = {.series_max = 100, .routes_max = 10}});
  Shard& shard = registry.add_shard();
  for (int i = 0; i < 1000; ++i) {
    AccessRecord record = request_to(i, i % 2 == 0 ? 200 : 500);
    record.route = intern("route-" + std::to_string(i));
    shard.record(record);
  }
  const std::string page = registry.scrape(kStart);
  EXPECT_EQ(sum(page, "weft_requests_total"), 1000u);
  EXPECT_EQ(std::ranges::count(lines(page, "weft_requests_total"), '\n'), 102);
  EXPECT_NE(page.find("destination_service=\"other\",destination_service_name=\"other\","
                      "destination_service_namespace="
                      "\"other\",request_protocol=\"http\",response_code=\"5xx\""),
            std::string::npos);
  EXPECT_EQ(lines(page, "weft_series_overflow_total{metric=\"requests\"}"),
            "weft_series_overflow_total{metric=\"requests\"} 900\n");
  EXPECT_EQ(lines(page, "weft_series_overflow_total{metric=\"routes\"}"),
            "weft_series_overflow_total{metric=\"routes\"} 990\n");
  EXPECT_EQ(sum(page, "weft_route_requests_total"), 1000u);
}

TEST(Registry, ASeriesExpiresInAllShardsTogether) {
  Registry registry({});
  Shard& one = registry.add_shard();
  Shard& two = registry.add_shard();
  static_cast<void>(registry.scrape(kStart));
  one.record(request_to(1));
  two.record(request_to(1));
  one.record(request_to(2));
  // Only one shard keeps using it: the sum must not fall.
  for (int minute = 1; minute <= 40; ++minute) {
    one.record(request_to(1));
    EXPECT_EQ(sum(registry.scrape(kStart + minutes(minute)), "weft_requests_total"),
              static_cast<std::uint64_t>(2 + minute + (minute <= 15 ? 1 : 0)))
        << minute;
  }
  // Silence everywhere: gone, and from the start when it comes back.
  EXPECT_EQ(sum(registry.scrape(kStart + minutes(100)), "weft_requests_total"), 0u);
  one.record(request_to(1));
  EXPECT_EQ(sum(registry.scrape(kStart + minutes(100)), "weft_requests_total"), 1u);
  two.record(request_to(1));
  EXPECT_EQ(sum(registry.scrape(kStart + minutes(100)), "weft_requests_total"), 2u);
}

TEST(Registry, ExpiredSeriesMakeRoom) {
  Registry registry({.shard = {.series_max = 10}});
  Shard& shard = registry.add_shard();
  static_cast<void>(registry.scrape(kStart));
  for (int i = 0; i < 20; ++i) shard.record(request_to(i));
  static_cast<void>(registry.scrape(kStart + minutes(20)));
  static_cast<void>(registry.scrape(kStart + minutes(21)));
  for (int i = 20; i < 30; ++i) shard.record(request_to(i));
  const std::string page = registry.scrape(kStart + minutes(21));
  for (int i = 20; i < 30; ++i) {
    EXPECT_NE(lines(page, "weft_requests_total")
                  .find("destination_service=\"service-" + std::to_string(i) + "\""),
              std::string::npos)
        << i;
  }
  EXPECT_EQ(sum(page, "weft_series_overflow_total{metric=\"requests\"}"), 10u);
}

TEST(Registry, ADestinationIsListedWhileItIsHeld) {
  Registry registry({});
  Shard& one = registry.add_shard();
  Shard& two = registry.add_shard();
  Shard::ClusterRef a = one.acquire_cluster(intern("cart.shop"), intern("cart-v1:80"));
  Shard::ClusterRef b = two.acquire_cluster(intern("cart.shop"), intern("cart-v1:80"));
  a->attempts(AttemptResult::kOk).add(3);
  b->attempts(AttemptResult::kOk).add(4);
  a->endpoints(EndpointState::kHealthy).set(2);
  b->endpoints(EndpointState::kHealthy).set(2);
  a->pool_connections(PoolState::kIdle).set(1);
  b->pool_connections(PoolState::kIdle).set(5);
  b->breaker_state.set(kBreakerOpen);
  b->breaker_transitions(BreakerEdge::kClosedToOpen).add();
  std::string page = registry.scrape(kStart);
  const std::string labels = "destination_service=\"cart.shop\",backend=\"cart-v1:80\"";
  EXPECT_EQ(lines(page, "weft_attempts_total"),
            "weft_attempts_total{" + labels + ",result=\"ok\"} 7\n");
  EXPECT_EQ(lines(page, "weft_endpoints{" + labels + ",state=\"healthy\"}"),
            "weft_endpoints{" + labels + ",state=\"healthy\"} 2\n");
  EXPECT_EQ(lines(page, "weft_pool_connections"),
            "weft_pool_connections{" + labels + ",state=\"idle\"} 6\n");
  EXPECT_EQ(lines(page, "weft_breaker_state"), "weft_breaker_state{" + labels + "} 2\n");
  EXPECT_EQ(lines(page, "weft_breaker_transitions_total"),
            "weft_breaker_transitions_total{" + labels + ",from=\"closed\",to=\"open\"} 1\n");
  a = {};
  b = {};
  page = registry.scrape(kStart);
  EXPECT_EQ(sum(page, "weft_attempts_total"), 7u);
  EXPECT_EQ(lines(page, "weft_breaker_state"), "");
  static_cast<void>(registry.scrape(kStart + minutes(30)));
  EXPECT_EQ(lines(registry.scrape(kStart + minutes(30)), "weft_attempts_total"), "");
}

TEST(Registry, CountsWhatPoliciesDecide) {
  Registry registry({});
  Shard& shard = registry.add_shard();
  shard.count_access(intern("shop/readers"), intern("read"), AccessDecision::kDeny, false);
  shard.count_access(intern("shop/readers"), intern("read"), AccessDecision::kDeny, true);
  shard.count_access(intern("shop/readers"), intern("read"), AccessDecision::kDeny, true);
  EXPECT_EQ(lines(registry.scrape(kStart), "weft_access_decisions_total"),
            "weft_access_decisions_total{policy=\"shop/"
            "readers\",rule=\"read\",decision=\"deny\",dry_run=\"false\"} 1\n"
            "weft_access_decisions_total{policy=\"shop/"
            "readers\",rule=\"read\",decision=\"deny\",dry_run=\"true\"} 2\n");
}

TEST(Registry, ARegisteredMetricIsOnThePageAsLongAsItsHandleLives) {
  static constexpr Family kPushes{"weft_control_pushes_total", MetricType::kCounter,
                                  "Configuration pushes."};
  Registry registry({});
  Counter first;
  Counter second;
  first.add(2);
  second.add(3);
  {
    const Registry::Registration one = registry.add({kPushes, {{"kind", "full"}}, first});
    Registry::Registration two = registry.add({kPushes, {{"kind", "full"}}, second});
    EXPECT_EQ(lines(registry.scrape(kStart), "weft_control_pushes_total"),
              "weft_control_pushes_total{kind=\"full\"} 5\n");
    two = {};
    EXPECT_EQ(lines(registry.scrape(kStart), "weft_control_pushes_total"),
              "weft_control_pushes_total{kind=\"full\"} 2\n");
  }
  EXPECT_EQ(lines(registry.scrape(kStart), "weft_control_pushes_total"), "");
}

TEST(Figures, AreRowsOfATableWithALabelThatAllOfThemHave) {
  static constexpr Family kStreams{"weft_streams_total", MetricType::kCounter, "Streams."};
  static constexpr Family kOpen{"weft_streams_open", MetricType::kGauge, "Open ones."};
  Registry registry({});
  Counter good;
  Counter bad;
  Gauge open;
  good.add(2);
  bad.add(3);
  open.set(4);
  {
    Figures figures(registry);
    figures.add({{kOpen, {}, open}});
    figures.add({"door", "tls"},
                {{kStreams, {{"result", "ok"}}, good}, {kStreams, {{"result", "bad"}}, bad}});
    EXPECT_EQ(lines(registry.scrape(kStart), "weft_streams"),
              "weft_streams_open 4\n"
              "weft_streams_total{door=\"tls\",result=\"bad\"} 3\n"
              "weft_streams_total{door=\"tls\",result=\"ok\"} 2\n");
  }
  EXPECT_EQ(lines(registry.scrape(kStart), "weft_streams"), "");
}

// A shard in which everything happened once.
void fill(Shard& shard) {
  shard.record(request());
  AccessRecord tunnel = request(0);
  tunnel.protocol = RequestProtocol::kTcp;
  shard.record(tunnel);
  shard.count_access(intern("p"), intern("r\"\\\n"), AccessDecision::kAllow, false);
  shard.proxy().handshakes(HandshakeSide::kServer, HandshakeResult::kExpired).add();
  shard.proxy().certificate_expiry(CertificateKind::kLeaf).set(1'800'000'000);
  shard.proxy().config_last_ack.set(1'700'000'000);
  shard.proxy().loop_lag.observe(milliseconds(1));
}

TEST(Registry, ACertificateThatIsNotThereHasNoExpiry) {
  Registry registry({});
  fill(registry.add_shard());
  EXPECT_EQ(lines(registry.scrape(kStart), "weft_certificate_expiry_timestamp_seconds"),
            "weft_certificate_expiry_timestamp_seconds{kind=\"leaf\"} 1800000000\n");
}

TEST(Registry, ThePageIsTheSameTextForTheSameNumbers) {
  Registry registry({});
  Shard& shard = registry.add_shard();
  for (int i = 0; i < 50; ++i) shard.record(request_to(i * 7919 % 50));
  const auto without_process = [](const std::string& page) {
    return page.substr(0, page.find("# HELP process_"));
  };
  EXPECT_EQ(without_process(registry.scrape(kStart)), without_process(registry.scrape(kStart)));
}

TEST(Registry, PromtoolLikesThePage) {
  if (std::system("command -v promtool >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "promtool is not installed";
  Registry registry({});
  Shard& shard = registry.add_shard();
  fill(shard);
  Shard::ClusterRef cluster = shard.acquire_cluster(intern("a"), intern("b"));
  cluster->queue.observe(milliseconds(2));
  cluster->limit_max(LimitKind::kRequests).set(4096);
  FILE* promtool = popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  const std::string page = registry.scrape(kStart);
  EXPECT_EQ(fwrite(page.data(), 1, page.size(), promtool), page.size());
  EXPECT_EQ(pclose(promtool), 0) << page;
}

TEST(Shard, RecordingAllocatesNothingOnceItsSeriesExists) {
  Registry registry({});
  Shard& shard = registry.add_shard();
  std::vector<AccessRecord> records;
  for (int i = 0; i < 100; ++i) records.push_back(request_to(i));
  for (const AccessRecord& record : records) shard.record(record);
  std::string line;
  append_json(records[0], line);
  const std::uint64_t before = allocations;
  for (int round = 0; round < 100; ++round) {
    for (const AccessRecord& record : records) shard.record(record);
    line.clear();
    append_json(records[0], line);
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(sum(registry.scrape(kStart), "weft_requests_total"), 10'100u);
#ifndef WEFT_SANITIZED
  EXPECT_GT(allocations, before) << "the scrape allocates, so this test counts nothing";
#endif
}

// For the thread sanitizer above all: workers count into old and new series while the page is made
// and series expire.
TEST(Shard, MayBeScrapedWhileItCounts) {
  Registry registry({.shard = {.series_max = 64, .routes_max = 64, .clusters_max = 8}});
  constexpr int kWorkers = 3;
  constexpr int kRounds = 4000;
  std::atomic<int> running{kWorkers};
  std::vector<std::thread> workers;
  for (int w = 0; w < kWorkers; ++w) {
    Shard& shard = registry.add_shard();
    workers.emplace_back([&shard, &running, w] {
      AccessRecord tunnel = request(0);
      tunnel.protocol = RequestProtocol::kTcp;
      for (int i = 0; i < kRounds; ++i) {
        shard.record(request_to((i / 16 + w) % 200));
        tunnel.service = intern_service({.host = intern("tcp-" + std::to_string(i % 90))});
        Shard::Flow flow = shard.open_flow(tunnel);
        Shard::ClusterRef cluster =
            shard.acquire_cluster(intern("c-" + std::to_string(i / 50 % 12)), LabelId::kEmpty);
        flow.add_sent(1);
        cluster->attempts(AttemptResult::kOk).add();
        cluster->breaker_state.set(i % 3);
        shard.proxy().loop_lag.observe(milliseconds(i % 5));
      }
      running.fetch_sub(1);
    });
  }
  TimePoint now = kStart;
  std::string page;
  while (running.load() > 0) {
    now += minutes(7);
    page = registry.scrape(now);
    ASSERT_NE(page.find("weft_build_info"), std::string::npos);
  }
  for (std::thread& worker : workers) worker.join();
  page = registry.scrape(now);
  EXPECT_EQ(sum(page, "weft_loop_lag_seconds_count"),
            static_cast<std::uint64_t>(kWorkers * kRounds));
}

}  // namespace
}  // namespace weft::telemetry
