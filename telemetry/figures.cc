#include "telemetry/figures.h"

namespace weft::telemetry {

void Figures::add(std::initializer_list<Figure> table) {
  for (const Figure& row : table) kept_.push_back(registry_.add(row));
}

void Figures::add(const LabelPair& common, std::initializer_list<Figure> table) {
  for (const Figure& row : table) {
    std::vector<LabelPair> labels = {common};
    labels.insert(labels.end(), row.labels.begin(), row.labels.end());
    kept_.push_back(
        registry_.add({.family = row.family, .labels = std::move(labels), .metric = row.metric}));
  }
}

}  // namespace weft::telemetry
