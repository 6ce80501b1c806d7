#include "telemetry/registry.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "sidecar/core/assert.h"
#include "telemetry/collect.h"
#include "telemetry/families.h"
#include "telemetry/process_stats.h"

namespace weft::telemetry {
namespace {

template <typename Totals>
using Merged = std::unordered_map<SeriesBits, Totals, SeriesBitsHash>;

struct RequestTotals {
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  HistogramTotals duration;
};

struct TcpTotals {
  std::uint64_t opened = 0;
  std::uint64_t closed = 0;
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
};

LabelId high_id(std::uint64_t word) { return static_cast<LabelId>(word >> 32); }
LabelId low_id(std::uint64_t word) {
  return static_cast<LabelId>(static_cast<std::uint32_t>(word));
}
std::int64_t whole(std::uint64_t value) { return static_cast<std::int64_t>(value); }

// A series is idle when no shard touched or holds it; all shards let go of it in the same moment,
// so that the sum on the page never falls, which Prometheus would take for a restart.
template <typename Table, typename Get>
void expire(const std::vector<std::unique_ptr<Shard>>& shards, std::uint32_t epoch,
            std::uint32_t idle_max, Get table_of) {
  Merged<std::uint32_t> last_used;
  for (const auto& shard : shards) {
    table_of(*shard).for_each([&](const typename Table::Entry& entry) {
      const bool held = entry.pins.load(std::memory_order_relaxed) != 0;
      std::uint32_t& last = last_used[entry.key];
      last = std::max(last, held ? epoch : entry.used.load(std::memory_order_relaxed));
    });
  }
  for (const auto& shard : shards) {
    table_of(*shard).retire(epoch, [&](const SeriesBits& key) {
      const auto last = last_used.find(key);
      return last != last_used.end() && epoch - last->second > idle_max;
    });
  }
}

}  // namespace

struct Registry::Item {
  std::uint64_t number = 0;
  const Family* family = nullptr;
  std::string labels;
  MetricRef metric;
};

Registry::Registry(const Options& options) : options_(options) {}
Registry::~Registry() { WEFT_ASSERT(items_.empty()); }

Shard& Registry::add_shard() {
  shards_.push_back(std::make_unique<Shard>(options_.shard));
  shards_.back()->epoch_.store(epoch_, std::memory_order_relaxed);
  return *shards_.back();
}

Registry::Registration Registry::add(const Figure& figure) {
  WEFT_ASSERT(figure.metric.is(figure.family.type));
  const std::uint64_t number = next_number_++;
  items_.push_back({.number = number,
                    .family = &figure.family,
                    .labels = render_labels(figure.labels),
                    .metric = figure.metric});
  return Registration(*this, number);
}

void Registry::remove(std::uint64_t number) {
  std::erase_if(items_, [number](const Item& item) { return item.number == number; });
}

void Registry::advance(TimePoint now) {
  if (epoch_began_ == TimePoint{}) epoch_began_ = now;
  if (now - epoch_began_ < kEpoch) return;
  epoch_ += static_cast<std::uint32_t>((now - epoch_began_) / kEpoch);
  epoch_began_ = now;
  for (const auto& shard : shards_) shard->epoch_.store(epoch_, std::memory_order_relaxed);
  const auto idle_max = static_cast<std::uint32_t>(options_.expire_after / kEpoch);
  expire<Shard::RequestTable>(shards_, epoch_, idle_max,
                              [](Shard& shard) -> auto& { return shard.requests_; });
  expire<Shard::TcpTable>(shards_, epoch_, idle_max,
                          [](Shard& shard) -> auto& { return shard.tcp_; });
  expire<Shard::CountTable>(shards_, epoch_, idle_max,
                            [](Shard& shard) -> auto& { return shard.routes_; });
  expire<Shard::CountTable>(shards_, epoch_, idle_max,
                            [](Shard& shard) -> auto& { return shard.access_; });
  expire<Shard::ClusterTable>(shards_, epoch_, idle_max,
                              [](Shard& shard) -> auto& { return shard.clusters_; });
}

std::unique_ptr<MetricsPage> Registry::collect(TimePoint now, const Destinations* known) {
  advance(now);
  auto page = std::make_unique<MetricsPage>();
  collect_requests(*page);
  collect_tcp(*page);
  collect_counts(*page);
  collect_clusters(*page, known);
  for (const auto& shard : shards_) telemetry::collect(shard->proxy(), *page);
  page->add(families::kTelemetryDropped, {{"signal", name_of(Signal::kLabel)}},
            whole(label_overflows()));
  for (const Item& item : items_) {
    item.metric.visit([&](const auto& metric) { page->add(*item.family, item.labels, metric); });
  }
  page->add(families::kBuildInfo, {{"version", WEFT_VERSION}}, std::int64_t{1});
  telemetry::collect(read_process_stats(), *page);
  return page;
}

void Registry::collect_requests(MetricsPage& page) const {
  Merged<RequestTotals> merged;
  for (const auto& shard : shards_) {
    shard->requests_.for_each([&](const Shard::RequestTable::Entry& entry) {
      RequestTotals& totals = merged[entry.key];
      totals.bytes_in += entry.values.bytes_in.value();
      totals.bytes_out += entry.values.bytes_out.value();
      totals.duration.add(entry.values.duration);
    });
  }
  // Durations and bytes go without flags and cause: several series of requests are one of theirs.
  Merged<RequestTotals> plain;
  for (const auto& [bits, totals] : merged) {
    SeriesKey key = SeriesKey::unpack(bits);
    page.add(families::kRequests, render_request_labels(key, RequestLabels::kWithReason),
             whole(totals.duration.count()));
    key.flags = {};
    key.cause = Cause::kNone;
    RequestTotals& sum = plain[key.pack()];
    sum.bytes_in += totals.bytes_in;
    sum.bytes_out += totals.bytes_out;
    sum.duration.add(totals.duration);
  }
  for (const auto& [bits, totals] : plain) {
    const std::string labels =
        render_request_labels(SeriesKey::unpack(bits), RequestLabels::kPlain);
    page.add(families::kRequestDuration, labels, totals.duration);
    page.add(families::kRequestBytes, labels, whole(totals.bytes_in));
    page.add(families::kResponseBytes, labels, whole(totals.bytes_out));
  }
}

void Registry::collect_tcp(MetricsPage& page) const {
  Merged<TcpTotals> merged;
  for (const auto& shard : shards_) {
    shard->tcp_.for_each([&](const Shard::TcpTable::Entry& entry) {
      TcpTotals& totals = merged[entry.key];
      totals.opened += entry.values.opened.value();
      totals.closed += entry.values.closed.value();
      totals.sent += entry.values.sent.value();
      totals.received += entry.values.received.value();
    });
  }
  for (const auto& [bits, totals] : merged) {
    const std::string labels =
        render_request_labels(SeriesKey::unpack(bits), RequestLabels::kWithReason);
    page.add(families::kTcpOpened, labels, whole(totals.opened));
    page.add(families::kTcpClosed, labels, whole(totals.closed));
    page.add(families::kTcpSent, labels, whole(totals.sent));
    page.add(families::kTcpReceived, labels, whole(totals.received));
  }
}

void Registry::collect_counts(MetricsPage& page) const {
  for (const auto& shard : shards_) {
    shard->routes_.for_each([&](const Shard::CountTable::Entry& entry) {
      page.add(families::kRouteRequests,
               {{"route", text_of(high_id(entry.key[0]))},
                {"backend", text_of(low_id(entry.key[0]))},
                {"response_class", name_of(static_cast<ResponseClass>(entry.key[1]))}},
               entry.values.count);
    });
    shard->access_.for_each([&](const Shard::CountTable::Entry& entry) {
      page.add(families::kAccessDecisions,
               {{"policy", text_of(high_id(entry.key[0]))},
                {"rule", text_of(low_id(entry.key[0]))},
                {"decision", name_of(static_cast<AccessDecision>(entry.key[1] / 2))},
                {"dry_run", entry.key[1] % 2 == 1 ? "true" : "false"}},
               entry.values.count);
    });
  }
}

void Registry::collect_clusters(MetricsPage& page, const Destinations* known) const {
  std::set<std::pair<std::string_view, std::string_view>> counted;
  for (const auto& shard : shards_) {
    shard->clusters_.for_each([&](const Shard::ClusterTable::Entry& entry) {
      const ClusterLabels labels{.destination_service = text_of(high_id(entry.key[0])),
                                 .backend = text_of(low_id(entry.key[0])),
                                 .in_use = entry.pins.load(std::memory_order_relaxed) != 0};
      if (labels.in_use) counted.emplace(labels.destination_service, labels.backend);
      telemetry::collect(entry.values, labels, page);
    });
  }
  if (known == nullptr) return;
  known->for_each(
      [&](std::string_view service, std::string_view backend, const ClusterMetrics& unused) {
        if (counted.contains({service, backend})) return;
        telemetry::collect(unused, {.destination_service = service, .backend = backend}, page);
      });
}

}  // namespace weft::telemetry
