#pragma once
// Family: a metric's name, help and type as /metrics shows them, and how the values of several
// threads become one.
//
// The table of all families that every weft process has is telemetry/families.h.

#include <cstdint>
#include <string_view>

namespace weft::telemetry {

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };
enum class Combine : std::uint8_t { kSum, kMax };

struct Family {
  std::string_view name;  // Prometheus: unit last, counters end in _total
  MetricType type = MetricType::kCounter;
  std::string_view help;
  Combine combine = Combine::kSum;
  bool hide_zero =
      false;  // a zero says nothing here (never happened, or not known), so no line is written
};

}  // namespace weft::telemetry
