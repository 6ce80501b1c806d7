#pragma once
// ByEnum: one metric per value of an enumeration, or per pair or triple of values:
// `handshakes(side, reason).add()`.
//
// An enumeration used as a label says how many values it has (kCountOf) and what they are called
// (name_of).

#include <array>
#include <cstddef>

namespace weft::telemetry {

template <typename Enum>
inline constexpr std::size_t kCountOf = 0;

template <typename Metric, typename... Enums>
class ByEnum final {
 public:
  [[nodiscard]] Metric& operator()(Enums... values) { return metrics_[index(values...)]; }
  [[nodiscard]] const Metric& operator()(Enums... values) const {
    return metrics_[index(values...)];
  }
  void clear() {
    for (Metric& metric : metrics_) metric.clear();
  }

 private:
  static_assert(((kCountOf<Enums> > 0) && ...), "say kCountOf of the enumeration");

  static constexpr std::size_t index(Enums... values) {
    std::size_t at = 0;
    ((at = at * kCountOf<Enums> + static_cast<std::size_t>(values)), ...);
    return at;
  }

  std::array<Metric, (kCountOf<Enums> * ...)> metrics_{};
};

// Calls visit(value) for every value of the enumeration.
template <typename Enum, typename Visit>
void for_each_value(Visit visit) {
  for (std::size_t i = 0; i < kCountOf<Enum>; ++i) visit(static_cast<Enum>(i));
}

}  // namespace weft::telemetry
