// Metrics text read back, percentiles, and the table made of them.

#include "tests/demo/table.h"

#include <gtest/gtest.h>

#include <limits>

namespace weft::demo {
namespace {

using namespace std::chrono_literals;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(MetricsText, ReadsNamesLabelsAndValues) {
  const MetricsText text(
      "# HELP a_total What.\n# TYPE a_total counter\n"
      "a_total 3\n"
      "b{x=\"1\",y=\"two\"} 0.5\n"
      "b{x=\"2\",y=\"t\\\"w\\\\o\\n\"} 1.5\n"
      "torn{x=\"1\n");
  ASSERT_EQ(text.samples().size(), 3U);
  EXPECT_EQ(text.sum("a_total"), 3);
  EXPECT_EQ(text.sum("b"), 2);
  EXPECT_EQ(text.sum("b", {{"x", "1"}}), 0.5);
  EXPECT_EQ(text.find("b", {{"x", "2"}}).front()->label("y"), "t\"w\\o\n");
  EXPECT_EQ(text.sum("b", {{"z", "1"}}), 0);
}

TEST(MetricsText, AddsHistogramsUp) {
  const MetricsText text(
      "h_bucket{s=\"a\",le=\"0.1\"} 1\nh_bucket{s=\"a\",le=\"+Inf\"} 2\n"
      "h_bucket{s=\"b\",le=\"0.1\"} 3\nh_bucket{s=\"b\",le=\"+Inf\"} 3\n");
  const std::vector<Bucket> both = text.buckets("h");
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].count, 4);
  EXPECT_EQ(both[1].le, kInfinity);
  EXPECT_EQ(both[1].count, 5);
  EXPECT_EQ(subtract(both, text.buckets("h", {{"s", "a"}}))[1].count, 3);
}

TEST(Percentile, IsOneOfTheTimes) {
  EXPECT_EQ(percentile({}, 99), 0ms);
  EXPECT_EQ(percentile({5ms}, 50), 5ms);
  EXPECT_EQ(percentile({4ms, 1ms, 3ms, 2ms}, 50), 2ms);
  EXPECT_EQ(percentile({4ms, 1ms, 3ms, 2ms}, 99), 4ms);
}

TEST(BucketPercentile, IsLinearInsideABucket) {
  const std::vector<Bucket> buckets = {{0.1, 50}, {0.2, 100}, {kInfinity, 100}};
  EXPECT_DOUBLE_EQ(bucket_percentile(buckets, 50), 0.1);
  EXPECT_DOUBLE_EQ(bucket_percentile(buckets, 75), 0.15);
  EXPECT_DOUBLE_EQ(bucket_percentile(buckets, 25), 0.05);
}

TEST(BucketPercentile, EndsAtTheLastFiniteEdge) {
  EXPECT_DOUBLE_EQ(bucket_percentile({{0.1, 0}, {kInfinity, 10}}, 99), 0.1);
  EXPECT_DOUBLE_EQ(bucket_percentile({{0.1, 0}, {kInfinity, 0}}, 99), 0);
  EXPECT_DOUBLE_EQ(bucket_percentile({}, 50), 0);
}

std::string cart_page(int answered, int errors) {
  const std::string labels =
      "reporter=\"destination\",source_principal=\"spiffe://cluster.local/ns/shop/sa/web\"";
  return "weft_requests_total{" + labels + ",response_code=\"200\"} " + std::to_string(answered) +
         "\nweft_requests_total{" + labels + ",response_code=\"500\"} " + std::to_string(errors) +
         "\nweft_request_duration_seconds_bucket{" + labels + ",le=\"0.002\"} " +
         std::to_string(answered) + "\nweft_request_duration_seconds_bucket{" + labels +
         ",le=\"+Inf\"} " + std::to_string(answered) +
         "\nweft_requests_total{reporter=\"source\",response_code=\"200\"} 12345\n";
}

TEST(Table, ShowsWhatWasAddedBetweenTwoScrapes) {
  const Shop shop;
  Scrape before{.at = TimePoint{} + 10s, .pages = {}};
  Scrape after{.at = TimePoint{} + 12s, .pages = {}};
  before.pages.emplace("cart-v1-a", MetricsText(cart_page(100, 7)));
  after.pages.emplace("cart-v1-a", MetricsText(cart_page(160, 10)));
  after.pages.emplace("cart-v1-b", MetricsText(cart_page(108, 0)));
  after.pages.emplace("cart-v2-a", MetricsText(cart_page(19, 0)));
  const std::vector<Row> rows = make_rows(shop, before, after, Weights{.v1 = 90, .v2 = 10});
  ASSERT_EQ(rows.size(), 4U);
  const Row& v1 = rows[1];
  EXPECT_EQ(v1.service + v1.version, "cartv1");
  EXPECT_DOUBLE_EQ(v1.rate, (60 + 3 + 108) / 2.0);
  EXPECT_DOUBLE_EQ(v1.errors, 1.5);
  EXPECT_DOUBLE_EQ(*v1.share, 90);
  EXPECT_DOUBLE_EQ(*v1.asked, 90);
  EXPECT_DOUBLE_EQ(v1.p50, 0.001);
  EXPECT_EQ(v1.callers, std::set<std::string>{"web"});
  EXPECT_DOUBLE_EQ(*rows[2].share, 10);
  EXPECT_EQ(rows[3].share, std::nullopt) << "ledger has one version";
  EXPECT_NE(render(rows).find("cart v1           86         2       1.0       2.0     90.0 %     "
                              "90.0 %  web\n"),
            std::string::npos)
      << render(rows);
}

TEST(Table, BearsASidecarThatStartedAnew) {
  Scrape before{.at = TimePoint{} + 10s, .pages = {}};
  Scrape after{.at = TimePoint{} + 11s, .pages = {}};
  before.pages.emplace("ledger-a", MetricsText(cart_page(1000, 0)));
  after.pages.emplace("ledger-a", MetricsText(cart_page(5, 0)));
  EXPECT_DOUBLE_EQ(make_rows(Shop(), before, after, std::nullopt)[3].rate, 5);
}

TEST(Table, ReadsTheWeightsOfTheRoute) {
  EXPECT_EQ(read_weights(R"({"objects": [
      {"kind": "Service", "name": "cart"},
      {"kind": "HTTPRoute", "name": "cart", "document": {"spec": {"rules": [{"backendRefs": [
        {"name": "cart-v1", "weight": 75}, {"name": "cart-v2", "weight": 25}]}]}}}]})"),
            (Weights{.v1 = 75, .v2 = 25}));
  EXPECT_EQ(read_weights("{}"), std::nullopt);
  EXPECT_EQ(read_weights("no page"), std::nullopt);
}

TEST(Table, NamesPrincipalsByTheirAccount) {
  EXPECT_EQ(short_principal("spiffe://cluster.local/ns/shop/sa/web"), "web");
  EXPECT_EQ(short_principal("spiffe://elsewhere/ns/shop/sa/web"),
            "spiffe://elsewhere/ns/shop/sa/web");
  EXPECT_EQ(short_principal("unknown"), "nobody");
}

}  // namespace
}  // namespace weft::demo
