#pragma once
// Figures: the metrics that one object keeps on the page, told as tables.
//
// Owner: that object, as a member after what is counted; let go of before the Registry. Thread: the
// main loop.

#include <initializer_list>
#include <vector>

#include "telemetry/figure.h"
#include "telemetry/registry.h"

namespace weft::telemetry {

class Figures final {
 public:
  explicit Figures(Registry& registry) : registry_(registry) {}

  void add(std::initializer_list<Figure> table);
  // Each with this label before its own.
  void add(const LabelPair& common, std::initializer_list<Figure> table);

 private:
  Registry& registry_;
  std::vector<Registry::Registration> kept_;
};

}  // namespace weft::telemetry
