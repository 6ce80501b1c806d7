#include "tests/demo/metrics_text.h"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <optional>

namespace weft::demo {

namespace {

bool has_all(const Sample& sample, const LabelFilter& filter) {
  return std::ranges::all_of(
      filter, [&](const auto& wanted) { return sample.label(wanted.first) == wanted.second; });
}

double read_number(std::string_view text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  return std::strtod(std::string(text).c_str(), nullptr);
}

// `name="value",…}`; returns what follows the brace, or nothing when it never comes.
std::optional<std::string_view> read_labels(std::string_view text, Sample& out) {
  while (!text.empty() && text.front() != '}') {
    const std::size_t equals = text.find("=\"");
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = text.substr(0, equals);
    text.remove_prefix(equals + 2);
    std::string value;
    for (; !text.empty() && text.front() != '"'; text.remove_prefix(1)) {
      if (text.front() == '\\' && text.size() > 1) {
        text.remove_prefix(1);
        value += text.front() == 'n' ? '\n' : text.front();
      } else {
        value += text.front();
      }
    }
    if (text.empty()) return std::nullopt;
    text.remove_prefix(1);
    out.labels.emplace(name, std::move(value));
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  if (text.empty()) return std::nullopt;
  return text.substr(1);
}

std::optional<Sample> read_line(std::string_view line) {
  if (line.empty() || line.front() == '#') return std::nullopt;
  const std::size_t name_end = line.find_first_of("{ ");
  if (name_end == std::string_view::npos) return std::nullopt;
  Sample out;
  out.name = line.substr(0, name_end);
  std::string_view rest = line.substr(name_end);
  if (rest.front() == '{') {
    const std::optional<std::string_view> after = read_labels(rest.substr(1), out);
    if (!after) return std::nullopt;
    rest = *after;
  }
  if (!rest.starts_with(' ') || rest.size() < 2) return std::nullopt;
  out.value = read_number(rest.substr(1));
  return out;
}

}  // namespace

std::string_view Sample::label(std::string_view key) const {
  const auto found = labels.find(key);
  return found == labels.end() ? std::string_view{} : std::string_view(found->second);
}

MetricsText::MetricsText(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (std::optional<Sample> sample = read_line(text.substr(0, end))) {
      samples_.push_back(std::move(*sample));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

std::vector<const Sample*> MetricsText::find(std::string_view name,
                                             const LabelFilter& filter) const {
  std::vector<const Sample*> out;
  for (const Sample& sample : samples_) {
    if (sample.name == name && has_all(sample, filter)) out.push_back(&sample);
  }
  return out;
}

double MetricsText::sum(std::string_view name, const LabelFilter& filter) const {
  double out = 0;
  for (const Sample* sample : find(name, filter)) out += sample->value;
  return out;
}

std::vector<Bucket> MetricsText::buckets(std::string_view name, const LabelFilter& filter) const {
  std::map<double, double> sums;
  for (const Sample* sample : find(std::string(name) + "_bucket", filter)) {
    sums[read_number(sample->label("le"))] += sample->value;
  }
  std::vector<Bucket> out;
  for (const auto& [le, count] : sums) out.push_back({.le = le, .count = count});
  return out;
}

std::vector<Bucket> subtract(std::vector<Bucket> after, const std::vector<Bucket>& before) {
  const bool alike = std::ranges::equal(after, before, {}, &Bucket::le, &Bucket::le);
  for (std::size_t i = 0; i < after.size() && alike; ++i) after[i].count -= before[i].count;
  return after;
}

}  // namespace weft::demo
