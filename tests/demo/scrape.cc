#include "tests/demo/scrape.h"

#include "tests/demo/ask.h"

namespace weft::demo {

const MetricsText& Scrape::page(std::string_view instance) const {
  static const MetricsText kNothing;
  const auto found = pages.find(instance);
  return found == pages.end() ? kNothing : found->second;
}

Scrape scrape(const Shop& shop) {
  Scrape out{.at = read_monotonic_clock(), .pages = {}};
  for (const Instance& instance : shop.instances()) {
    if (const Result<std::string> page = get(instance.admin(), "/metrics")) {
      out.pages.emplace(instance.name, MetricsText(*page));
    }
  }
  return out;
}

MetricsText scrape(const Instance& instance) {
  const Result<std::string> page = get(instance.admin(), "/metrics");
  return page ? MetricsText(*page) : MetricsText();
}

}  // namespace weft::demo
