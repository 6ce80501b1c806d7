#pragma once
// MetricsText: a /metrics page read back: samples with their labels, to be summed and subtracted.
//
// Reads the Prometheus text format 0.0.4 as far as weft writes it; a line that is none is left out.
// A value; pure.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/demo/percentiles.h"

namespace weft::demo {

struct Sample {
  std::string name;
  std::map<std::string, std::string, std::less<>> labels;
  double value = 0;

  [[nodiscard]] std::string_view label(std::string_view key) const;  // "" when absent
};

using LabelFilter = std::vector<std::pair<std::string, std::string>>;

class MetricsText final {
 public:
  MetricsText() = default;
  explicit MetricsText(std::string_view text);

  [[nodiscard]] const std::vector<Sample>& samples() const { return samples_; }
  // Of a metric, those that have all these labels.
  [[nodiscard]] std::vector<const Sample*> find(std::string_view name,
                                                const LabelFilter& filter = {}) const;
  [[nodiscard]] double sum(std::string_view name, const LabelFilter& filter = {}) const;
  // The sum of the histograms that have all these labels. `name` without "_bucket".
  [[nodiscard]] std::vector<Bucket> buckets(std::string_view name,
                                            const LabelFilter& filter = {}) const;

 private:
  std::vector<Sample> samples_;
};

// What came since: bucket by bucket; all of `after` when the edges differ.
[[nodiscard]] std::vector<Bucket> subtract(std::vector<Bucket> after,
                                           const std::vector<Bucket>& before);

}  // namespace weft::demo
