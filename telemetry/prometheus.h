#pragma once
// MetricsPage: samples in, the Prometheus text exposition format 0.0.4 out.
//
// Samples with the same family and labels become one, as the family says (sum or largest). HELP and
// TYPE stand once per family; families stand in the order of families::kAll and then by name,
// samples by their labels, so that two pages with the same numbers are the same text. Thread: the
// main loop. Built for one scrape and thrown away.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/counters.h"
#include "telemetry/family.h"

namespace weft::telemetry {

inline constexpr std::string_view kPrometheusContentType =
    "text/plain; version=0.0.4; charset=utf-8";

struct LabelPair {
  std::string_view name;
  std::string_view value;
};

// name="value",… with the values escaped: the inside of a sample's braces.
void append_label(std::string& out, std::string_view name, std::string_view value);
[[nodiscard]] std::string render_labels(std::span<const LabelPair> labels);
[[nodiscard]] inline std::string render_labels(std::initializer_list<LabelPair> labels) {
  return render_labels(std::span(labels.begin(), labels.size()));
}

// A Histogram read once, or several added up.
struct HistogramTotals {
  std::array<std::uint64_t, Histogram::kEdges.size() + 1> buckets{};  // not cumulative
  double sum_seconds = 0;

  void add(const Histogram& histogram);
  void add(const HistogramTotals& other);
  [[nodiscard]] std::uint64_t count() const;
};

class MetricsPage final {
 public:
  MetricsPage();

  // `labels` is what render_labels makes; the overloads with pairs do it themselves.
  void add(const Family& family, std::string_view labels, std::int64_t value);
  void add(const Family& family, std::string_view labels, double value);
  void add(const Family& family, std::string_view labels, const HistogramTotals& totals);
  void add(const Family& family, std::string_view labels, const Counter& counter) {
    add(family, labels, static_cast<std::int64_t>(counter.value()));
  }
  void add(const Family& family, std::string_view labels, const Gauge& gauge) {
    add(family, labels, gauge.value());
  }
  void add(const Family& family, std::string_view labels, const Histogram& histogram);
  template <typename Value>
  void add(const Family& family, std::initializer_list<LabelPair> labels, const Value& value) {
    add(family, render_labels(labels), value);
  }

  // The whole page. A page of thousands of series is tens of megabytes: use a Cursor where it
  // matters.
  [[nodiscard]] std::string text() const;

  class Cursor;

 private:
  struct Sample {
    std::int64_t whole = 0;
    double real = 0;
    bool is_real = false;
  };
  // Keyed by views into labels_.
  struct Samples {
    Family family;
    std::map<std::string_view, Sample> numbers;
    std::map<std::string_view, HistogramTotals> histograms;
  };

  Samples& samples_of(const Family& family);
  // The sample of these labels, and whether it is new.
  std::pair<Sample&, bool> sample_of(const Family& family, std::string_view labels);
  [[nodiscard]] std::string_view keep(std::string_view labels);

  std::set<std::string, std::less<>> labels_;  // each text once, however many families have it
  std::map<std::string_view, Samples> known_;  // families::kAll
  std::map<std::string, Samples, std::less<>> others_;
};

// Writes a page piece by piece, so that nobody needs all of its text at once. The page must outlive
// it and not change.
class MetricsPage::Cursor final {
 public:
  explicit Cursor(const MetricsPage& page);

  // Appends at least `bytes_min` more, or what is left; whole lines. False when nothing is left to
  // append.
  bool append_to(std::string& out, std::size_t bytes_min);

 private:
  void begin_family();
  void append_one(std::string& out);

  std::vector<const Samples*> families_;
  std::size_t family_ = 0;
  bool head_written_ = false;
  std::map<std::string_view, Sample>::const_iterator number_;
  std::map<std::string_view, HistogramTotals>::const_iterator histogram_;
};

}  // namespace weft::telemetry
