#pragma once
// Scrape: the /metrics pages of all sidecars at one moment. Reading them is blocking; the value is
// plain.

#include <map>
#include <string>
#include <string_view>

#include "sidecar/core/clock.h"
#include "tests/demo/metrics_text.h"
#include "tests/demo/shop.h"

namespace weft::demo {

struct Scrape {
  TimePoint at{};
  std::map<std::string, MetricsText, std::less<>> pages;  // by instance; absent: does not answer

  // An empty page when it did not answer.
  [[nodiscard]] const MetricsText& page(std::string_view instance) const;
};

[[nodiscard]] Scrape scrape(const Shop& shop);
// One sidecar's; empty when it does not answer.
[[nodiscard]] MetricsText scrape(const Instance& instance);

}  // namespace weft::demo
