#include "telemetry/prometheus.h"

#include <algorithm>
#include <charconv>
#include <cmath>

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

void append_head(const Family& family, std::string& out) {
  out += "# HELP ";
  out += family.name;
  out += ' ';
  append_help(out, family.help);
  out += "\n# TYPE ";
  out += family.name;
  out += ' ';
  out += name_of(family.type);
  out += '\n';
}

void append_histogram(std::string_view name, std::string_view labels, const HistogramTotals& totals,
                      std::string& out) {
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

}  // namespace

void append_label(std::string& out, std::string_view name, std::string_view value) {
  if (!out.empty()) out += ',';
  out += name;
  out += "=\"";
  append_label_value(out, value);
  out += '"';
}

std::string render_labels(std::span<const LabelPair> labels) {
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

std::string_view MetricsPage::keep(std::string_view labels) {
  const auto kept = labels_.find(labels);
  return kept != labels_.end() ? *kept : *labels_.emplace(labels).first;
}

std::pair<MetricsPage::Sample&, bool> MetricsPage::sample_of(const Family& family,
                                                             std::string_view labels) {
  const auto [at, is_new] = samples_of(family).numbers.try_emplace(keep(labels));
  return {at->second, is_new};
}

void MetricsPage::add(const Family& family, std::string_view labels, std::int64_t value) {
  if (value == 0 && family.hide_zero) return;
  const auto [sample, is_new] = sample_of(family, labels);
  const bool sum = family.combine == Combine::kSum || is_new;
  sample.whole = sum ? sample.whole + value : std::max(sample.whole, value);
}

void MetricsPage::add(const Family& family, std::string_view labels, double value) {
  const auto [sample, is_new] = sample_of(family, labels);
  const bool sum = family.combine == Combine::kSum || is_new;
  sample.is_real = true;
  sample.real = sum ? sample.real + value : std::max(sample.real, value);
}

void MetricsPage::add(const Family& family, std::string_view labels,
                      const HistogramTotals& totals) {
  if (family.hide_zero && totals.count() == 0) return;
  samples_of(family).histograms[keep(labels)].add(totals);
}

void MetricsPage::add(const Family& family, std::string_view labels, const Histogram& histogram) {
  HistogramTotals totals;
  totals.add(histogram);
  add(family, labels, totals);
}

std::string MetricsPage::text() const {
  std::string out;
  Cursor cursor(*this);
  while (cursor.append_to(out, 1U << 20)) {
  }
  return out;
}

MetricsPage::Cursor::Cursor(const MetricsPage& page) {
  for (const Family* family : families::kAll) families_.push_back(&page.known_.at(family->name));
  for (const auto& [name, samples] : page.others_) families_.push_back(&samples);
  begin_family();
}

void MetricsPage::Cursor::begin_family() {
  head_written_ = false;
  if (family_ == families_.size()) return;
  number_ = families_[family_]->numbers.begin();
  histogram_ = families_[family_]->histograms.begin();
}

bool MetricsPage::Cursor::append_to(std::string& out, std::size_t bytes_min) {
  const std::size_t before = out.size();
  while (family_ < families_.size() && out.size() - before < bytes_min) append_one(out);
  return out.size() > before;
}

// The head of a family, one sample, or one histogram.
void MetricsPage::Cursor::append_one(std::string& out) {
  const Samples& samples = *families_[family_];
  const Family& family = samples.family;
  if (!head_written_) {
    append_head(family, out);
    head_written_ = true;
  } else if (number_ != samples.numbers.end()) {
    const Sample& sample = number_->second;
    out += family.name;
    append_braced(out, number_->first);
    out += ' ';
    if (sample.is_real) {
      append_real(out, sample.real);
    } else {
      append_value(out, sample.whole);
    }
    out += '\n';
    ++number_;
  } else if (histogram_ != samples.histograms.end()) {
    append_histogram(family.name, histogram_->first, histogram_->second, out);
    ++histogram_;
  } else {
    ++family_;
    begin_family();
  }
}

}  // namespace weft::telemetry
