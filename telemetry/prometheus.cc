#include "telemetry/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "sidecar/core/assert.h"
#include "telemetry/families.h"
#include "telemetry/text_escape.h"

namespace weft::telemetry {
namespace {

template <typename T>
void append_value(std::string& out, T value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

void append_real(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    append_value(out, value);
  }
}

void append_help(std::string& out, std::string_view help) {
  for (const char c : help) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string_view name_of(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

void append_braced(std::string& out, std::string_view labels) {
  if (labels.empty()) return;
  out += '{';
  out += labels;
  out += '}';
}

}  // namespace

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out += name;
  out += "=\"";
  append_label_value(out, value);
  out += '"';
}

std::string render_labels(std::initializer_list<LabelPair> labels) {
  std::string text;
  for (const LabelPair& label : labels) append_label(text, label.name, label.value);
  return text;
}

void HistogramTotals::add(const Histogram& histogram) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += histogram.bucket(i);
  sum_seconds += histogram.sum_seconds();
}

void HistogramTotals::add(const HistogramTotals& other) {
  for (std::size_t i = 0; i < buckets.size(); ++i) buckets[i] += other.buckets[i];
  sum_seconds += other.sum_seconds;
}

std::uint64_t HistogramTotals::count() const {
  std::uint64_t count = 0;
  for (const std::uint64_t bucket : buckets) count += bucket;
  return count;
}

MetricsPage::MetricsPage() {
  for (const Family* family : families::kAll)
    known_.emplace(family->name, Samples{.family = *family});
}

MetricsPage::Samples& MetricsPage::samples_of(const Family& family) {
  if (const auto known = known_.find(family.name); known != known_.end()) return known->second;
  if (const auto other = others_.find(family.name); other != others_.end()) return other->second;
  return others_.emplace(std::string(family.name), Samples{.family = family}).first->second;
}

MetricsPage::Sample& MetricsPage::sample_of(const Family& family, std::string_view labels,
                                            bool& is_new) {
  Samples& samples = samples_of(family);
  auto at = samples.numbers.find(labels);
  is_new = at == samples.numbers.end();
  if (is_new) at = samples.numbers.emplace(std::string(labels), Sample{}).first;
  return at->second;
}

void MetricsPage::add(const Family& family, std::string_view labels, std::int64_t value) {
  if (value == 0 && family.hide_zero) return;
  bool is_new = false;
  Sample& sample = sample_of(family, labels, is_new);
  const bool sum = family.combine == Combine::kSum || is_new;
  sample.whole = sum ? sample.whole + value : std::max(sample.whole, value);
}

void MetricsPage::add(const Family& family, std::string_view labels, double value) {
  bool is_new = false;
  Sample& sample = sample_of(family, labels, is_new);
  const bool sum = family.combine == Combine::kSum || is_new;
  sample.is_real = true;
  sample.real = sum ? sample.real + value : std::max(sample.real, value);
}

void MetricsPage::add(const Family& family, std::string_view labels,
                      const HistogramTotals& totals) {
  if (family.hide_zero && totals.count() == 0) return;
  Samples& samples = samples_of(family);
  auto at = samples.histograms.find(labels);
  if (at == samples.histograms.end())
    at = samples.histograms.emplace(std::string(labels), HistogramTotals{}).first;
  at->second.add(totals);
}

void MetricsPage::add(const Family& family, std::string_view labels, const Histogram& histogram) {
  HistogramTotals totals;
  totals.add(histogram);
  add(family, labels, totals);
}

std::string MetricsPage::text() const {
  std::string out;
  for (const Family* family : families::kAll) append_family(known_.at(family->name), out);
  for (const auto& [name, samples] : others_) append_family(samples, out);
  return out;
}

void MetricsPage::append_family(const Samples& samples, std::string& out) {
  const Family& family = samples.family;
  out += "# HELP ";
  out += family.name;
  out += ' ';
  append_help(out, family.help);
  out += "\n# TYPE ";
  out += family.name;
  out += ' ';
  out += name_of(family.type);
  out += '\n';
  for (const auto& [labels, sample] : samples.numbers) {
    out += family.name;
    append_braced(out, labels);
    out += ' ';
    if (sample.is_real) {
      append_real(out, sample.real);
    } else {
      append_value(out, sample.whole);
    }
    out += '\n';
  }
  for (const auto& [labels, totals] : samples.histograms)
    append_histogram(family.name, labels, totals, out);
}

void MetricsPage::append_histogram(std::string_view name, std::string_view labels,
                                   const HistogramTotals& totals, std::string& out) {
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < totals.buckets.size(); ++i) {
    cumulative += totals.buckets[i];
    out += name;
    out += "_bucket{";
    out += labels;
    out += labels.empty() ? "le=\"" : ",le=\"";
    if (i < Histogram::kEdges.size()) {
      append_value(out, Histogram::kEdges[i]);
    } else {
      out += "+Inf";
    }
    out += "\"} ";
    append_value(out, cumulative);
    out += '\n';
  }
  out += name;
  out += "_sum";
  append_braced(out, labels);
  out += ' ';
  append_real(out, totals.sum_seconds);
  out += '\n';
  out += name;
  out += "_count";
  append_braced(out, labels);
  out += ' ';
  append_value(out, cumulative);
  out += '\n';
}

}  // namespace weft::telemetry
