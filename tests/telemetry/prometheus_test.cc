#include "telemetry/prometheus.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "telemetry/families.h"
#include "telemetry/process_stats.h"

namespace weft::telemetry {
namespace {

constexpr Family kApples{"test_apples_total", MetricType::kCounter, "Apples\\pears\nand more."};
constexpr Family kDepth{"test_depth", MetricType::kGauge, "Depth.", Combine::kMax};
constexpr Family kWait{"test_wait_seconds", MetricType::kHistogram, "Wait."};
constexpr Family kQuiet{"test_quiet_total", MetricType::kCounter, "Quiet.", Combine::kSum, true};

// The part of the page that the families above wrote.
std::string told(const MetricsPage& page) {
  const std::string text = page.text();
  const std::size_t at = text.find("# HELP test_");
  return at == std::string::npos ? "" : text.substr(at);
}

TEST(Prometheus, WritesHelpAndTypeOnceAndSortsSamples) {
  MetricsPage page;
  page.add(kApples, {{"kind", "red"}}, std::int64_t{2});
  page.add(kApples, {{"kind", "green"}}, std::int64_t{1});
  page.add(kApples, {{"kind", "red"}}, std::int64_t{3});
  EXPECT_EQ(told(page),
            "# HELP test_apples_total Apples\\\\pears\\nand more.\n"
            "# TYPE test_apples_total counter\n"
            "test_apples_total{kind=\"green\"} 1\n"
            "test_apples_total{kind=\"red\"} 5\n");
}

TEST(Prometheus, CombinesAsTheFamilySays) {
  MetricsPage page;
  page.add(kDepth, {}, std::int64_t{-3});
  page.add(kDepth, {}, std::int64_t{-5});
  page.add(kDepth, {{"worker", "1"}}, 2.5);
  page.add(kDepth, {{"worker", "1"}}, 1.5);
  EXPECT_EQ(told(page),
            "# HELP test_depth Depth.\n# TYPE test_depth gauge\ntest_depth "
            "-3\ntest_depth{worker=\"1\"} 2.5\n");
}

TEST(Prometheus, AFamilyMayHideZero) {
  MetricsPage page;
  page.add(kQuiet, {}, std::int64_t{0});
  EXPECT_EQ(told(page), "");
  page.add(kQuiet, {}, std::int64_t{1});
  EXPECT_NE(told(page).find("test_quiet_total 1\n"), std::string::npos);
}

TEST(Prometheus, EscapesLabelValues) {
  MetricsPage page;
  page.add(kApples, {{"kind", "a\"b\\c\nd\re\xff\xc3\xa9"}}, std::int64_t{1});
  EXPECT_NE(told(page).find("{kind=\"a\\\"b\\\\c\\nd\re\xef\xbf\xbd\xc3\xa9\"} 1\n"),
            std::string::npos)
      << told(page);
}

TEST(Prometheus, HistogramsAreCumulative) {
  Histogram histogram;
  histogram.observe(std::chrono::microseconds(500));
  histogram.observe(std::chrono::milliseconds(200));  // on its edge
  histogram.observe(std::chrono::minutes(2));
  MetricsPage page;
  page.add(kWait, {{"a", "b"}}, histogram);
  EXPECT_EQ(told(page),
            "# HELP test_wait_seconds Wait.\n"
            "# TYPE test_wait_seconds histogram\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.001\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.0025\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.005\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.01\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.025\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.05\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.1\"} 1\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.2\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.35\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"0.5\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"1\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"2.5\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"5\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"10\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"30\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"60\"} 2\n"
            "test_wait_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"
            "test_wait_seconds_sum{a=\"b\"} 120.2005\n"
            "test_wait_seconds_count{a=\"b\"} 3\n");
}

TEST(Prometheus, EveryFamilyIsListedBeforeItsFirstSample) {
  const std::string text = MetricsPage().text();
  for (const Family* family : families::kAll) {
    EXPECT_NE(text.find("# HELP " + std::string(family->name) + " "), std::string::npos)
        << family->name;
    EXPECT_NE(text.find("# TYPE " + std::string(family->name) + " "), std::string::npos)
        << family->name;
  }
}

TEST(Prometheus, APageReadInPiecesIsTheSamePage) {
  MetricsPage page;
  Histogram histogram;
  for (int i = 0; i < 50; ++i) {
    page.add(kApples, {{"kind", std::to_string(i)}}, std::int64_t{i});
    page.add(kWait, {{"kind", std::to_string(i)}}, histogram);
  }
  for (const std::size_t piece : {std::size_t{1}, std::size_t{100}, std::size_t{5000}}) {
    MetricsPage::Cursor cursor(page);
    std::string whole;
    std::string part;
    while (cursor.append_to(part, piece)) {
      EXPECT_TRUE(part.ends_with('\n'));
      EXPECT_LT(part.size(), piece + 2000);
      whole += part;
      part.clear();
    }
    EXPECT_EQ(whole, page.text());
  }
}

TEST(Families, HaveNamesThatFitTheirType) {
  for (const Family* family : families::kAll) {
    EXPECT_TRUE(family->name.starts_with("weft_")) << family->name;
    EXPECT_EQ(family->name.ends_with("_total"), family->type == MetricType::kCounter)
        << family->name;
    EXPECT_TRUE(family->type != MetricType::kHistogram || family->name.ends_with("_seconds"))
        << family->name;
    EXPECT_FALSE(family->help.empty());
  }
}

TEST(ProcessStats, KnowThisProcess) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1'000'000u);
  EXPECT_GE(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GE(stats.threads, 1u);
  EXPECT_GE(stats.descriptors_open, 1u);
  const double now = std::chrono::duration<double>(read_wall_clock().time_since_epoch()).count();
  EXPECT_NEAR(stats.start_time_seconds, now, 3600);
  EXPECT_EQ(stats.start_time_seconds, read_process_stats().start_time_seconds);
}

}  // namespace
}  // namespace weft::telemetry
