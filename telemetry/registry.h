#pragma once
// Registry: everything that can be counted in this process: the Shards of its threads, and single
// metrics that a room owns and registers by name. Makes the /metrics page.
//
// Owner: the composition root; lives longer than every thread it gave a Shard to. Thread: main loop
// only. A Shard is then written by one thread without further ado.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sidecar/core/clock.h"
#include "telemetry/figure.h"
#include "telemetry/metrics.h"
#include "telemetry/prometheus.h"

namespace weft::telemetry {

// Who is configured as a destination, whether or not a thread counts for it yet.
class Destinations {
 public:
  using Tell = std::function<void(std::string_view destination_service, std::string_view backend,
                                  const ClusterMetrics& unused)>;
  // Tells each, with its gauges as they are while nobody has used it.
  virtual void for_each(const Tell& tell) const = 0;

 protected:
  ~Destinations() = default;
};

class Registry final {
 public:
  struct Options {
    Shard::Options shard;
    Duration expire_after = std::chrono::minutes(15);  // MeshConfig metrics.expireAfter
  };

  // Keeps a metric on the page; let go of it before the metric and before the Registry.
  class Registration;

  explicit Registry(const Options& options);
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;
  ~Registry();

  // One for each thread that counts, the main loop's included. Stays where it is.
  [[nodiscard]] Shard& add_shard();

  // A metric of one room, for example of the control plane; metrics of a family with the same
  // labels are combined.
  [[nodiscard]] Registration add(const Figure& figure);

  // Lets series expire that no thread touched for long. Called by scrape(); more often than once a
  // minute it does nothing.
  void advance(TimePoint now);

  // Everything that is counted, now; with `known` also what is to be said of destinations that no
  // thread counts for. Calls advance().
  [[nodiscard]] std::unique_ptr<MetricsPage> collect(TimePoint now,
                                                     const Destinations* known = nullptr);
  // The same as Prometheus text.
  [[nodiscard]] std::string scrape(TimePoint now, const Destinations* known = nullptr) {
    return collect(now, known)->text();
  }

 private:
  struct Item;
  static constexpr Duration kEpoch = std::chrono::minutes(1);

  void remove(std::uint64_t number);
  void collect_requests(MetricsPage& page) const;
  void collect_tcp(MetricsPage& page) const;
  void collect_counts(MetricsPage& page) const;
  void collect_clusters(MetricsPage& page, const Destinations* known) const;

  const Options options_;
  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<Item> items_;
  std::uint64_t next_number_ = 1;
  TimePoint epoch_began_{};
  std::uint32_t epoch_ = 1;
};

class Registry::Registration final {
 public:
  Registration() = default;
  Registration(Registration&& other) noexcept
      : registry_(std::exchange(other.registry_, nullptr)), number_(other.number_) {}
  Registration& operator=(Registration&& other) noexcept {
    std::swap(registry_, other.registry_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~Registration() {
    if (registry_ != nullptr) registry_->remove(number_);
  }

 private:
  friend class Registry;
  Registration(Registry& registry, std::uint64_t number) : registry_(&registry), number_(number) {}
  Registry* registry_ = nullptr;
  std::uint64_t number_ = 0;
};

}  // namespace weft::telemetry
